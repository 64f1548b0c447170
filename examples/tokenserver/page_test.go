package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// TestPage runs all tests of the page in one browser, each in a tab of its own.
func TestPage(t *testing.T) {
	b := openBrowser(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *browser)
	}{
		{"is live", testPageIsLive},
		{"buttons", testPageButtons},
		{"messages", testPageMessages},
		{"late answer", testPageLateAnswer},
		{"errors of fields", testPageFieldErrors},
		{"reconnects", testPageReconnects},
		{"comes back", testPageComesBack},
		{"two tabs", testPageTwoTabs},
		{"slow network", testPageSlowNetwork},
		{"keeps focus", testPageKeepsFocus},
		{"moves focus", testPageMovesFocus},
		{"keeps input", testPageKeepsInput},
		{"keeps place", testPageKeepsPlace},
		{"keyboard", testPageKeyboard},
		{"names", testPageNames},
		{"contrast", testPageContrast},
		{"motion", testPageMotion},
		{"fits", testPageFits},
		{"isolates names", testPageIsolatesNames},
		{"screenshots", testPageScreenshots},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, b)
		})
	}
}

// testPageIsLive expects changes of a phone's presence in the page without a reload.
func testPageIsLive(t *testing.T, b *browser) {
	fake := newFake(t)
	program := start(t, fakeSettings(t, fake))
	p := b.tab(t, program.url)
	require.Equal(t, "Nobody has logged in yet.", p.text("#nobody"))
	p.click("#login button")
	p.waitVisible(row("alice", ":not(.online)"))
	token := program.login("alice")

	fake.SetOnline("alice", true)
	p.waitVisible(row("alice", ".online"))
	require.Equal(t, "online (iOS)", p.text(row("alice", " .presence dd")))
	fake.SetOnline("alice", false)
	p.waitVisible(row("alice", ":not(.online)"))
	require.Equal(t, "offline", p.text(row("alice", " .presence dd")))

	html, err := chromedp.Run(p.ctx, chromedp.OuterHTML(chromedp.CSS("html")))
	require.NoError(t, err)
	require.Contains(t, html, "alice")
	require.NotContains(t, html, token)
	require.True(t, evaluate[bool](p, "window.notReloaded === true"))
	require.Empty(t, p.consoleMessages())
}

// delete deletes a user and confirms it.
func (p *tab) delete(id string) {
	p.t.Helper()
	p.click(row(id, " .remove"))
	p.waitVisible("#confirm[open]")
	p.click("#confirm-delete")
	p.waitVisible(row(id, ".deleting"))
}

func testPageButtons(t *testing.T, b *browser) {
	fake := newFake(t)
	fake.RefuseDeactivation("bob", "4711")
	program := start(t, fakeSettings(t, fake))
	p := b.tab(t, program.url)
	for _, id := range []string{"alice", "bob", "carol"} {
		p.click("#login button") // each login proposes another ID
		p.waitVisible(row(id, ""))
	}
	p.click(row("alice", " .toggle"))
	p.waitVisible(row("alice", ".online"))
	p.waitForMessage("alice is connected.")

	p.click(row("bob", " .remove"))
	p.waitVisible("#confirm[open]")
	require.Equal(t, "Delete bob?", p.text("#confirm-title"))
	p.click("#cancel")
	require.Equal(t, "remove bob", p.focused())
	require.Equal(t, http.StatusOK, program.user("bob").status)
	require.Equal(t, "active", program.user("bob").field(t, "state"), "cancelled")

	p.click(row("bob", " .remove"))
	p.waitVisible("#confirm[open]")
	p.run(fmt.Sprintf("byID('cancel').click(); document.querySelector(%q).click()", row("bob", " .remove"))) // asks again at once
	p.waitVisible("#confirm[open]")
	p.click("#confirm-delete")
	p.waitVisible(row("bob", ".deleting"))
	p.waitForMessage("bob will be deleted when RC confirms it, in 15 minutes.")
	waitUntil(t, "RC accepts", func() bool { return fake.User("bob").Deactivated })
	p.click("#advance")
	p.waitVisible(row("bob", ".failed"))
	require.Equal(t, "RC refused to delete: 4711", p.text(row("bob", " .account dd")))
	require.Equal(t, "15 min", p.text(row("alice", " .token dd")))
	p.delete("carol")
	waitUntil(t, "RC accepts", func() bool { return fake.User("carol").Deactivated })
	p.click("#advance")
	p.waitGone(row("carol", ""))
	require.Empty(t, p.consoleMessages())
}

