package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// judgeText judges a text as the content of a file, and returns the ids that would be sent.
func judgeText(text string) ([]string, error) {
	j := newJudge("ids.txt")
	defer j.records.close()
	if err := judgeReader(strings.NewReader(text), j); err != nil {
		return nil, err
	}
	if err := j.verdict(); err != nil {
		return nil, err
	}
	ids := []string{}
	for id, err := range j.records.lines() {
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func TestJudgeAccepts(t *testing.T) {
	longest := strings.Repeat("x", 64)
	for name, c := range map[string]struct {
		text string
		ids  []string
	}{
		"nothing":           {"", []string{}},
		"comments":          {"# a\n\n  \n   # b\n", []string{}},
		"lines":             {"alice\nbob\n", []string{"alice", "bob"}},
		"no last line end":  {"alice\nbob", []string{"alice", "bob"}},
		"Windows line ends": {"alice\r\n\r\nbob\r\n", []string{"alice", "bob"}},
		"byte order mark":   {"\ufeffalice\n", []string{"alice"}},
		"spaces around":     {"  alice \n", []string{"alice"}},
		"repeated":          {"a\nb\na\n", []string{"a", "b", "a"}},
		"RC's alphabet":     {"aZ09+=-_\n", []string{"aZ09+=-_"}},
		"other alphabets":   {"алиса\n爱丽丝\nnoël\n", []string{"алиса", "爱丽丝", "noël"}},
		"addresses":         {"alice@example.com\nurn:u:1\na.b~c/d?e%f&g!h*i$j^k\n", []string{"alice@example.com", "urn:u:1", "a.b~c/d?e%f&g!h*i$j^k"}},
		"hash inside":       {"a#b\n", []string{"a#b"}},
		"longest":           {longest + "\n", []string{longest}},
		"a user called id":  {"alice\nid\n", []string{"alice", "id"}},
		"banned's CSV":      {"user,until\nalice,2026-01-31T12:00:00Z\r\n\"a,b\",2026-01-31T12:00:00+08:00\n", []string{"alice", "a,b"}},
		"banned's JSON":     {"[\n  {\"until\":\"2026-01-31T12:00:00Z\",\"user\":\"alice\"}\n]\n", []string{"alice"}},
		"no CSV rows":       {"user,until\n", []string{}},
		"no JSON rows":      {"[]\n", []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			ids, err := judgeText(c.text)
			require.NoError(t, err)
			require.Equal(t, c.ids, ids)
		})
	}
}

// TestJudgeRefuses has one bad line each, and what is said about it.
func TestJudgeRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, said string }{
		"quotes":               {"alice\n\"bob\"\n", "line 2: \"\\\"bob\\\"\" holds a quotation mark: write ids without quotes"},
		"single quotes":        {"'bob'\n", "line 1: \"'bob'\" holds a quotation mark"},
		"typographic quotes":   {"“bob”\n", "line 1: \"“bob”\" holds a quotation mark"},
		"backquotes":           {"`bob`\n", "holds a quotation mark"},
		"comma":                {"\n# x\na,b\n", "line 3: \"a,b\" holds ','"},
		"ideographic comma":    {"a、b\n", "holds '、'"},
		"full-width comma":     {"a，b\n", "holds '，'"},
		"semicolon":            {"a;b\n", "holds ';'"},
		"tab":                  {"alice\t2026\n", `holds '\t': write one id per line; of a table keep only the column`},
		"tab at the end":       {"alice\t\n", `holds '\t'`},
		"space inside":         {"alice bob\n", "holds a space (U+0020)"},
		"no-break space":       {"alice\u00a0\n", "holds a space (U+00A0)"},
		"ideographic space":    {"a\u3000b\n", "holds a space (U+3000)"},
		"comment at the end":   {"alice # spam\n", "and a # comment on a line of its own"},
		"zero-width space":     {"ali\u200bce\n", `"ali\u200bce" holds the invisible character U+200B: write the id anew`},
		"zero-width joiner":    {"ali\u200dce\n", "invisible character U+200D"},
		"joined BOM files":     {"alice\n\ufeffbob\n", "line 2: \"\\ufeffbob\" holds the invisible character U+FEFF"},
		"right to left":        {"ali\u202ece\n", "invisible character U+202E"},
		"bidi isolate":         {"\u2066alice\n", "invisible character U+2066"},
		"soft hyphen":          {"ali\u00adce\n", "invisible character U+00AD"},
		"Hangul filler":        {"ali\u3164ce\n", "invisible character U+3164"},
		"variant selector":     {"ali\ufe0fce\n", "invisible character U+FE0F"},
		"tag character":        {"alice\U000e0041\n", "invisible character U+E0041"},
		"grapheme joiner":      {"ali\u034fce\n", "invisible character U+034F"},
		"blank braille":        {"ali\u2800ce\n", "invisible character U+2800"},
		"escape":               {"\x1b[31malice\n", `"\x1b[31malice" holds the control character U+001B`},
		"C1 control":           {"ali\u0085ce\n", "control character U+0085"},
		"old Mac line ends":    {"alice\rbob\rcarol", "holds a carriage return"},
		"private use":          {"\ue000\n", "holds U+E000, which is no assigned character"},
		"unassigned":           {"\U000e1000x\u0378\n", "U+"},
		"lost character":       {"ali\ufffdce\n", "holds U+FFFD"},
		"GBK":                  {"\xb0\xae\xc0\xf6\n", "is not UTF-8 text: convert the file"},
		"cut character":        {"ali\xe7\x88\n", "is not UTF-8 text"},
		"NUL":                  {"ali\x00ce\n", "holds a NUL byte"},
		"UTF-16 without a BOM": {"a\x00b\x00", "holds a NUL byte"},
		"65 bytes":             {"a\n" + strings.Repeat("x", 65) + "\n", "line 2: "},
		"22 ideographs":        {strings.Repeat("爱", 22) + "\n", "has more than 64 bytes"},
		"endless line":         {strings.Repeat("x", 1<<20) + "\n", "has more than 64 bytes"},
		"rounded number":       {"a\n1.23457E+15\n", "line 2: \"1.23457E+15\" is a number that a spreadsheet has rounded"},
		"rounded to one digit": {"1E+11\n", "is a number that a spreadsheet has rounded"},
		"spreadsheet error":    {"a\n#N/A\n", "line 2: \"#N/A\" is a spreadsheet's error in place of an id: mend the cell"},
		"error of a formula":   {"#NAME?\na\n", "line 1: \"#NAME?\" is a spreadsheet's error"},
		"error in German":      {"#BEZUG!\n", "is a spreadsheet's error"},
		"error of LibreOffice": {"a\nErr:508\n", "is a spreadsheet's error"},
		"SQL's NULL":           {"a\nNULL\n", "line 2: \"NULL\" is what programs write where there is no value"},
		"jq's null":            {"null\n", "is what programs write where there is no value"},
		"Markdown":             {"a\n| alice |\n", "holds '|'"},
		"brackets":             {"a\n[alice]\n", "holds '['"},
		"backslash":            {`a` + "\n" + `\N` + "\n", `holds '\\'`},
		"header user":          {"user\nalice\n", `line 1: "user" reads like the header of a column: remove it`},
		"header id":            {"# x\nid\nalice\n", `line 2: "id" reads like the header`},
		"header userId":        {"userId\nalice\n", `"userId" reads like the header`},
		"header USER_ID":       {"USER_ID\nalice\n", `"USER_ID" reads like the header`},
		"header uid alone":     {"uid\n", `"uid" reads like the header`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := judgeText(c.text)
			require.ErrorAs(t, err, &inputError{})
			require.ErrorContains(t, err, "ids.txt: line ")
			require.ErrorContains(t, err, c.said)
			require.ErrorContains(t, err, "Nothing was sent: 1 problem.")
		})
	}
}

