package main

import (
	"context"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser is a tab of a headless Chromium.
type browser struct {
	t       *testing.T
	ctx     context.Context
	console iter.Seq2[chromedp.ConsoleMessage, error]
}

func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("THE PAGE IS NOT TESTED: there is no chromium, chromium-browser or google-chrome in PATH")
	return ""
}

func openBrowser(t *testing.T) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(findChromium(t)),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.WindowSize(900, 560))
	bounded, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	allocator, end := chromedp.NewExecAllocator(bounded, options...)
	t.Cleanup(end)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	t.Cleanup(func() { require.NoError(t, chromedp.Cancel(ctx)) }) // waits until Chromium has ended
	return &browser{t, ctx, chromedp.Console(ctx)}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, steps...))
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url), chromedp.WaitVisible(chromedp.CSS("#stream.live")))
}

func (b *browser) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// waitVisible waits until elements are visible.
func (b *browser) waitVisible(selectors ...string) {
	b.t.Helper()
	for _, selector := range selectors {
		b.do(chromedp.WaitVisible(chromedp.CSS(selector)))
	}
}

func (b *browser) text(selector string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.TextContent(chromedp.CSS(selector)))
	require.NoError(b.t, err)
	return text
}

// consoleMessages returns what was written to the browser's console: script and network errors, violations of the content
// security policy, and console.log calls.
func (b *browser) consoleMessages() (all []string) {
	b.t.Helper()
	const end = "end of messages"
	b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf("console.log(%q)", end)))
	for message, err := range b.console {
		require.NoError(b.t, err)
		if message.Text == end {
			break
		}
		all = append(all, message.String())
	}
	return all
}

// screenshot saves a picture for manual review: go test -run TestPageButtons -artifacts -outputdir /tmp.
func (b *browser) screenshot(scheme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	require.NoError(b.t, err)
	image, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(b.t.ArtifactDir(), scheme+".png"), image, 0o600))
}

func row(id, state string) string { return `tr[data-user="` + id + `"]` + state }

// TestPageIsLive expects changes of a phone's presence in the page without a reload.
func TestPageIsLive(t *testing.T) {
	b := openBrowser(t)
	fake := newFake(t)
	p := start(t, fakeSettings(t, fake))
	b.open(p.url)
	b.do(chromedp.Evaluate[chromedp.Void]("window.notReloaded = true"))
	require.Equal(t, "Nobody has logged in yet.", b.text("#nobody"))
	b.click("#login button")
	b.waitVisible(row("alice", ":not(.online)"))
	token := p.login("alice")

	fake.SetOnline("alice", true)
	b.waitVisible(row("alice", ".online"))
	require.Equal(t, "online (iOS)", b.text(row("alice", " .presence")))
	fake.SetOnline("alice", false)
	b.waitVisible(row("alice", ":not(.online)"))
	require.Equal(t, "offline", b.text(row("alice", " .presence")))

	page, err := chromedp.Run(b.ctx, chromedp.OuterHTML(chromedp.CSS("html")))
	require.NoError(t, err)
	require.Contains(t, page, "alice")
	require.NotContains(t, page, token)
	notReloaded, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("window.notReloaded === true"))
	require.NoError(t, err)
	require.True(t, notReloaded)
	require.Empty(t, b.consoleMessages())
}

func TestPageButtons(t *testing.T) {
	b := openBrowser(t)
	fake := newFake(t)
	fake.RefuseDeactivation("bob", "4711")
	p := start(t, fakeSettings(t, fake))
	b.open(p.url)
	for _, id := range []string{"alice", "bob", "carol"} {
		b.click("#login button") // each login proposes another name
		b.waitVisible(row(id, ""))
	}
	b.click(row("alice", " button:first-of-type"))
	b.waitVisible(row("alice", ".online"))
	b.click(row("bob", " button:last-of-type"))
	b.waitVisible(row("bob", ".deleting"))
	waitUntil(t, "RC accepts", func() bool { return fake.User("bob").Deactivated })
	b.click("#advance")
	b.waitVisible(row("bob", ".failed"))
	require.Equal(t, "RC refused to delete: 4711", b.text(row("bob", " .account")))
	require.Regexp(t, `^15 min \d+ s$`, b.text(row("alice", " .age")))
	b.click(row("carol", " button:last-of-type"))
	b.waitVisible(row("carol", ".deleting"))
	b.screenshot("light")
	b.screenshot("dark")
	waitUntil(t, "RC accepts", func() bool { return fake.User("carol").Deactivated })
	b.click("#advance")
	b.do(chromedp.WaitNotPresent(chromedp.CSS(row("carol", ""))))
	require.Empty(t, b.consoleMessages())

	p.stop()
	b.waitVisible("#stream:not(.live)")
}

func TestPageTexts(t *testing.T) {
	b := openBrowser(t)
	fake := newFake(t)
	s := fakeSettings(t, fake)
	p := start(t, s)
	p.login("alice")
	b.open(p.url)
	b.waitVisible(row("alice", ""))
	require.Equal(t, "Miss alice (alice)", b.text(row("alice", " .name")))
	b.click(row("alice", " button:last-of-type"))
	b.waitVisible("#message:not(:empty)")
	require.Equal(t, "Miss alice (alice) will be deleted when RC confirms it, in 15 minutes.", b.text("#message"))
	waitUntil(t, "RC accepts", func() bool { return fake.User("alice").Deactivated })
	b.click("#advance")
	b.waitVisible("#nobody")
	require.Empty(t, b.text("#message"))

	queryDB(t, s, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 101)
		INSERT INTO users (id, name, token, token_issued) SELECT 'u' || i, 'U', 'token', 0 FROM n`)
	b.click("#advance")
	b.waitVisible("#more")
	require.Equal(t, "Only the first 100 users are shown.", b.text("#more"))
	require.Empty(t, b.consoleMessages())

	b.do(chromedp.Evaluate[chromedp.Void](`send("GET", "/nothing"); 0`))
	b.waitVisible("#message.error")
	require.Equal(t, "the server answered with status 404 and without JSON", b.text("#message"))
}

// TestPageReconnects after a restart of the server.
func TestPageReconnects(t *testing.T) {
	b := openBrowser(t)
	s := fakeSettings(t, newFake(t))
	p := start(t, s)
	b.open(p.url)
	s.listen = p.url[len("http://"):]
	p.stop()
	b.waitVisible("#stream:not(.live)")
	p = start(t, s)
	p.login("alice")
	b.waitVisible("#stream.live", row("alice", ""))
}
