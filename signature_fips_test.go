package rcuser_test

import (
	"crypto/sha1"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// TestFIPS makes single calls and bulk work in a process that may not use SHA-1 for anything but RC's signatures.
func TestFIPS(t *testing.T) {
	t.Parallel()
	if os.Getenv("GODEBUG") != "fips140=only" {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFIPS$", "-test.v")
		child.Env = append(os.Environ(), "GODEBUG=fips140=only")
		out, err := child.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "--- PASS: TestFIPS")
		return
	}
	server := rctest.NewServer()
	defer server.Close()
	client, err := rcuser.NewClient(server.Config())
	require.NoError(t, err)
	_, err = client.Users.Register(t.Context(), rcuser.Registration{UserID: "alice", Name: "Alice"})
	require.NoError(t, err)
	report, err := client.Bulk.Ban(t.Context(), streamOf("alice"), time.Hour, rcuser.BulkOptions{})
	require.NoError(t, err)
	require.Equal(t, 1, report.Done)
	require.Equal(t, "45beb7cc7307889a8e711219a47b7cf6a5b000e8", rcuser.Sign("uwd1c0sxdlx2", "14314", "1408706337"))
	require.Panics(t, func() { sha1.Sum(nil) }, "the enforcement must be back after each signature")
}