// TestJudgeRefusesOtherFormats has inputs of which no line can be used.
func TestJudgeRefusesOtherFormats(t *testing.T) {
	for name, c := range map[string]struct{ text, said string }{
		"own table":         {"user                      until\nalice                     2026-01-31T12:00:00Z\n", "line 1: this is a table that this program printed: print it with --format ids"},
		"own empty table":   {"user                      until\n", "--format ids"},
		"table of online":   {"user                      online\nalice                     true\n", "--format ids"},
		"CSV of online":     {"user,online\nalice,false\n", "with the users who are offline"},
		"JSON of online":    {"[\n  {\"online\":true,\"user\":\"a\"}\n]\n", "with the users who are offline"},
		"JSON array":        {`["alice","bob"]` + "\n", "this is JSON"},
		"JSON object":       {"{\n \"users\": [] }\n", "this is JSON"},
		"JSON lines":        {`{"user":"alice"}` + "\n" + `{"user":"bob"}` + "\n", "this is JSON"},
		"JSON of jq":        {"[\n  {\n    \"user\": \"alice\"\n  }\n]\n", "isn't what banned --format json prints"},
		"JSON of ids":       {"[\n  \"alice\"\n]\n", "isn't what banned --format json prints"},
		"JSON without end":  {"[\n  {\"until\":\"2026-01-31T12:00:00Z\",\"user\":\"alice\"},\n", "the JSON list has no end"},
		"JSON cut":          {"[\n  {\"until\":\"2026-01-31T12:00:00Z\",\"user\":\"alice\"}", "the JSON list has no end"},
		"JSON twice":        {"[]\n[]\n", "line 2: \"[]\" follows the end of the JSON list"},
		"other CSV":         {"user,name\nalice,Alice\n", "holds ','"},
		"CSV of owners":     {"owner,user\nalice,bob\n", "this is a file for --owners"},
		"CSV of other time": {"user,until\nalice,31.01.2026 12:00\n", "has no time such as"},
		"CSV of 3 columns":  {"user,until\nalice,2026-01-31T12:00:00Z,x\n", "isn't two columns of CSV"},
		"CSV without id":    {"user,until\n,2026-01-31T12:00:00Z\n", "has no id"},
		"CSV and blank":     {"user,until\n\nalice,2026-01-31T12:00:00Z\n", "isn't two columns of CSV"},
		"HTML":              {"<!DOCTYPE html>\n<p>\n", "this is HTML or XML"},
		"zip":               {"PK\x03\x04\x14\x00", "this is a zip archive or a spreadsheet"},
		"bzip2":             {"BZh91AY&SY", "this is bzip2: bunzip2 it first"},
		"xz":                {"\xfd7zXZ\x00\x00", "this is xz"},
		"zstd":              {"\x28\xb5\x2f\xfd\x04", "this is zstd"},
		"PDF":               {"%PDF-1.7\n", "this is a PDF"},
		"UTF-16 LE":         {"\xff\xfea\x00\n\x00", "this is UTF-16: convert it with iconv -f UTF-16 -t UTF-8"},
		"UTF-16 BE":         {"\xfe\xff\x00a\x00\n", "this is UTF-16"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := judgeText(c.text)
			require.ErrorAs(t, err, &inputError{})
			require.ErrorContains(t, err, c.said)
			require.ErrorContains(t, err, "Nothing was sent")
		})
	}
}

