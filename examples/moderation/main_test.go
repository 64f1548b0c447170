package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func TestBanReportsInvalidID(t *testing.T) {
	server := startService(t)
	tooLong := strings.Repeat("x", 65)
	ids := slices.Collect(fakeIDs(1, 59))
	lines := slices.Concat([]string{"\ufeff# spammers", "", "  " + ids[0] + "\r"}, ids[1:30], []string{tooLong}, ids[30:])
	got := do(t, "ban", "--file", writeFile(t, lines...), "--for", "24h")
	require.Equal(t, statusFailed, got.status, got.errOut)
	require.Contains(t, got.errOut, "ban: total 60, done 59, failed 1, unknown 0, not started 0, in ")
	require.Contains(t, got.errOut, `  failed: "`+tooLong+`": rcuser: ids[30]: 65 bytes`)
	require.Empty(t, got.out)
	for _, id := range ids {
		require.False(t, server.User(id).BannedUntil.IsZero(), id)
	}
	require.Len(t, server.Requests(), 3)
}

func TestListsTenFailuresAtMost(t *testing.T) {
	startService(t)
	ids := make([]string, 25)
	for i := range ids {
		ids[i] = strings.Repeat("x", 70+i)
	}
	got := do(t, "unban", "--file", writeFile(t, ids...))
	require.Equal(t, statusFailed, got.status)
	require.Equal(t, 10, strings.Count(got.errOut, `  failed: "`))
	require.Contains(t, got.errOut, "  failed: 15 more\n")

	got = do(t, "unban", "--file", writeFile(t, ids...), "--stop-after", "3")
	require.Equal(t, statusFailed, got.status)
	require.Contains(t, got.errOut, "total 25, done 0, failed 3, unknown 0, not started 22")
	require.Equal(t, 1, strings.Count(got.errOut, "cause: "), got.errOut)
}

func TestJournalResumes(t *testing.T) {
	server := startService(t)
	ids := writeFile(t, slices.Collect(fakeIDs(1, 100))...)
	journal := filepath.Join(t.TempDir(), "run.log")
	server.Inject(rctest.Fault{Endpoint: "/user/block.json", Status: 302}) // a redirect fails its call without a retry
	command := []string{"ban", "--file", ids, "--for", "24h", "--journal", journal}
	got := do(t, command...)
	require.Equal(t, statusFailed, got.status)
	require.Contains(t, got.errOut, "total 100, done 80, failed 20,")
	require.Contains(t, got.errOut, "Run the same command again to do the rest.")

	got = do(t, command...)
	require.Zero(t, got.status, got.errOut)
	require.Contains(t, got.errOut, "total 100, done 100, failed 0,")
	require.Len(t, server.Requests(), 6)

	got = do(t, command...)
	require.Zero(t, got.status, got.errOut)
	require.Contains(t, got.errOut, "total 100, done 100, failed 0,")
	require.Len(t, server.Requests(), 6)

	for _, other := range [][]string{
		{"ban", "--file", ids, "--for", "48h", "--journal", journal},
		{"deactivate", "--file", ids, "--journal", journal},
		{"ban", "--file", writeFile(t, "user00002", "user00001"), "--for", "24h", "--journal", journal},
	} {
		got = do(t, other...)
		require.Equal(t, statusFailed, got.status, other)
		require.Contains(t, got.errOut, "it belongs to other work", other)
	}
	require.Len(t, server.Requests(), 6)
}

func TestInterruptedWorkResumes(t *testing.T) {
	server := startService(t)
	ids := slices.Collect(fakeIDs(1, 1000))
	command := []string{"ban", "--file", writeFile(t, ids...), "--for", "24h", "--journal", filepath.Join(t.TempDir(), "run.log")}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan result)
	go func() { ended <- runWithInput(ctx, strings.NewReader(""), command...) }()
	require.Eventually(t, func() bool { return len(server.Requests()) > 3 }, 10*time.Second, time.Millisecond)
	cancel()
	got := <-ended
	require.Equal(t, statusInterrupted, got.status, got.errOut)
	sent := len(sentIDs(server))
	require.Less(t, sent, 1000)
	require.Contains(t, got.errOut, fmt.Sprintf("total 1000, done %d, failed 0, unknown 0, not started %d,", sent, 1000-sent))
	require.Contains(t, got.errOut, "Run the same command again to do the rest.\ninterrupted\n")

	got = do(t, command...)
	require.Zero(t, got.status, got.errOut)
	require.Contains(t, got.errOut, "done 1000,")
	require.Equal(t, ids, slices.Sorted(slices.Values(sentIDs(server))), "every id is sent once")
}

