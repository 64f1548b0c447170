package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// refuseUsers makes RC refuse the calls that carry one of the ids.
func refuseUsers(server *rctest.Server, ids ...string) {
	for _, id := range ids {
		server.Inject(rctest.Fault{Code: 1002, UserID: id, Times: rctest.Always})
	}
}

func TestBanReportsRefusedID(t *testing.T) {
	server := startService(t)
	ids := slices.Collect(fakeIDs(1, 60))
	refuseUsers(server, ids[30])
	lines := slices.Concat([]string{"\ufeff# spammers", "", "  " + ids[0] + "\r"}, ids[1:])
	got := do(t, "ban", "--file", writeFile(t, lines...), "--for", "24h")
	require.Equal(t, statusFailed, got.status, got.errOut)
	require.Contains(t, got.errOut, "ban: total 60, done 59, failed 1, unknown 0, not started 0, in ")
	require.Contains(t, got.errOut, `  failed: "user00031": rcuser: `)
	require.Empty(t, got.out)
	for i, id := range ids {
		require.Equal(t, i == 30, server.User(id).BannedUntil.IsZero(), id)
	}
}

func TestListsTenFailuresAtMost(t *testing.T) {
	server := startService(t)
	ids := slices.Collect(fakeIDs(1, 60))
	refuseUsers(server, ids[:25]...)
	got := do(t, "unban", "--file", writeFile(t, ids...))
	require.Equal(t, statusFailed, got.status)
	require.Equal(t, 10, strings.Count(got.errOut, `  failed: "`), got.errOut)
	require.Contains(t, got.errOut, "  failed: 15 more\n")

	got = do(t, "unban", "--file", writeFile(t, ids[:20]...), "--stop-after", "3")
	require.Equal(t, statusFailed, got.status)
	require.Equal(t, 1, strings.Count(got.errOut, "cause: "), got.errOut)
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
	owners := writeFile(t, "owner,user", "a,b")
	for _, command := range [][]string{
		{"unban", "--file", ids},
		{"online", "--file", ids},
		{"banned"},
		{"deactivate", "--file", ids, "--yes"},
		{"blocklist", "sync", "--owner", "u1", "--file", ids},
		{"allowlist", "sync", "--owners", owners, "--yes"},
		{"allowlist", "sync", "--owners", owners, "--dry-run"},
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
	require.Equal(t, result{statusInterrupted, "", "interrupted\n"}, <-ended)
	require.Empty(t, server.Requests())
}

func TestDryRunSendsNothing(t *testing.T) {
	server := startService(t)
	ids := writeFile(t, slices.Collect(fakeIDs(1, 12))...)
	for _, command := range [][]string{
		{"deactivate", "--file", ids, "--dry-run"},
		{"expire-tokens", "--file", ids, "--dry-run", "--yes"},
	} {
		got := do(t, command...)
		require.Zero(t, got.status, got.errOut)
		require.Contains(t, got.errOut, "dry run, nothing was sent: "+command[0]+": 12 users of app ")
		require.Contains(t, got.errOut, `: "user00001", "user00002",`)
		require.Contains(t, got.errOut, `"user00010", and 2 more`+"\n")
	}
	require.Empty(t, server.Requests())
}
