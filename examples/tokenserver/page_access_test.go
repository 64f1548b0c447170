package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// pressUntil presses Tab until an element has the focus, and checks on the way that the focus can be seen.
func (p *tab) pressUntil(focused string) {
	p.t.Helper()
	for range 20 {
		p.press(kb.Tab)
		p.check("weakFocus", "on the way to "+focused)
		if p.focused() == focused {
			return
		}
	}
	require.FailNow(p.t, "Tab doesn't reach "+focused)
}

// testPageKeyboard logs a user in, connects and deletes the user by keyboard alone.
func testPageKeyboard(t *testing.T, b *browser) {
	for _, width := range []int64{320, 390, 1280} {
		fake := newFake(t)
		program := start(t, fakeSettings(t, fake))
		program.login("anna")
		program.login("yves")
		p := b.tab(t, program.url)
		p.resize(width, 568)
		p.pressUntil("user-id") // which selects the proposed ID
		p.press("zoe")
		p.pressUntil("user-name")
		p.press("Zoë" + kb.Enter)
		p.waitVisible(row("zoe", ""))
		require.Equal(t, "user-name", p.focused())

		p.pressUntil("toggle zoe")
		p.press(" ")
		p.waitVisible(row("zoe", ".online"))
		p.waitForMessage("Zoë (zoe) is connected.")
		p.pressUntil("remove zoe")
		p.press(kb.Enter)
		p.waitVisible("#confirm[open]")
		require.Equal(t, "cancel", p.focused(), "Enter twice deletes nobody")
		p.press(kb.Escape)
		require.Equal(t, "remove zoe", p.focused())
		p.press(kb.Enter)
		p.pressUntil("confirm-delete")
		p.press(kb.Enter)
		p.waitVisible(row("zoe", ".deleting"))
		require.Equal(t, "remove zoe", p.focused())
		waitUntil(t, "RC accepts", func() bool { return fake.User("zoe").Deactivated })
		p.pressUntil("advance")
		p.press(kb.Enter)
		p.waitGone(row("zoe", ""))
		p.waitForMessage("Zoë (zoe) was deleted.")
		require.Equal(t, "advance", p.focused())
		p.press(kb.Tab, kb.ModifierShift)
		require.Equal(t, "remove yves", p.focused())
	}
}

// accessible returns what the browser tells a screen reader: the names of all elements by their role.
func (p *tab) accessible() map[string][]string {
	p.t.Helper()
	tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	require.NoError(p.t, err)
	names := map[string][]string{}
	for _, node := range tree.Nodes {
		if node.Ignored || node.Role == nil {
			continue
		}
		var role, name string
		require.NoError(p.t, json.Unmarshal(node.Role.Value, &role))
		if node.Name != nil {
			require.NoError(p.t, json.Unmarshal(node.Name.Value, &name))
		}
		names[role] = append(names[role], name)
	}
	return names
}

func testPageNames(t *testing.T, b *browser) {
	s := fakeSettings(t, newFake(t))
	program := start(t, s)
	program.login("alice")
	insertUsers(t, s, hostileUsers)
	p := b.tab(t, program.url)
	for _, width := range []int64{320, 390, 1280} {
		p.resize(width, 800)
		names := p.accessible()
		require.Equal(t, []string{"User ID", "Name (optional)"}, names["textbox"])
		require.Subset(t, names["button"], []string{
			"Log in", "Connect Miss alice (alice)", "Delete Miss alice (alice)", "Delete Twin (twin1)", "Delete Twin (twin2)", "Advance 15 minutes",
		})
		seen := map[string]bool{}
		for _, name := range names["button"] {
			require.NotEmpty(t, name)
			require.False(t, seen[name], "two buttons are called %q", name)
			seen[name] = true
		}
		require.Len(t, names["button"], 2+2*(1+len(hostileUsers)))
		require.Equal(t, []string{"Users"}, names["list"])
		require.Len(t, names["listitem"], 1+len(hostileUsers))
		require.Len(t, names["term"], 3*(1+len(hostileUsers)), "the labels of the values, hidden or not, at %d px", width)
		require.Subset(t, names["heading"], []string{"tokenserver", "Log in", "Users", "Miss alice (alice)"})
		for _, role := range []string{"banner", "main", "contentinfo"} {
			require.Len(t, names[role], 1, role)
		}
		require.Equal(t, []string{"Log in", "Users"}, names["region"])
		require.Len(t, names["status"], 2)
	}
	p.click(row("twin2", " .remove"))
	names := p.accessible()
	require.Equal(t, []string{"Delete Twin (twin2)?"}, names["alertdialog"])
	require.Equal(t, []string{"Cancel", "Delete Twin (twin2)"}, names["button"])
	require.Equal(t, "en", evaluate[string](p, "document.documentElement.lang"))
	require.NotEmpty(t, evaluate[string](p, "document.title"))
}

// testPageContrast shows every state in both color schemes and in forced colors.
func testPageContrast(t *testing.T, b *browser) {
	s := fakeSettings(t, newFake(t))
	program := start(t, s)
	for _, id := range []string{"alice", "bob", "carol", "dave"} {
		program.login(id)
	}
	s.fake.SetOnline("alice", true)
	queryDB(t, s, "UPDATE users SET state = 'delete failed', refusal = '4711', token = '' WHERE id = 'carol'")
	queryDB(t, s, "UPDATE users SET state = 'deleting', operation = 'x', token = '' WHERE id = 'dave'")
	program.refresh()
	p := b.tab(t, program.url)
	p.waitVisible(row("alice", ".online"), row("carol", ".failed"), row("dave", ".deleting"))
	for _, media := range [][2]string{{"prefers-color-scheme", "light"}, {"prefers-color-scheme", "dark"}, {"forced-colors", "active"}} {
		p.setMedia(media[0], media[1])
		for _, width := range []int64{390, 1280} {
			when := fmt.Sprintf("%s at %d px", media[1], width)
			p.resize(width, 800)
			p.run(`showMessage(false, "done"); showFieldError("user-id", ""); showStream("live", "Live")`)
			p.check("lowContrast", when)
			p.run(`showMessage(true, "failed"); showFieldError("user-id", "wrong"); showStream("lost", "Lost")`)
			p.check("lowContrast", when+", with errors")
			p.run(`askBeforeDeletion(rows.get("alice"))`)
			p.check("lowContrast", when+", with the dialog")
			p.press(kb.Tab)
			p.check("weakFocus", when+", in the dialog")
			p.run(`byID("confirm").close()`)
		}
	}
}

// testPageMotion expects no animation for users who prefer none.
func testPageMotion(t *testing.T, b *browser) {
	program := start(t, fakeSettings(t, newFake(t)))
	p := b.tab(t, program.url)
	p.run(`showStream("lost", "Connection lost")`)
	for preference, animations := range map[string]int{"no-preference": 1, "reduce": 0} {
		p.setMedia("prefers-reduced-motion", preference)
		require.Equal(t, animations, evaluate[int](p, "document.getAnimations({ subtree: true }).length"), preference)
	}
}
