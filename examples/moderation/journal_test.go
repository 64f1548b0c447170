package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func TestJournalResumes(t *testing.T) {
	server := startService(t)
	ids := slices.Collect(fakeIDs(1, 100))
	file, journal := writeFile(t, ids...), filepath.Join(t.TempDir(), "run.log")
	server.Inject(rctest.Fault{Endpoint: "/user/block.json", Status: 302}) // a redirect fails its call without a retry
	command := []string{"ban", "--file", file, "--for", "24h", "--journal", journal}
	got := do(t, command...)
	require.Equal(t, statusFailed, got.status)
	require.Contains(t, got.errOut, "total 100, done 80, failed 20,")
	require.Contains(t, got.errOut, "Run the same command again to do the rest.")

	got = runWithInput(t.Context(), strings.NewReader(strings.Join(ids, "\n")), "ban", "--file", "-", "--for", "24h", "--journal", journal)
	require.Zero(t, got.status, got.errOut)
	require.Contains(t, got.errOut, "total 100, done 100, failed 0,")
	require.Contains(t, got.errOut, "\n80 of the 100 users were done by an earlier run, ")
	require.Len(t, server.Requests(), 6)

	for _, other := range [][]string{
		{"ban", "--file", file, "--for", "48h", "--journal", journal},
		{"deactivate", "--file", file, "--journal", journal, "--yes"},
		{"ban", "--file", writeFile(t, "user00002", "user00001"), "--for", "24h", "--journal", journal},
	} {
		got = do(t, other...)
		require.Equal(t, statusFailed, got.status, other)
		require.Contains(t, got.errOut, "it belongs to other work", other)
	}
	require.Len(t, server.Requests(), 6)
}

// ban24 bans 40 users with a journal, and returns the command and the journal's name.
func ban24(t *testing.T) (command []string, journal string) {
	t.Helper()
	journal = filepath.Join(t.TempDir(), "run.log")
	command = []string{"ban", "--file", writeFile(t, slices.Collect(fakeIDs(1, 40))...), "--for", "24h", "--journal", journal}
	got := do(t, command...)
	require.Zero(t, got.status, got.errOut)
	require.NotContains(t, got.errOut, "earlier run")
	return command, journal
}

func TestCompleteJournalSaysSo(t *testing.T) {
	server := startService(t)
	command, journal := ban24(t)
	sent := len(server.Requests())
	noon := time.Now().Add(-time.Hour).Truncate(time.Second).UTC()
	require.NoError(t, os.Chtimes(journal, noon, noon))

	got := do(t, command...)
	require.Zero(t, got.status, got.errOut)
	require.Contains(t, got.errOut, "all 40 users were done by an earlier run, the last of them at "+noon.Format(time.RFC3339)+
		", and not sent again. The last of these bans ends at "+noon.Add(24*time.Hour).Format(time.RFC3339))
	require.Contains(t, got.errOut, "To do it again, use a new journal.\n")
	require.Len(t, server.Requests(), sent)
}

func TestJournalOfBansThatHaveEnded(t *testing.T) {
	server := startService(t)
	command, journal := ban24(t)
	sent := len(server.Requests())
	before := time.Now().Add(-25 * time.Hour).Truncate(time.Second).UTC()
	require.NoError(t, os.Chtimes(journal, before, before))

	got := do(t, command...)
	require.Equal(t, statusFailed, got.status)
	require.Contains(t, got.errOut, "The last of these bans ended at "+before.Add(24*time.Hour).Format(time.RFC3339)+
		", so these users are banned no longer. To do it again, use a new journal.\n")
	require.NotContains(t, got.errOut, "Run the same command again")
	require.Len(t, server.Requests(), sent)
}

func TestCompleteJournalOfExpiredTokens(t *testing.T) {
	startService(t)
	command := []string{
		"expire-tokens", "--file", writeFile(t, "a", "b"), "--before", "2026-01-31T12:00:00Z", "--yes",
		"--journal", filepath.Join(t.TempDir(), "run.log"),
	}
	require.Zero(t, do(t, command...).status)
	got := do(t, command...)
	require.Zero(t, got.status)
	require.Contains(t, got.errOut, "all 2 users were done by an earlier run, ")
	require.NotContains(t, got.errOut, "ban")
}

// TestJournalOfAnotherApp runs the same command for two apps and for the fake: what one has done, the others have not.
func TestJournalOfAnotherApp(t *testing.T) {
	startService(t)
	command, _ := ban24(t)
	server := startService(t)
	for _, other := range [][]string{command, append(slices.Clone(command), "--fake")} {
		got := do(t, other...)
		require.Equal(t, statusFailed, got.status, got.errOut)
		require.Contains(t, got.errOut, "it belongs to other work")
	}
	require.Empty(t, server.Requests())
}
