package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestExpireTokens(t *testing.T) {
	server := startService(t)
	ids := writeFile(t, "a", "b")
	require.Zero(t, do(t, "expire-tokens", "--file", ids, "--yes").status)
	require.Zero(t, do(t, "expire-tokens", "--file", ids, "--before", "2026-01-31T12:00:00Z", "--yes",
		"--journal", filepath.Join(t.TempDir(), "run.log")).status)
	require.Equal(t, "1769860800000", server.Requests()[1].Form.Get("time"))
}

func TestDeactivateAndReactivate(t *testing.T) {
	server := startService(t)
	ids := writeFile(t, "a", "b")
	require.Zero(t, do(t, "deactivate", "--file", ids, "--yes").status)
	require.True(t, server.User("b").Deactivated)
	server.Advance(2 * time.Hour)
	got := do(t, "reactivate", "--file", ids)
	require.Zero(t, got.status, got.errOut)
	server.Advance(2 * time.Hour)
	require.False(t, server.User("b").Deactivated)
}

// TestCommasInJoinedIDs has an id that RC would take for two, in a file that says that it is one.
func TestCommasInJoinedIDs(t *testing.T) {
	server := startService(t)
	file := writeFile(t, "user,until", `"a,b",2026-01-31T12:00:00Z`)
	for _, command := range []string{"deactivate", "reactivate"} {
		got := do(t, command, "--file", file, "--allow-empty")
		require.Equal(t, statusUsage, got.status)
		require.Contains(t, got.errOut, "line 2: ")
		require.Contains(t, got.errOut, "holds a comma, at which RC would split the id")
	}
	require.Empty(t, server.Requests())
	require.Zero(t, do(t, "unban", "--file", file).status)
	require.Equal(t, []string{"a,b"}, sentIDs(server))
}
