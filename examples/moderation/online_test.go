package main

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnline(t *testing.T) {
	server := startService(t)
	server.SetOnline("a", true)
	got := do(t, "online", "a", "b", "--format", "csv")
	require.Zero(t, got.status)
	rows, err := csv.NewReader(strings.NewReader(got.out)).ReadAll()
	require.NoError(t, err)
	require.ElementsMatch(t, [][]string{{"user", "online"}, {"a", "true"}, {"b", "false"}}, rows)

	refuseUsers(server, "c")
	got = do(t, "online", "--file", writeFile(t, "a", "c"), "--format", "json")
	require.Equal(t, statusFailed, got.status)
	require.Contains(t, got.errOut, "online: total 2, done 1, failed 1,")
	require.JSONEq(t, `[{"user": "a", "online": true}]`, got.out)
}

// TestOnlineIDs prints only those who are online, so that the list can be given to another command.
func TestOnlineIDs(t *testing.T) {
	server := startService(t)
	server.SetOnline("a", true)
	server.SetOnline("c", true)
	got := do(t, "online", "a", "b", "c", "--format", "ids")
	require.Zero(t, got.status)
	require.ElementsMatch(t, []string{"a", "c"}, strings.Fields(got.out))
	require.Zero(t, runWithInput(t.Context(), strings.NewReader(got.out), "ban", "--for", "1h", "--file", "-").status)
	require.True(t, server.User("b").BannedUntil.IsZero())
	require.False(t, server.User("c").BannedUntil.IsZero())
}
