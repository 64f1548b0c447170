package rctest_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

var tokenKey = base64.StdEncoding.EncodeToString(make([]byte, 32))

// exportOf is an export with users, which are written as JSON.
func exportOf(users ...string) string {
	return `{"format":"rctest","version":1,"clockOffset":"1h0m0s","tokenKey":"` + tokenKey + `","sessions":2,"users":[` + strings.Join(users, ",") + `]}`
}

func TestImportByHand(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.load(exportOf())
	f.load(` { "users" : [ ] , "version":1,"tokenKey":"` + tokenKey + `","sessions":0,"format":"rctest","clockOffset":"0s"} ` + "\n")
	f.load(exportOf(
		`{"id":"a","createdAt":946684800000,"name":"Ann","session":2,"blocklist":{"added":9,"entries":[{"number":3,"id":"x"},{"number":9,"id":"y"}]}}`,
		`{"id":"b","bannedUntil":4102444800000}`,
		`{"id":"c"}`,
	))
	u := f.User("a")
	require.Equal(t, []any{"Ann", true, []string{"y", "x"}}, []any{u.Name, u.Online, u.Blocklist})
	require.Len(t, u.Tokens, 1, "the one of its registration")
	require.True(t, f.ValidToken("a", u.Tokens[0].Value))
	require.Equal(t, []string{"b"}, bannedIDs(f, ""))
	require.Equal(t, []string{"a", "b", "c"}, userIDs(f.Users()))
}

func TestImportRefusesTheHeader(t *testing.T) {
	t.Parallel()
	for change, text := range map[[2]string]string{
		{`"version":1`, `"version":0`}:                  "the export has version 0; only version 1 can be read",
		{`"version":1`, `"version":2,"new":true`}:       "the export has version 2; only version 1 can be read",
		{`"version":1,`, ``}:                            "the export has version 0; only version 1 can be read",
		{`"version":1`, `"version":"1"`}:                "version: byte ",
		{`"rctest"`, `"other"`}:                         `the format is "other", not "rctest"`,
		{`"format":"rctest",`, ``}:                      `the format is "", not "rctest"`,
		{`"format"`, `"Format"`}:                        `the field "Format" is unknown`,
		{`"sessions":2`, `"sessions":2,"sessions":2`}:   `the field "sessions" is given twice`,
		{`"sessions":2`, `"sessions":2,"requests":[]`}:  `the field "requests" is unknown`,
		{`"sessions":2`, `"sessions":0`}:                "sessions is not between",
		{`"sessions":2`, `"sessions":9007199254740993`}: "sessions is not between",
		{`"1h0m0s"`, `"-1h"`}:                           "clockOffset is not a duration from 0",
		{`"1h0m0s"`, `"soon"`}:                          "clockOffset is not a duration from 0",
		{tokenKey, "AAAA"}:                              "tokenKey doesn't have 32 bytes",
		{tokenKey, "?"}:                                 "tokenKey: byte ",
		{`"users":[`, `"users":{`}:                      "there is no [",
		{`"users":[`, `"people":[`}:                     `the field "people" is unknown`,
		{`,"users":[{"id":"a","session":1}]`, ``}:       "the field users is missing",
		{`]}`, `]},`}:                                   "there is more after the end of the export",
		{`]}`, `]}{}`}:                                  "there is more after the end of the export",
		{`{"format"`, `["format"`}:                      "byte 1: there is no {",
	} {
		valid := exportOf(`{"id":"a","session":1}`)
		changed := strings.Replace(valid, change[0], change[1], 1)
		require.NotEqual(t, valid, changed)
		requireNotImported(t, strings.NewReader(changed), text)
	}
}

