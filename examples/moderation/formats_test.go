package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// printBans returns what banned prints.
func printBans(format string, ids ...string) (string, error) {
	var out strings.Builder
	_, err := writeBans(func(yield func(rcuser.Ban, error) bool) {
		for _, id := range ids {
			if !yield(rcuser.Ban{UserID: id, Until: time.Unix(1_800_000_000, 0)}, nil) {
				return
			}
		}
	}, newTable(&out, format, "user", "until"))
	return out.String(), err
}

// hostileIDs could be registered with RC by other programs, as far as its checks are known.
var hostileIDs = []string{
	"alice", "a,b", `"a"`, `a"b`, `""`, "'a'", " a", "a ", " ", "#a", "user", "until", "user,until", "[", "]", "[]", "{}",
	"a;b", "a|b", "<a>", "a&b", `a\b`, `\N`, `\.`, "=1+1", "爱", "\u200b", "\u202e", "\u2028", "\ue000", "\ufffd", "\u00a0", "\ufeff", "null",
	strings.Repeat("爱", 21), strings.Repeat(`"`, 64), "1.23457E+15",
}

func TestPrintedFormatsAreReadAgain(t *testing.T) {
	for _, format := range []string{"csv", "json"} {
		text, err := printBans(format, hostileIDs...)
		require.NoError(t, err)
		ids, err := judgeText(text)
		require.NoError(t, err, format)
		require.Equal(t, hostileIDs, ids, format)
		for _, id := range hostileIDs {
			text, err := printBans(format, id)
			require.NoError(t, err)
			ids, err := judgeText(text)
			require.NoError(t, err)
			require.Equal(t, []string{id}, ids)
		}
	}
}

func TestPrintedIDsAreReadAgain(t *testing.T) {
	text, err := printBans("ids", "alice", "user", "a,b", "bob", "#x", "carol\u200b")
	require.EqualError(t, err, `left out 3 users, as "a,b" can't be a line of ids: --format json has all`)
	require.Equal(t, "alice\nuser\nbob\n", text)
	ids, err := judgeText(text)
	require.NoError(t, err)
	require.Equal(t, []string{"alice", "user", "bob"}, ids)

	text, err = printBans("ids", "user")
	require.ErrorContains(t, err, "left out 1 user")
	require.Empty(t, text)
}

func TestIncompleteListIsNoJSON(t *testing.T) {
	var out strings.Builder
	_, err := writeBans(func(yield func(rcuser.Ban, error) bool) {
		if yield(rcuser.Ban{UserID: "a"}, nil) {
			yield(rcuser.Ban{}, errNoTerminal)
		}
	}, newTable(&out, "json", "user", "until"))
	require.ErrorContains(t, err, "the list is incomplete")
	_, err = judgeText(out.String())
	require.ErrorContains(t, err, "the JSON list has no end")
}

func TestTableHidesNothing(t *testing.T) {
	text, err := printBans("table", "ali\u202ece", "爱丽丝", "\x1b[31m")
	require.NoError(t, err)
	require.Contains(t, text, `"ali\u202ece"`)
	require.Contains(t, text, "爱丽丝")
	require.NotContains(t, text, "\x1b")
}

// FuzzJudge checks that an input is refused, or that exactly its ids are sent, and that every format brings them back.
func FuzzJudge(f *testing.F) {
	f.Add("alice\nbob\n")
	f.Add("\ufeff# x\r\n a \r\nuser\r\n")
	f.Add("user,until\n\"a,b\",2026-01-31T12:00:00Z\n")
	f.Add("[\n  {\"until\":\"2026-01-31T12:00:00Z\",\"user\":\"a\"},\n  {\"until\":\"2026-01-31T12:00:00Z\",\"user\":\"b\"}\n]\n")
	f.Add("\"a\"\n")
	f.Add("a\x00")
	for _, id := range hostileIDs {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ids, err := judgeText(text)
		if err != nil {
			require.ErrorAs(t, err, &inputError{})
			return
		}
		for _, id := range ids {
			require.Empty(t, printedProblem(id))
			require.Contains(t, strings.ReplaceAll(text, `""`, `"`), encodedIn(text, id))
		}
		for _, format := range []string{"csv", "json", "ids"} {
			printed, err := printBans(format, ids...)
			if format == "ids" && err != nil {
				require.ErrorContains(t, err, "left out ")
				continue
			}
			require.NoError(t, err)
			again, err := judgeText(printed)
			require.NoError(t, err)
			require.Equal(t, ids, again)
		}
	})
}

// encodedIn returns how an input has an id: as it is, but for JSON.
func encodedIn(text, id string) string {
	if strings.Contains(text, "[\n") {
		quoted := jsonRow([]string{"user"}, []any{id})
		return quoted[len(`  {"user":`) : len(quoted)-1]
	}
	return strings.ReplaceAll(id, `""`, `"`)
}

func TestBannedFormats(t *testing.T) {
	server := startService(t)
	for _, empty := range []struct{ format, out string }{
		{"table", "user                      until\n"}, {"csv", "user,until\n"}, {"json", "[]\n"}, {"ids", ""},
	} {
		require.Equal(t, empty.out, do(t, "banned", "--format", empty.format).out)
	}
	var ids []string
	for i := range 60 {
		ids = append(ids, fmt.Sprintf("user%05d", i))
	}
	require.Zero(t, do(t, "ban", "--file", writeFile(t, ids...), "--for", "1h").status)
	got := do(t, "banned")
	require.Equal(t, "60 users are banned\n", got.errOut)
	require.Contains(t, got.out, "user00007                 "+server.User(ids[7]).BannedUntil.Format(time.RFC3339)+"\n")
	for _, format := range []string{"ids", "csv", "json"} {
		require.Zero(t, do(t, "ban", "--file", writeFile(t, ids...), "--for", "1h").status)
		list := do(t, "banned", "--format", format)
		require.Zero(t, list.status)
		got := runWithInput(t.Context(), bytes.NewBufferString(list.out), "unban", "--file", "-")
		require.Zero(t, got.status, got.errOut)
		require.Contains(t, got.errOut, "total 60, done 60,")
		require.Equal(t, "0 users are banned\n", do(t, "banned").errOut)
	}
}