// TestRefusedInputSendsNothing runs commands on inputs with one bad line at the end, however the input comes.
func TestRefusedInputSendsNothing(t *testing.T) {
	server := startService(t)
	good := slices.Collect(fakeIDs(1, 100))
	for _, bad := range []string{`"alice"`, "ali\u200bce", "alice,bob", "ali\xff", strings.Repeat("x", 65), "\x1f\x8b"} {
		lines := append(slices.Clone(good), bad)
		text := strings.Join(lines, "\n")
		for _, command := range [][]string{
			{"ban", "--for", "1h"},
			{"unban"},
			{"deactivate", "--yes"},
			{"reactivate"},
			{"expire-tokens", "--yes"},
			{"online"},
			{"blocklist", "sync", "--owner", "u1", "--yes"},
			{"allowlist", "sync", "--owner", "u1", "--yes"},
		} {
			got := do(t, append(command, "--file", writeFile(t, lines...))...)
			require.Equal(t, statusUsage, got.status, command)
			require.Contains(t, got.errOut, "ids.txt: line 101: ", command)
			require.Empty(t, got.out)
			got = runWithInput(t.Context(), strings.NewReader(text), append(command, "--file", "-")...)
			require.Equal(t, statusUsage, got.status, command)
			require.Contains(t, got.errOut, "standard input: line 101: ", command)
		}
		got := do(t, "online", "alice", bad)
		require.Equal(t, statusUsage, got.status)
		require.Contains(t, got.errOut, "command line: argument 2: ")
		require.Empty(t, got.out)
	}
	require.Empty(t, server.Requests())
}

