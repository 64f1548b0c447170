package main

import (
	"context"
	_ "embed"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// checks are functions for the page that return what is wrong with it.
//
//go:embed testdata/checks.js
var checks string

// browser is a headless Chromium.
type browser struct{ ctx context.Context }

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
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	bounded, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	allocator, end := chromedp.NewExecAllocator(bounded, options...)
	t.Cleanup(end)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	t.Cleanup(func() { require.NoError(t, chromedp.Cancel(ctx)) }) // waits until Chromium has ended
	require.NoError(t, chromedp.Do(ctx))
	return &browser{ctx}
}

// tab is a tab of the browser that shows the page.
type tab struct {
	t       *testing.T
	ctx     context.Context
	console iter.Seq2[chromedp.ConsoleMessage, error]
}

// tab opens the page of a program in a tab of its own.
func (b *browser) tab(t *testing.T, url string) *tab {
	t.Helper()
	bounded, cancel := context.WithTimeout(b.ctx, 2*testTimeout)
	t.Cleanup(cancel)
	ctx, end := chromedp.NewContext(bounded)
	t.Cleanup(end)
	p := &tab{t, ctx, chromedp.Console(ctx)}
	_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	require.NoError(t, err)
	p.resize(900, 700)
	p.do(chromedp.Navigate(url))
	p.waitVisible("#stream.live")
	p.run(checks + "; window.notReloaded = true; 0")
	return p
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.ctx, steps...))
}

func (p *tab) resize(width, height int64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, height))
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// press presses keys, such as "alice" or [kb.Tab].
func (p *tab) press(keys string, modifiers ...kb.Modifier) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys, chromedp.KeyModifiers(modifiers...)))
}

// waitVisible waits until elements are visible.
func (p *tab) waitVisible(selectors ...string) {
	p.t.Helper()
	for _, selector := range selectors {
		p.do(chromedp.WaitVisible(chromedp.CSS(selector)))
	}
}

func (p *tab) waitGone(selector string) {
	p.t.Helper()
	p.do(chromedp.WaitNotPresent(chromedp.CSS(selector)))
}

func (p *tab) text(selector string) string {
	p.t.Helper()
	text, err := chromedp.Run(p.ctx, chromedp.TextContent(chromedp.CSS(selector)))
	require.NoError(p.t, err)
	return text
}

// waitForMessage waits until the page shows a message. Other messages may come before it.
func (p *tab) waitForMessage(text string) {
	p.t.Helper()
	waitUntil(p.t, "the message "+text, func() bool { return p.text("#message") == text })
}

// run evaluates a script that returns nothing of interest.
func (p *tab) run(script string) {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void](script))
}

// evaluate returns the value of a script, which must be of type T.
func evaluate[T any](p *tab, script string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](script))
	require.NoError(p.t, err)
	return value
}

// check calls a function of checks.js.
func (p *tab) check(function, when string) {
	p.t.Helper()
	require.Empty(p.t, evaluate[[]string](p, function+"()"), when)
}

// setMedia emulates the user's preferences, such as "prefers-color-scheme", "dark".
func (p *tab) setMedia(name, value string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: name, Value: value}},
	})
	require.NoError(p.t, err)
}

// consoleMessages returns what was written to the browser's console: script and network errors, violations of the content
// security policy, and console.log calls.
func (p *tab) consoleMessages() (all []string) {
	p.t.Helper()
	const end = "end of messages"
	p.run(fmt.Sprintf("console.log(%q)", end))
	for message, err := range p.console {
		require.NoError(p.t, err)
		if message.Text == end {
			break
		}
		all = append(all, message.String())
	}
	return all
}

// screenshot saves a picture of the whole page for manual review: go test -run TestPage -artifacts -outputdir /tmp.
func (p *tab) screenshot(name string, width int64) {
	p.t.Helper()
	p.resize(width, 700)
	p.resize(width, evaluate[int64](p, "document.documentElement.scrollHeight"))
	image, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	require.NoError(p.t, err)
	require.NoError(p.t, os.WriteFile(filepath.Join(p.t.ArtifactDir(), fmt.Sprintf("%s-%d.png", name, width)), image, 0o600))
}

func row(id, state string) string { return `li[data-user="` + id + `"]` + state }