func testPageMessages(t *testing.T, b *browser) {
	s := fakeSettings(t, newFake(t))
	program := start(t, s)
	p := b.tab(t, program.url)
	p.do(chromedp.SendKeys(chromedp.CSS("#user-name"), "Miss alice"))
	p.click("#login button")
	p.waitVisible(row("alice", ""))
	p.waitForMessage(fmt.Sprintf("Miss alice (alice) got a token of %d characters.", len(program.login("alice"))))
	require.Equal(t, "Miss alice (alice)", p.text(row("alice", " .who")))
	p.run(`byID("user-id").value = "alice"; byID("user-name").value = ""`)
	p.click("#login button") // without a name, which keeps the one that the user has
	p.waitForMessage(fmt.Sprintf("alice got a token of %d characters.", len(program.login("alice"))))
	require.Equal(t, "Miss alice", program.user("alice").field(t, "name"))

	queryDB(t, s, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
		INSERT INTO users (id, name, token, token_issued, state, operation) SELECT 'u' || i, 'U', '', 0, 'deleting', 'x' FROM n`)
	program.refresh()
	p.waitVisible("#more")
	require.Equal(t, "Only the first 100 users by name are shown.", p.text("#more"))
	queryDB(t, s, "DELETE FROM users WHERE id <> 'alice'")
	program.refresh()
	p.waitForMessage("99 accounts have changed.") // instead of 99 sentences for a screen reader
	require.Equal(t, []string{"alice"}, p.order())
	require.Empty(t, p.consoleMessages())

	p.run(`send("GET", "/nothing").catch((error) => showMessage(true, error.message)); 0`)
	p.waitVisible("#message.failure")
	require.Equal(t, "The server answered with status 404 and without JSON.", p.text("#message"))
}

// testPageLateAnswer expects the announcement of a deletion to stay when the answer to the click that caused it comes later.
func testPageLateAnswer(t *testing.T, b *browser) {
	fake := newFake(t)
	program := start(t, fakeSettings(t, fake))
	program.login("alice")
	p := b.tab(t, program.url)
	p.waitVisible(row("alice", ""))
	p.delete("alice")
	waitUntil(t, "RC accepts", func() bool { return fake.User("alice").Deactivated })
	p.run(`{
		const original = fetch;
		const deleted = new Promise((resolve) => new MutationObserver(() => {
			if (byID("message").textContent.includes("was deleted")) resolve();
		}).observe(byID("message"), { childList: true }));
		fetch = async (...request) => {
			const answer = await original(...request);
			await deleted;
			return answer;
		};
	}`)
	p.click("#advance")
	p.waitGone(row("alice", ""))
	p.waitGone("#advance[aria-busy]")
	require.Equal(t, "Miss alice (alice) was deleted.", p.text("#message"))
}

// testPageFieldErrors expects the errors of a login beside the field that they are about, and the focus there.
func testPageFieldErrors(t *testing.T, b *browser) {
	s := fakeSettings(t, newFake(t))
	program := start(t, s)
	program.login("closing")
	queryDB(t, s, "UPDATE users SET state = 'deleting', operation = 'x' WHERE id = 'closing'")
	p := b.tab(t, program.url)
	for _, test := range []struct{ id, name, field, text string }{
		{"", "", "user-id", "Enter a user ID."},
		{"a,b", "", "user-id", "A user ID has 1 to 64 letters, digits, - or _."},
		{fmt.Sprintf("%065d", 1), "", "user-id", "A user ID has 1 to 64 letters, digits, - or _."},
		{"long", fmt.Sprintf("%065d", 1), "user-name", "The name has 65 characters; 64 are allowed."},
		{"closing", "", "user-id", "the account is being deleted"},
	} {
		p.run(fmt.Sprintf(`document.getElementById("user-id").value = %q; document.getElementById("user-name").value = %q`, test.id, test.name))
		p.click("#login button")
		waitUntil(t, test.text, func() bool { return p.text("#"+test.field+"-error") == test.text })
		require.Equal(t, test.field, p.focused())
		require.Equal(t, "true", evaluate[string](p, "document.activeElement.ariaInvalid"))
		require.Len(t, evaluate[[]string](p, `[...document.querySelectorAll("[aria-invalid]")].map((e) => e.id)`), 1)
	}
	p.run(`document.getElementById("user-id").value = "zoe"`)
	p.click("#login button")
	p.waitVisible(row("zoe", ""))
	require.Empty(t, p.text("#user-id-error"))
	p.waitGone("[aria-invalid]")
}

// testPageReconnects after a restart of the server.
func testPageReconnects(t *testing.T, b *browser) {
	s := fakeSettings(t, newFake(t))
	program := start(t, s)
	p := b.tab(t, program.url)
	s.listen = program.url[len("http://"):]
	program.stop()
	p.waitVisible("#stream.lost")
	require.Equal(t, "Connection lost, trying again…", p.text("#stream"))
	p.click("#advance")
	p.waitForMessage("The server can't be reached. Try again later.")
	program = start(t, s)
	program.login("alice")
	p.waitVisible("#stream.live", row("alice", ""))
	require.True(t, evaluate[bool](p, "window.notReloaded === true"))
}

// testPageComesBack expects a live page after the browser's Back button, which may restore the page without loading it again.
func testPageComesBack(t *testing.T, b *browser) {
	program := start(t, fakeSettings(t, newFake(t)))
	p := b.tab(t, program.url)
	p.do(chromedp.Navigate("about:blank"))
	program.login("alice")
	p.run(`setTimeout(() => history.back())`)
	shows := func(ids ...string) func() bool {
		return func() bool {
			script := fmt.Sprintf(`typeof rows === "object" && [...rows.keys()].join() === %q`, strings.Join(ids, ","))
			shown, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](script))
			return err == nil && shown // an error while the browser goes from one page to the other
		}
	}
	waitUntil(t, "alice", shows("alice"))
	program.login("bob")
	waitUntil(t, "bob", shows("alice", "bob"))
	t.Log("restored without loading it again:", evaluate[bool](p, "window.notReloaded === true")) // the browser decides

	hide := `Object.defineProperty(document, "visibilityState", { value: %q, configurable: true }); document.dispatchEvent(new Event("visibilitychange"))`
	p.run(fmt.Sprintf(hide, "hidden"))
	require.True(t, evaluate[bool](p, "source === null"), "a hidden page holds no connection")
	program.login("carol")
	p.run(fmt.Sprintf(hide, "visible"))
	waitUntil(t, "carol", shows("alice", "bob", "carol"))
}

// testPageTwoTabs deletes a user in one tab while the other asks whether to delete the same user.
func testPageTwoTabs(t *testing.T, b *browser) {
	fake := newFake(t)
	program := start(t, fakeSettings(t, fake))
	program.login("alice")
	one, other := b.tab(t, program.url), b.tab(t, program.url)
	other.waitVisible(row("alice", ""))
	other.click(row("alice", " .remove"))
	other.waitVisible("#confirm[open]")
	one.delete("alice")
	other.waitVisible(row("alice", ".deleting"))
	waitUntil(t, "RC accepts", func() bool { return fake.User("alice").Deactivated })
	one.click("#advance")
	for _, p := range []*tab{one, other} {
		p.waitGone(row("alice", ""))
		p.waitForMessage("Miss alice (alice) was deleted.")
	}
	require.Equal(t, "users-title", other.focused())
	require.Empty(t, append(one.consoleMessages(), other.consoleMessages()...))
}

// testPageSlowNetwork expects one request for several clicks, and that what is typed meanwhile stays.
func testPageSlowNetwork(t *testing.T, b *browser) {
	fake := newFake(t)
	program := start(t, fakeSettings(t, fake))
	p := b.tab(t, program.url)
	slow := network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{
		{URLPattern: "", Latency: 400, DownloadThroughput: 20000, UploadThroughput: 20000},
	}}
	_, err := chromedp.Call(p.ctx, network.EmulateNetworkConditionsByRule, slow)
	require.NoError(t, err)
	before := fake.Now()
	p.run(`for (let i = 0; i < 5; i++) document.getElementById("advance").click()`)
	p.waitForMessage("The clock of the fake RC was moved 15 minutes on.")
	require.InDelta(t, demoStep.Seconds(), fake.Now().Sub(before).Seconds(), 60)

	p.click("#login button")
	p.waitVisible("#login button[aria-busy]")
	p.run(`document.getElementById("user-id").value = "typed"`)
	p.waitVisible(row("alice", ""))
	p.waitGone("#login button[aria-busy]")
	require.Equal(t, "typed", evaluate[string](p, `document.getElementById("user-id").value`))
}