func TestImportRefusesAUser(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 65)
	for user, text := range map[string]string{
		`{}`:                               `user 2 (""): the id is not one`,
		`null`:                             `user 2 (""): the id is not one`,
		`7`:                                "cannot unmarshal number",
		`{"id":"` + long + `"}`:            "the id is not one",
		`{"id":"a\u0000"}`:                 "the id is not one",
		`{"id":"first"}`:                   `user 2 ("first"): the id is given twice`,
		`{"id":"a","Name":"x"}`:            `user 2 ("a"): the field "Name" is unknown`,
		`{"id":"a","tags":["x"]}`:          `user 2 ("a"): the field "tags" is unknown`,
		`{"id":"a","id":"b"}`:              `the field "id" is given twice`,
		"{\"id\":\"a\xff\"}":               "it is not UTF-8",
		`{"id":"a","name":"x"}`:            "without createdAt",
		`{"id":"a","createdAt":-1}`:        "createdAt or bannedUntil is not between",
		`{"id":"a","createdAt":0.5}`:       "cannot unmarshal",
		`{"id":"a","bannedUntil":1e300}`:   "cannot unmarshal",
		`{"id":"a","bannedUntil":` + later: "createdAt or bannedUntil is not between",
		`{"id":"a","createdAt":1,"name":"` + long + `"}`:                                                                       "name or portraitUri is not one",
		`{"id":"a","createdAt":1,"portraitUri":"` + strings.Repeat("p", 1025) + `"}`:                                           "name or portraitUri is not one",
		`{"id":"a","session":1,"bannedUntil":1}`:                                                                               "session is given for a user that is banned",
		`{"id":"a","session":3}`:                                                                                               "sessions is not between",
		`{"id":"a","refuseCode":"0"}`:                                                                                          "refuseCode is not",
		`{"id":"a","blocklist":{"added":1,"entries":[{"number":1,"id":""}]}}`:                                                  "blocklist: entry 1: the id is not one",
		`{"id":"a","allowlist":{"added":2,"entries":[{"number":1,"id":"x"},{"number":2,"id":"x"}]}}`:                           `allowlist: entry 2: the id "x" is given twice`,
		`{"id":"a","blocklist":{"added":2,"entries":[{"number":2,"id":"x"},{"number":2,"id":"y"}]}}`:                           "entry 2: its number isn't higher",
		`{"id":"a","blocklist":{"added":1,"entries":[{"number":2,"id":"x"}]}}`:                                                 "added is not between",
		`{"id":"a","blocklist":{"added":1,"entries":[{"number":1,"id":"x","id":"y"}]}}`:                                        `the field "id" is given twice`,
		`{"id":"a","blocklist":` + longList(3001) + `}`:                                                                        "blocklist: it has more than 3000 entries",
		`{"id":"a","tokens":{"issued":1}}`:                                                                                     "issued and createdAt contradict",
		`{"id":"a","createdAt":1,"tokens":{"issued":1,"void":2}}`:                                                              "void or expiredSerial",
		`{"id":"a","createdAt":1,"tokens":{"issued":2,"latest":[1]}}`:                                                          "latest has 1 times",
		`{"id":"a","createdAt":1,"tokens":{"issued":1,"latest":[-1]}}`:                                                         "expiredBefore or latest",
		`{"id":"a","createdAt":1,"tokens":{"issued":4294967295,"void":4294967295}}`:                                            "issued more than 2^31",
		`{"id":"a","createdAt":1,"deactivation":{"order":1,"at":1,"code":"0"}}`:                                                "tokens: missing",
		`{"id":"a","session":1,"deactivation":{"order":1,"at":1,"code":"0"}}`:                                                  "session is given",
		`{"id":"a","deactivation":{"order":0,"at":1,"code":"0"}}`:                                                              "deactivation: order",
		`{"id":"a","deactivation":{"order":1,"at":1,"code":"7"}}`:                                                              "deactivation: code",
		`{"id":"a","deactivation":{"order":1,"at":-1,"code":"0"}}`:                                                             "deactivation: at",
		`{"id":"a","deactivation":{"order":1,"at":1,"code":"0","operations":[""]}}`:                                            "an operation's id",
		`{"id":"a","deactivation":{"order":1,"at":1,"code":"0"}},` + `{"id":"b","deactivation":{"order":1,"at":2,"code":"0"}}`: `"a" and "b": their deactivations have the same order`,
	} {
		requireNotImported(t, strings.NewReader(exportOf(`{"id":"first"}`, user)), text)
	}
}

