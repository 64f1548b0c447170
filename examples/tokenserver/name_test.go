package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNames(t *testing.T) {
	for _, name := range []string{
		"Alice", "A", "O'Neil-Ångström", "李小龍", "Ελένη Παπα", "سارة", "शर्मिला", "می\u200cخواهم", "\u200fדנה\u200e", "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "a b",
		`"<b>&`, strings.Repeat("李", 64),
	} {
		require.Empty(t, nameProblem(name), "%+q", name)
	}
	for name, problem := range map[string]string{
		"":                           "it has 0",
		strings.Repeat("a", 65):      "it has 65",
		"alice\u202e321":             "U+202E", // shown as "alice123"
		"\u2066alice":                "U+2066",
		"alice\u2069":                "U+2069",
		"alice\nbob":                 "U+000A",
		"alice\u2028bob":             "U+2028",
		"alice\x00":                  "U+0000",
		"\x1b[31malice":              "U+001B",
		"alice\u0085":                "U+0085",
		"  ":                         "visible",
		"\u200b\u200d\ufeff":         "visible",
		"\u00a0\u3000\u2800":         "visible",
		"\u3164\u115f":               "visible", // fillers of Korean
		"\u0301":                     "visible", // an accent without a letter
		"\U000E0041":                 "visible",
		"\u2060\u200e":               "visible",
		"alice\u202a\u202c":          "U+202A",
		strings.Repeat("\u202e", 65): "it has 65",
		"alice\u202dbob\u202cend":    "U+202D",
	} {
		require.Contains(t, nameProblem(name), problem, "%+q", name)
	}
}

// TestForbiddenNamesNeverReachRC expects an error that says what is wrong.
func TestForbiddenNamesNeverReachRC(t *testing.T) {
	fake := newFake(t)
	p := start(t, fakeSettings(t, fake))
	for _, name := range []string{"alice\u202e321", "\u2067alice", "alice\r\nbob"} {
		encoded, err := json.Marshal(name)
		require.NoError(t, err)
		a := p.loginAs(`"name": ` + string(encoded))
		require.Equal(t, http.StatusBadRequest, a.status, a.body)
		require.Contains(t, a.field(t, "error"), "name must not have the character U+")
	}
	require.Empty(t, fake.Requests())
}