func TestArgumentsAreJudged(t *testing.T) {
	server := startService(t)
	for _, bad := range []string{"", " ", "#alice", "a b", "a\nb"} {
		got := do(t, "online", "user", bad)
		require.Equal(t, statusUsage, got.status)
		require.Contains(t, got.errOut, "command line: argument 2: ")
	}
	require.Empty(t, server.Requests())
	require.Zero(t, do(t, "online", "user").status, "an argument is no header")
}

func TestProblemsAreCounted(t *testing.T) {
	startService(t)
	var lines []string
	for i := range 25 {
		lines = append(lines, fmt.Sprintf("user%d", i), fmt.Sprintf("a b%d", i))
	}
	got := do(t, "unban", "--file", writeFile(t, lines...))
	require.Equal(t, statusUsage, got.status)
	require.Equal(t, 10, strings.Count(got.errOut, "holds a space"))
	require.Contains(t, got.errOut, "ids.txt: line 20: \"a b9\"")
	require.True(t, strings.HasSuffix(got.errOut, "ids.txt: and 15 more\nNothing was sent: 25 problems.\n"), got.errOut)
}

func TestCompressedFile(t *testing.T) {
	server := startService(t)
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, err := w.Write([]byte("alice\n"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	path := filepath.Join(t.TempDir(), "ids.gz")
	require.NoError(t, os.WriteFile(path, compressed.Bytes(), 0o600))
	got := do(t, "ban", "--for", "1h", "--file", path)
	require.Equal(t, result{statusUsage, "", path + ": this is gzip: gunzip it first\nNothing was sent.\n"}, got)
	require.Empty(t, server.Requests())
}

func TestRepeatedIDsAreCounted(t *testing.T) {
	server := startService(t)
	got := do(t, "unban", "--file", writeFile(t, "a", "b", "a", "c", "a"))
	require.Zero(t, got.status, got.errOut)
	require.Contains(t, got.errOut, "ids.txt: 2 of 5 lines repeat an earlier one, which changes nothing\n")
	require.Contains(t, got.errOut, "total 5, done 5,")
	require.Equal(t, []string{"a", "b", "c"}, sentIDs(server))
}

func TestEmptyInputChangesNothing(t *testing.T) {
	server := startService(t)
	require.Zero(t, do(t, "blocklist", "sync", "--owner", "u1", "--yes", "--file", writeFile(t, "a", "b")).status)
	sent := len(server.Requests())
	for _, command := range [][]string{
		{"ban", "--for", "1h"},
		{"unban"},
		{"deactivate", "--yes"},
		{"reactivate"},
		{"expire-tokens", "--yes"},
		{"online"},
		{"blocklist", "sync", "--owner", "u1", "--yes"},
		{"blocklist", "sync", "--owner", "u1", "--dry-run"},
		{"allowlist", "sync", "--owner", "u1", "--yes"},
	} {
		for _, text := range []string{"", "\n", "# nobody\n", "user,until\n", "[]\n", "\ufeff"} {
			got := runWithInput(t.Context(), strings.NewReader(text), append(command, "--file", "-")...)
			require.Equal(t, statusUsage, got.status, "%q %q", command, text)
			require.Contains(t, got.errOut, "no ids, so nothing was sent. If that is meant, add --allow-empty.\n")
			require.Empty(t, got.out)
		}
	}
	require.Len(t, server.Requests(), sent)
	require.Equal(t, []string{"b", "a"}, server.User("u1").Blocklist)

	require.Zero(t, do(t, "deactivate", "--file", "-", "--allow-empty").status, "there is nothing to ask")
	got := do(t, "blocklist", "sync", "--owner", "u1", "--yes", "--file", "-", "--allow-empty")
	require.Zero(t, got.status)
	require.Equal(t, "blocklist of u1: 0 added, 2 removed\n", got.errOut)
}