const later = `253402300800000}`

func longList(n int) string {
	var entries []string
	for i := range n {
		entries = append(entries, fmt.Sprintf(`{"number":%d,"id":"u%d"}`, i+1, i))
	}
	return fmt.Sprintf(`{"added":%d,"entries":[%s]}`, n, strings.Join(entries, ","))
}

// endless repeats a byte without an end.
type endless struct {
	char byte
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.char
	}
	e.read += len(p)
	return len(p), nil
}

// A value without an end can't take all memory, nor spaces all time.
func TestImportOfAnEndlessUser(t *testing.T) {
	t.Parallel()
	for _, start := range []string{`{"`, `{"format":"`, `{"users":[{"id":"`, `{"users":[{"id":"a"},{"id":"`} {
		source := &endless{char: 'a'}
		requireNotImported(t, io.MultiReader(strings.NewReader(start), source), "longer than 4194304 bytes")
		require.Less(t, source.read, 5<<20)
	}
	for _, start := range []string{``, `{`, `{"users":[`, exportOf()} {
		source := &endless{char: ' '}
		requireNotImported(t, io.MultiReader(strings.NewReader(start), source), "")
		require.Less(t, source.read, 9<<20)
	}
}

func TestImportOfDeepNesting(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 1_000_000)
	requireNotImported(t, strings.NewReader(exportOf(`{"id":`+deep)), "exceeded max depth")
	requireNotImported(t, strings.NewReader(exportOf(`{"id":"a","tokens":{"latest":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}}`)), "cannot unmarshal")
}

// Import never panics, and what it accepts is exported again as the same.
func FuzzImport(f *testing.F) {
	f.Add(exportOf())
	f.Add(exportOf(`{"id":"a","createdAt":946684800000,"name":"Ann","session":2,"tokens":{"issued":2,"expiredBefore":9,"expiredSerial":1,"latest":[1,2]}}`))
	f.Add(exportOf(`{"id":"a","blocklist":{"added":9,"entries":[{"number":3,"id":"x"}]},"allowlist":{"added":1},"allowlistOn":true,"refuseCode":"7"}`))
	f.Add(exportOf(`{"id":"a","deactivation":{"order":1,"at":946684800000,"code":"7","operations":["x"]}}`, `{"id":"b","bannedUntil":946684800001}`))
	f.Add(exportOf(`{"id":"a","createdAt":1,"tokens":{"issued":1,"void":1},"deactivation":{"order":1,"at":1,"code":"0"}}`))
	f.Fuzz(func(t *testing.T, export string) {
		synctest.Test(t, func(t *testing.T) {
			first, second := setup(t), setup(t)
			if first.Import(strings.NewReader(export)) != nil {
				require.Empty(t, userIDs(first.Users()))
				return
			}
			saved := first.export()
			second.load(saved)
			require.Equal(t, saved, second.export())
			for u := range second.Users() {
				for _, token := range u.Tokens {
					require.True(t, first.ValidToken(u.ID, token.Value) == second.ValidToken(u.ID, token.Value))
				}
			}
			second.call(getTokenPath, "userId=a&name=N")
			second.ok(blockPath, "userId=a&userId=b&minute=1")
		})
	})
}

// A compressed file's reader finds damage only at the end.
func TestImportTellsAnErrorAtTheEnd(t *testing.T) {
	t.Parallel()
	f := setup(t)
	damaged := errors.New("damaged")
	err := f.Import(io.MultiReader(strings.NewReader(f.export()), iotest.ErrReader(damaged)))
	require.ErrorIs(t, err, damaged)
	err = f.Import(strings.NewReader(f.export() + strings.Repeat(" ", 5<<20)))
	require.ErrorContains(t, err, "there is more after the end of the export")
}
