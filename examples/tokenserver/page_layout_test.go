package main

import (
	"flag"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hostileUsers are names that RC allows, up to 64 characters, by ID.
var hostileUsers = map[string]string{
	"latin": strings.Repeat("W", 64),
	strings.Repeat("longest_ID-", 5) + "123456789": "The longest ID",
	"chinese":   strings.Repeat("융云即时通讯云服务", 7),
	"arabic":    strings.Repeat("السلام", 10),
	"emoji":     strings.Repeat("👨‍👩‍👧‍👦", 9),
	"marks":     "Z" + strings.Repeat("\u0301\u0323\u0336", 21),
	"thai":      strings.Repeat("ภาษาไทย", 9),
	"override":  "\u202eReversed",
	"isolate":   "\u2067\u2067\u202eisolated",
	"invisible": "\u200b\u200b",
	"blank":     " ",
	"markup":    `<b>"bold"</b> &amp; <script>x</script>`,
	"twin1":     "Twin",
	"twin2":     "Twin",
}

// insertUsers adds users to the database behind the API, which may accept fewer names.
func insertUsers(t *testing.T, s settings, names map[string]string) {
	t.Helper()
	values := make([]string, 0, len(names))
	for id, name := range names {
		values = append(values, fmt.Sprintf("('%s', '%s', 'token', 0)", id, strings.ReplaceAll(name, "'", "''")))
	}
	queryDB(t, s, "INSERT INTO users (id, name, token, token_issued) VALUES "+strings.Join(values, ", "))
}

// refresh makes the program send its users again.
func (p *program) refresh() {
	p.t.Helper()
	require.Equal(p.t, http.StatusNoContent, p.do("POST", "/demo/advance", "").status)
}

const textSpacing = `const spacing = new CSSStyleSheet();
	spacing.replaceSync("* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-bottom: 2em !important }");
	document.adoptedStyleSheets = [spacing]; 0`

const doubleText = `const larger = new CSSStyleSheet();
	larger.replaceSync("html { font-size: 200% }");
	document.adoptedStyleSheets = [larger]; 0`

func testPageFits(t *testing.T, b *browser) {
	s := fakeSettings(t, newFake(t))
	program := start(t, s)
	p := b.tab(t, program.url)
	widths := []int64{160, 320, 390, 640, 768, 960, 1280, 1440}
	fits := func(when string) {
		t.Helper()
		for _, width := range widths {
			p.resize(width, 800)
			p.check("overflowing", fmt.Sprintf("%s at %d px", when, width))
			p.check("smallTargets", fmt.Sprintf("%s at %d px", when, width))
		}
	}
	fits("empty")
	insertUsers(t, s, hostileUsers)
	queryDB(t, s, "UPDATE users SET state = 'delete failed', refusal = '"+strings.Repeat("9", 100)+"', token = '' WHERE id = 'latin'")
	program.refresh()
	p.waitVisible(row("latin", ""))
	p.run(`showMessage(true, "x".repeat(2000))`)
	p.run(`showFieldError("user-id", "x".repeat(200)); showFieldError("user-name", "long ".repeat(100))`)
	fits("hostile")
	p.run(textSpacing)
	fits("with text spacing")
	widths = []int64{320, 390} // the layouts for wider screens depend on the size of the browser's text, which this doesn't change
	p.run(doubleText)
	fits("with text of twice the size")
	p.run(`document.adoptedStyleSheets = []; showStream("lost", "Connection lost, trying again…"); askBeforeDeletion(rows.get("latin"))`)
	fits("dialog")
}

// idIsAfterName compares positions on the screen: of the ID's letters, and of the ID and the name.
const idIsAfterName = `(() => {
	const parent = document.querySelector(%q), id = parent.querySelector(".id").firstChild, lefts = [];
	for (let i = 0; i < id.length; i++) {
		const range = document.createRange();
		range.setStart(id, i);
		range.setEnd(id, i + 1);
		lefts.push(range.getBoundingClientRect().left);
	}
	const name = parent.querySelector(".name").getBoundingClientRect();
	const idBox = id.parentElement.getBoundingClientRect();
	return (idBox.left >= name.right - 1 || idBox.top >= name.bottom - 5) && lefts.every((left, i) => i === 0 || left > lefts[i - 1]);
})()`

// testPageIsolatesNames expects the ID after the name, whatever the direction of the name.
func testPageIsolatesNames(t *testing.T, b *browser) {
	s := fakeSettings(t, newFake(t))
	program := start(t, s)
	names := map[string]string{
		"override": "\u202eReversed", "isolate": "\u2067\u2067\u202eisolated", "unclosed": "\u2066\u202e\u2068name",
		"popped": "\u202cname\u2069\u2069\u202e", "hebrew": "שלום 12", "markup": `<b>bold</b> &amp; <script>x</script>`,
	}
	insertUsers(t, s, names)
	p := b.tab(t, program.url)
	p.resize(1280, 800)
	require.Equal(t, names["markup"]+" (markup)", p.text(row("markup", " .who")))
	for id := range names {
		p.waitVisible(row(id, ""))
		p.run(fmt.Sprintf("askBeforeDeletion(rows.get(%q)); showMessage(false, ...labelOf(rows.get(%q).user), ' has a token')", id, id))
		for _, place := range []string{row(id, " .who"), "#message", "#confirm-user"} {
			require.True(t, evaluate[bool](p, fmt.Sprintf(idIsAfterName, place)), "%s in %s", id, place)
		}
		p.run(`document.getElementById("confirm").close()`)
	}
}

// testPageScreenshots saves pictures for manual review.
func testPageScreenshots(t *testing.T, b *browser) {
	if flag.Lookup("test.artifacts").Value.String() != "true" {
		t.Skip("nobody looks at the pictures without -artifacts")
	}
	s := fakeSettings(t, newFake(t))
	program := start(t, s)
	p := b.tab(t, program.url)
	p.screenshot("empty", 390)
	insertUsers(t, s, map[string]string{
		"latin": hostileUsers["latin"], "arabic": hostileUsers["arabic"], "marks": hostileUsers["marks"], "isolate": hostileUsers["isolate"],
		strings.Repeat("x", 64): "The longest ID",
	})
	for _, id := range []string{"alice", "bob", "carol", "dave"} {
		program.login(id)
	}
	s.fake.SetOnline("alice", true)
	queryDB(t, s, "UPDATE users SET state = 'delete failed', refusal = '4711', token = '' WHERE id = 'carol'")
	queryDB(t, s, "UPDATE users SET state = 'deleting', token = '' WHERE id = 'dave'")
	p.click("#advance")
	p.waitVisible(row("alice", ".online"), row("carol", ".failed"))
	for _, scheme := range []string{"light", "dark"} {
		p.setMedia("prefers-color-scheme", scheme)
		for _, width := range []int64{320, 390, 768, 1280} {
			p.screenshot(scheme, width)
		}
	}
	p.run(`showFieldError("user-id", "A user ID has 1 to 64 letters, digits, - or _."); askBeforeDeletion(rows.get("alice"))`)
	p.screenshot("dialog", 390)
}