func TestInterruptedBeforeStart(t *testing.T) {
	server := startService(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ids := writeFile(t, "user00001")
	for _, command := range [][]string{
		{"unban", "--file", ids},
		{"online", "--file", ids},
		{"banned"},
		{"blocklist", "sync", "--owner", "u1", "--file", ids},
		{"unban", "--fake"},
	} {
		require.Equal(t, statusInterrupted, runWithInput(ctx, strings.NewReader(""), command...).status, command)
	}
	require.Empty(t, server.Requests())
}

func TestInterruptedWhileWaitingForInput(t *testing.T) {
	server := startService(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	in, writer := io.Pipe()
	defer func() { _ = writer.Close() }()
	ended := make(chan result)
	go func() { ended <- runWithInput(ctx, in, "unban", "--file", "-") }()
	_, err := io.WriteString(writer, "user00001\nuser00002\n")
	require.NoError(t, err)
	cancel()
	require.Equal(t, statusInterrupted, (<-ended).status)
	require.LessOrEqual(t, len(server.Requests()), 1)
}

func TestBlocklistSync(t *testing.T) {
	server := startService(t)
	command := func(lines ...string) []string {
		return []string{"blocklist", "sync", "--owner", "u1", "--file", writeFile(t, lines...)}
	}
	require.Zero(t, do(t, command("a", "b", "c")...).status)
	require.Equal(t, []string{"c", "b", "a"}, server.User("u1").Blocklist)

	got := do(t, append(command("b", "d"), "--dry-run")...)
	require.Zero(t, got.status)
	require.Equal(t, "+d\n-c\n-a\n", got.out)
	require.Equal(t, "blocklist of u1: 1 to add, 2 to remove\n", got.errOut)
	require.Equal(t, []string{"c", "b", "a"}, server.User("u1").Blocklist)

	got = do(t, command("b", "d")...)
	require.Zero(t, got.status)
	require.Empty(t, got.out)
	require.Equal(t, "blocklist of u1: 1 added, 2 removed\n", got.errOut)
	require.Equal(t, []string{"d", "b"}, server.User("u1").Blocklist)

	server.Inject(rctest.Fault{Endpoint: "/user/blacklist/remove.json", Code: 1009})
	got = do(t, command("d", "e")...)
	require.Equal(t, statusFailed, got.status)
	require.Contains(t, got.errOut, "1 added, 0 removed\nnot finished, run the same command again to do the rest: ")
}

func TestReadErrorUnblocksNobody(t *testing.T) {
	server := startService(t)
	require.Zero(t, do(t, "blocklist", "sync", "--owner", "u1", "--file", writeFile(t, "a", "b")).status)
	sent := len(server.Requests())
	in := io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
	got := runWithInput(t.Context(), in, "blocklist", "sync", "--owner", "u1", "--file", "-")
	require.Equal(t, statusFailed, got.status)
	require.Equal(t, "reading ids: unexpected EOF\n", got.errOut)
	require.Len(t, server.Requests(), sent)

	in = io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
	got = runWithInput(t.Context(), in, "unban", "--file", "-")
	require.Equal(t, statusFailed, got.status)
	require.Contains(t, got.errOut, "total 1, done 1,")
	require.Contains(t, got.errOut, "reading ids: unexpected EOF: the ids after that were not read\n")
}

func TestBannedFormats(t *testing.T) {
	server := startService(t)
	for _, empty := range []struct{ format, out string }{
		{"table", "user                      until\n"}, {"csv", "user,until\n"}, {"json", "[]\n"},
	} {
		require.Equal(t, empty.out, do(t, "banned", "--format", empty.format).out)
	}
	ids := slices.Collect(fakeIDs(1, 60))
	require.Zero(t, do(t, "ban", "--file", writeFile(t, ids...), "--for", "1h").status)
	until := server.User(ids[7]).BannedUntil.Format(time.RFC3339)

	got := do(t, "banned")
	require.Equal(t, "60 users are banned\n", got.errOut)
	require.Contains(t, got.out, "user00008                 "+until+"\n")

	rows, err := csv.NewReader(strings.NewReader(do(t, "banned", "--format", "csv").out)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 61)
	require.Contains(t, rows, []string{ids[7], until})

	var objects []struct{ User, Until string }
	require.NoError(t, json.Unmarshal([]byte(do(t, "banned", "--format", "json").out), &objects))
	require.Len(t, objects, 60)
	require.Contains(t, objects, struct{ User, Until string }{ids[7], until})
}

func TestOnline(t *testing.T) {
	server := startService(t)
	server.SetOnline("a", true)
	got := do(t, "online", "a", "b,c", "--format", "csv")
	require.Zero(t, got.status)
	rows, err := csv.NewReader(strings.NewReader(got.out)).ReadAll()
	require.NoError(t, err)
	require.ElementsMatch(t, [][]string{{"user", "online"}, {"a", "true"}, {"b,c", "false"}}, rows)

	got = do(t, "online", "--file", writeFile(t, "a", strings.Repeat("x", 65)), "--format", "json")
	require.Equal(t, statusFailed, got.status)
	require.Contains(t, got.errOut, "online: total 2, done 1, failed 1,")
	require.JSONEq(t, `[{"user": "a", "online": true}]`, got.out)
}

func TestExpireTokensAndDeactivate(t *testing.T) {
	server := startService(t)
	ids := writeFile(t, "a", "b")
	require.Zero(t, do(t, "expire-tokens", "--file", ids).status)
	require.Zero(t, do(t, "expire-tokens", "--file", ids, "--before", "2026-01-31T12:00:00Z",
		"--journal", filepath.Join(t.TempDir(), "run.log")).status)
	require.Equal(t, "1769860800000", server.Requests()[1].Form.Get("time"))
	require.Zero(t, do(t, "deactivate", "--file", ids).status)
	require.True(t, server.User("b").Deactivated)
}

func TestFakeIsPopulated(t *testing.T) {
	got := do(t, "ban", "--fake", "--for", "24h")
	require.Zero(t, got.status, got.errOut)
	require.Contains(t, got.errOut, "total 10000, done 10000,")
	require.Equal(t, 101, strings.Count(do(t, "banned", "--fake").out, "\n"))
	require.Contains(t, do(t, "online", "--fake", "user00003").out, "true")
	got = runWithInput(t.Context(), strings.NewReader("user00001\nx\n"), "blocklist", "sync", "--fake", "--owner", "u1", "--file", "-", "--dry-run")
	require.Equal(t, 40, strings.Count(got.out, "\n"))
}

func TestUsageErrors(t *testing.T) {
	server := startService(t)
	ids := writeFile(t, "a")
	for _, command := range [][]string{
		{"bann"},
		{"blocklist", "snyc"},
		{"ban", "--file", ids},
		{"ban", "--for", "1h"},
		{"ban", "--for", "soon", "--file", ids},
		{"ban", "--for", "90s", "--file", ids},
		{"ban", "--for", "1h", "--file", "-", "--journal", "x"},
		{"unban", ids},
		{"unban", "--file", ids, "--stop-after", "-1"},
		{"unban", "--file", ids, "--paced"},
		{"online"},
		{"online", "a", "--file", ids},
		{"banned", "--format", "xml"},
		{"blocklist", "sync", "--owner", strings.Repeat("x", 65), "--file", ids},
		{"expire-tokens", "--file", ids, "--before", "noon"},
		{"expire-tokens", "--file", ids, "--journal", "x"},
	} {
		got := do(t, command...)
		require.Equal(t, statusUsage, got.status, "%q: %s", command, got.errOut)
		require.Contains(t, got.errOut, " --help\n")
	}
	require.Empty(t, server.Requests())
	t.Setenv("RC_APP_KEY", "")
	require.Equal(t, statusUsage, do(t, "banned").status)
	require.Equal(t, statusFailed, do(t, "unban", "--file", "no-such-file").status)
}
