package main

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// scripted is a terminal at which answers are typed.
type scripted struct {
	io.Reader
	asked bytes.Buffer
}

func (s *scripted) Write(p []byte) (int, error) { return s.asked.Write(p) }
func (s *scripted) Close() error                { return nil }

// answer runs a command at a terminal where a text is typed, with the ids on standard input, and returns what was asked.
func answer(ctx context.Context, typed io.Reader, ids string, args ...string) (got result, asked string) {
	terminal := &scripted{Reader: typed}
	var out, errOut strings.Builder
	got.status = run(ctx, args, streams{strings.NewReader(ids), &out, &errOut, func() (io.ReadWriteCloser, error) { return terminal, nil }})
	got.out, got.errOut = out.String(), errOut.String()
	return got, terminal.asked.String()
}

func TestDeactivateAsksOnce(t *testing.T) {
	server := startService(t)
	host := strings.TrimPrefix(server.Listen(), "http://")
	command := []string{"deactivate", "--file", "-"}
	for _, typed := range []string{"", "\n", "n\n", "no\n", "yep\n", "yes please\n", "ja\n", strings.Repeat("y", 1<<20)} {
		got, asked := answer(t.Context(), strings.NewReader(typed), "a\nb\n", command...)
		require.Equal(t, result{statusFailed, "", "not confirmed; nothing was changed\n"}, got, typed)
		require.Equal(t, "deactivate: 2 users of app "+server.Credentials().AppKey[:4]+"... ("+host+
			")? RC deletes their data within 15 minutes, for good. [y/N] ", asked)
	}
	require.Empty(t, server.Requests())
	for _, typed := range []string{"y\n", "Y\n", " yes \n", "YES\r\n", "y"} {
		got, asked := answer(t.Context(), strings.NewReader(typed), "a\nb\n", command...)
		require.Zero(t, got.status, got.errOut)
		require.Equal(t, 1, strings.Count(asked, "[y/N]"))
	}
	require.Len(t, server.Requests(), 5)
}

// TestQuestionCountsUsers has a user twice.
func TestQuestionCountsUsers(t *testing.T) {
	startService(t)
	_, asked := answer(t.Context(), strings.NewReader("n\n"), "a\nb\na\n", "deactivate", "--file", "-")
	require.Contains(t, asked, "deactivate: 2 users of ")
	got := do(t, "deactivate", "--dry-run", "--file", writeFile(t, "a", "b", "a"))
	require.Contains(t, got.errOut, "deactivate: 2 users of ")
	require.Contains(t, got.errOut, `: "a", "b"`+"\n")
	_, asked = answer(t.Context(), strings.NewReader("n\n"), "owner,user\nu1,a\nu1,a\nu2,a\n", "blocklist", "sync", "--owners", "-")
	require.Contains(t, asked, "blocklist sync: 2 lists of ")
	require.Contains(t, asked, ", 2 users: ")
}

func TestDestructiveCommandsAskOnlyOnce(t *testing.T) {
	server := startService(t)
	owners := writeFile(t, "owner,user", "u1,a", "u2,b")
	commands := []struct {
		command []string
		asked   string
	}{
		{[]string{"expire-tokens", "--file", "-"}, "expire-tokens: 2 users of app "},
		{[]string{"blocklist", "sync", "--owner", "u1", "--file", "-"}, ": add 2 users, remove 0 users?"},
		{[]string{"allowlist", "sync", "--owner", "u1", "--file", "-"}, "allowlist sync: u1 of app "},
		{[]string{"blocklist", "sync", "--owners", owners}, "blocklist sync: 2 lists of app "},
		{[]string{"allowlist", "sync", "--owners", owners}, ", 2 users: make them equal to " + owners + "?"},
	}
	for _, c := range commands {
		got, asked := answer(t.Context(), strings.NewReader("n\n"), "a\nb\n", c.command...)
		require.Equal(t, statusFailed, got.status, c.command)
		require.Contains(t, asked, c.asked)
		require.Equal(t, 1, strings.Count(asked, "[y/N]"))

		got = runWithInput(t.Context(), strings.NewReader("a\nb\n"), c.command...)
		require.Equal(t, statusUsage, got.status, c.command)
		require.Contains(t, got.errOut, "there is no terminal to ask on, so nothing was changed: add --yes, or see what would change with --dry-run\n")
	}
	for _, request := range server.Requests() {
		require.Contains(t, request.Path, "query", "only lists were read")
	}
	for _, c := range commands {
		got, asked := answer(t.Context(), strings.NewReader(""), "a\nb\n", append(slices.Clone(c.command), "--yes")...)
		require.Zero(t, got.status, got.errOut)
		require.Empty(t, asked)
	}
	require.Equal(t, []string{"a"}, server.User("u1").Blocklist)
}

func TestReversibleCommandsAskNothing(t *testing.T) {
	startService(t)
	for _, command := range [][]string{
		{"ban", "--for", "1h", "--file", "-"}, {"unban", "--file", "-"}, {"reactivate", "--file", "-"}, {"online", "--file", "-"}, {"banned"},
	} {
		_, asked := answer(t.Context(), strings.NewReader("n\n"), "a\n", command...)
		require.Empty(t, asked, command)
	}
}

func TestFakeIsNamedInTheQuestion(t *testing.T) {
	_, asked := answer(t.Context(), strings.NewReader("n\n"), "", "deactivate", "--fake")
	require.Contains(t, asked, "deactivate: 10000 users of the fake? ")
}

func TestDataCenterIsNamedInTheQuestion(t *testing.T) {
	startService(t)
	t.Setenv("RC_BASE_URL", "")
	t.Setenv("RC_DATA_CENTER", "singapore")
	t.Setenv("RC_APP_KEY", "pvxdm17jpe9tr")
	_, asked := answer(t.Context(), strings.NewReader("n\n"), "a\n", "deactivate", "--file", "-")
	require.Contains(t, asked, "deactivate: 1 user of app pvxd... (real service, Singapore)? ")
	t.Setenv("RC_APP_KEY", "ab")
	_, asked = answer(t.Context(), strings.NewReader("n\n"), "a\n", "deactivate", "--file", "-")
	require.Contains(t, asked, "deactivate: 1 user of app ")
}

func TestInterruptedAtTheQuestion(t *testing.T) {
	server := startService(t)
	ctx, cancel := context.WithCancel(t.Context())
	typing, typed := io.Pipe()
	defer func() { _ = typed.Close() }()
	ended := make(chan result)
	go func() {
		got, _ := answer(ctx, typing, "a\n", "deactivate", "--file", "-")
		ended <- got
	}()
	_, err := typed.Write([]byte("y")) // without a line end; it is read, so the question has been asked
	require.NoError(t, err)
	cancel()
	require.Equal(t, result{statusInterrupted, "", "interrupted\n"}, <-ended)
	require.Empty(t, server.Requests())
}
