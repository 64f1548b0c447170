//go:build unix

package main

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// TestEndOfTheTerminal: the shell sends SIGHUP, and the system does again when the shell ends. The calls in flight
// still finish.
func TestEndOfTheTerminal(t *testing.T) {
	needHangup(t)
	server := startService(t)
	server.Inject(rctest.Fault{HeaderDelay: 500 * time.Millisecond, Times: rctest.Always})
	p := newProcess(t, "ban", "--for", "24h", "--file", writeFile(t, slices.Collect(fakeIDs(1, 2000))...)).start()
	require.Eventually(t, func() bool { return len(server.Requests()) > 0 }, patience, time.Millisecond)
	require.Eventually(t, func() bool {
		_ = p.Process.Signal(syscall.SIGHUP)
		select {
		case <-p.ended:
			return true
		default:
			return false
		}
	}, patience, 10*time.Millisecond)
	require.Equal(t, statusInterrupted, p.status(), p.errOut.String())
	require.Contains(t, p.errOut.String(), "failed 0, unknown 0,")
}
