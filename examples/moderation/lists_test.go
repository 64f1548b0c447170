package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func TestListSync(t *testing.T) {
	for _, kind := range []string{"blocklist", "allowlist"} {
		t.Run(kind, func(t *testing.T) {
			server := startService(t)
			list := func() []string {
				if kind == "allowlist" {
					return server.User("u1").Allowlist
				}
				return server.User("u1").Blocklist
			}
			command := func(flag string, lines ...string) []string {
				return []string{kind, "sync", "--owner", "u1", flag, "--file", writeFile(t, lines...)}
			}
			require.Zero(t, do(t, command("--yes", "a", "b", "c")...).status)
			require.Equal(t, []string{"c", "b", "a"}, list())

			got := do(t, command("--dry-run", "b", "d")...)
			require.Zero(t, got.status)
			require.Equal(t, "+d\n-c\n-a\n", got.out)
			require.Equal(t, "dry run, nothing was changed: "+kind+" of u1: 1 to add, 2 to remove\n", got.errOut)
			require.Equal(t, []string{"c", "b", "a"}, list())

			got = do(t, command("--yes", "b", "d")...)
			require.Zero(t, got.status)
			require.Empty(t, got.out)
			require.Equal(t, kind+" of u1: 1 added, 2 removed\n", got.errOut)
			require.Equal(t, []string{"d", "b"}, list())

			got = do(t, command("--stop-after=1", "d", "b", "b")...)
			require.Zero(t, got.status, "nothing changes, so nothing is asked")
			require.Contains(t, got.errOut, kind+" of u1: 0 added, 0 removed\n")
		})
	}
}

func TestUnfinishedListSync(t *testing.T) {
	server := startService(t)
	require.Zero(t, do(t, "blocklist", "sync", "--owner", "u1", "--yes", "--file", writeFile(t, "b", "d")).status)
	server.Inject(rctest.Fault{Endpoint: "/user/blacklist/remove.json", Code: 1009})
	got := do(t, "blocklist", "sync", "--owner", "u1", "--yes", "--file", writeFile(t, "d", "e"))
	require.Equal(t, statusFailed, got.status)
	require.Contains(t, got.errOut, "1 added, 0 removed\nnot finished, run the same command again to do the rest: ")
}

func TestReadErrorChangesNobody(t *testing.T) {
	server := startService(t)
	require.Zero(t, do(t, "blocklist", "sync", "--owner", "u1", "--yes", "--file", writeFile(t, "a", "b")).status)
	sent := len(server.Requests())
	for _, command := range [][]string{
		{"blocklist", "sync", "--owner", "u1", "--yes", "--file", "-"},
		{"allowlist", "sync", "--owners", "-", "--yes"},
		{"unban", "--file", "-"},
		{"deactivate", "--yes", "--file", "-"},
	} {
		in := io.MultiReader(strings.NewReader("owner,user\na,b\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
		if command[1] != "sync" || command[2] == "--owner" {
			in = io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
		}
		got := runWithInput(t.Context(), in, command...)
		require.Equal(t, result{statusFailed, "", "reading ids: unexpected EOF; nothing was sent\n"}, got)
	}
	require.Len(t, server.Requests(), sent)
}

func TestListOfTooManyUsers(t *testing.T) {
	server := startService(t)
	var text strings.Builder
	for i := range 3001 {
		_, _ = fmt.Fprintf(&text, "u%d\n", i)
	}
	got := runWithInput(t.Context(), strings.NewReader(text.String()), "blocklist", "sync", "--owner", "u1", "--yes", "--file", "-")
	require.Equal(t, result{statusUsage, "", "standard input: more than 3000 users, which RC keeps on no list. Nothing was sent.\n"}, got)
	require.Empty(t, server.Requests())
}

// failingWriter fails as a full disk does.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestOutputThatCannotBeWritten(t *testing.T) {
	startService(t)
	require.Zero(t, do(t, "ban", "--for", "1h", "--file", writeFile(t, "a")).status)
	for _, command := range [][]string{
		{"banned"},
		{"banned", "--format", "ids"},
		{"online", "a"},
		{"blocklist", "sync", "--owner", "u1", "--dry-run", "--file", writeFile(t, "a")},
		{"blocklist", "sync", "--owners", writeFile(t, "owner,user", "u1,a"), "--dry-run"},
	} {
		var errOut strings.Builder
		status := run(t.Context(), command, streams{strings.NewReader(""), failingWriter{}, &errOut, noTerminal})
		require.Equal(t, statusFailed, status, command)
		require.Contains(t, errOut.String(), "disk full", command)
	}
}
