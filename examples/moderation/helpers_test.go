package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// result is the exit status and the output of a run.
type result struct {
	status      int
	out, errOut string
}

func runWithInput(ctx context.Context, in io.Reader, args ...string) result {
	var out, errOut strings.Builder
	status := run(ctx, args, streams{in, &out, &errOut, noTerminal})
	return result{status, out.String(), errOut.String()}
}

func noTerminal() (io.ReadWriteCloser, error) { return nil, errNoTerminal }

func do(t *testing.T, args ...string) result {
	t.Helper()
	return runWithInput(t.Context(), strings.NewReader(""), args...)
}

// startService starts a fake on a loopback port, and sets the environment as for the real service.
func startService(t *testing.T) *rctest.Server {
	t.Helper()
	server := rctest.NewServer()
	t.Cleanup(server.Close)
	t.Setenv("RC_APP_KEY", server.Credentials().AppKey)
	t.Setenv("RC_APP_SECRET", server.Credentials().AppSecret)
	t.Setenv("RC_DATA_CENTER", "")
	t.Setenv("RC_BASE_URL", server.Listen())
	t.Setenv("RC_BACKUP_URL", "")
	return server
}

func writeFile(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ids.txt")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return path
}

func sentIDs(server *rctest.Server) []string {
	var ids []string
	for _, request := range server.Requests() {
		ids = append(ids, request.Form["userId"]...)
	}
	return ids
}
