package main

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// focused describes the element that has the focus by its ID, or by its class and the user of its row.
func (p *tab) focused() string {
	p.t.Helper()
	return evaluate[string](p, `((e) => e.closest("[data-user]") ? e.className + " " + e.closest("[data-user]").dataset.user : e.id || e.localName)(document.activeElement)`)
}

func (p *tab) focus(selector string) {
	p.t.Helper()
	p.run(fmt.Sprintf("document.querySelector(%q).focus()", selector))
}

func (p *tab) order() []string {
	p.t.Helper()
	return evaluate[[]string](p, `[...document.querySelectorAll("#users > li")].map((li) => li.dataset.user)`)
}

// testPageKeepsFocus changes and moves the row that has the focus.
func testPageKeepsFocus(t *testing.T, b *browser) {
	s := fakeSettings(t, newFake(t))
	program := start(t, s)
	for _, id := range []string{"alice", "bob", "carol"} {
		program.login(id)
	}
	p := b.tab(t, program.url)
	p.waitVisible(row("carol", ""))
	p.focus(row("alice", " .toggle"))
	s.fake.SetOnline("alice", true)
	p.waitVisible(row("alice", ".online"))
	require.Equal(t, "toggle alice", p.focused(), "after a change of presence")

	for name, order := range map[string][]string{"Z": {"bob", "carol", "alice"}, "A": {"alice", "bob", "carol"}, "Miss bobby": {"bob", "alice", "carol"}} {
		queryDB(t, s, "UPDATE users SET name = '"+name+"' WHERE id = 'alice'")
		program.refresh()
		p.waitForOrder(order)
		require.Equal(t, "toggle alice", p.focused(), "in the order %v", order)
	}

	queryDB(t, s, "UPDATE users SET state = 'deleting', token = '' WHERE id = 'alice'")
	program.refresh()
	p.waitVisible(row("alice", ".deleting"))
	require.Equal(t, "toggle alice", p.focused(), "on a disabled button")
	p.press(kb.Enter)
	require.Equal(t, "true", evaluate[string](p, `document.activeElement.ariaDisabled`))
	require.Empty(t, p.consoleMessages())
}

func (p *tab) waitForOrder(order []string) {
	p.t.Helper()
	waitUntil(p.t, fmt.Sprint("the order ", order), func() bool { return fmt.Sprint(p.order()) == fmt.Sprint(order) })
}

// testPageMovesFocus deletes the row that has the focus, in the middle, at the end, and the only one.
func testPageMovesFocus(t *testing.T, b *browser) {
	s := fakeSettings(t, newFake(t))
	program := start(t, s)
	for _, id := range []string{"alice", "bob", "carol"} {
		program.login(id)
	}
	p := b.tab(t, program.url)
	p.waitVisible(row("carol", ""))
	remove := func(id string) {
		t.Helper()
		queryDB(t, s, "UPDATE users SET state = 'deleting', operation = 'x' WHERE id = '"+id+"'")
		program.refresh()
		p.waitVisible(row(id, ".deleting"))
		queryDB(t, s, "DELETE FROM users WHERE id = '"+id+"'")
		program.refresh()
		p.waitGone(row(id, ""))
	}
	p.focus(row("bob", " .toggle"))
	remove("bob")
	require.Equal(t, "who carol", p.focused(), "the next row")
	require.Equal(t, "Miss bob (bob) was deleted.", p.text("#message"))

	p.click(row("carol", " .remove"))
	p.waitVisible("#confirm[open]")
	remove("carol")
	require.False(t, evaluate[bool](p, `document.getElementById("confirm").open`), "nothing is left to confirm")
	require.Equal(t, "who alice", p.focused(), "the row before, because there is no next one")

	p.press(kb.Tab)
	require.Equal(t, "toggle alice", p.focused(), "Tab continues from there")
	remove("alice")
	require.Equal(t, "users-title", p.focused())
	require.Equal(t, "Nobody has logged in yet.", p.text("#nobody"))
	require.Empty(t, p.consoleMessages())
}

// testPageKeepsInput updates the page while somebody types, and while somebody has selected text in a row.
func testPageKeepsInput(t *testing.T, b *browser) {
	s := fakeSettings(t, newFake(t))
	program := start(t, s)
	program.login("bob")
	p := b.tab(t, program.url)
	p.waitVisible(row("bob", ""))
	p.focus("#user-id")
	p.run(`document.getElementById("user-id").select()`)
	p.press("zXoe")
	p.run(`document.getElementById("user-id").setSelectionRange(1, 2)`)
	program.login("carol")
	p.waitVisible(row("carol", ""))
	p.press("-")
	require.Equal(t, "z-oe", evaluate[string](p, `document.getElementById("user-id").value`))

	p.run(`document.activeElement.blur(); getSelection().selectAllChildren(document.querySelector('li[data-user="carol"] .who'))`)
	program.login("dave")
	queryDB(t, s, "UPDATE users SET name = 'A' WHERE id = 'dave'")
	queryDB(t, s, "UPDATE users SET name = 'Z' WHERE id = 'bob'")
	program.refresh()
	p.waitForOrder([]string{"dave", "carol", "bob"})
	require.Equal(t, "Miss carol (carol)", evaluate[string](p, "getSelection().toString()"))
	require.Empty(t, p.consoleMessages())
}

// testPageKeepsPlace expects that rows which appear above the row that has the focus don't push it out of sight.
func testPageKeepsPlace(t *testing.T, b *browser) {
	s := fakeSettings(t, newFake(t))
	program := start(t, s)
	names := map[string]string{}
	for i := range 60 {
		names[fmt.Sprintf("user%02d", i)] = fmt.Sprintf("M%02d", i)
	}
	insertUsers(t, s, names)
	p := b.tab(t, program.url)
	p.resize(390, 700)
	p.waitVisible(row("user30", ""))
	p.focus(row("user30", " .remove"))
	top := fmt.Sprintf("document.querySelector(%q).getBoundingClientRect().top", row("user30", " .remove"))
	before := evaluate[float64](p, top)
	above := map[string]string{}
	for i := range 20 {
		above[fmt.Sprintf("above%02d", i)] = fmt.Sprintf("A%02d", i)
	}
	insertUsers(t, s, above)
	program.refresh()
	p.waitVisible(row("above19", ""))
	require.InDelta(t, before, evaluate[float64](p, top), 100, "the row stays where it was on the screen")
	p.check("weakFocus", "after the change")
}
