// Package clients tests the fake with clients that other people wrote, in other languages: it must answer them as RC
// does, and what they do must be what the server's state then says. It has tests only. They skip what isn't installed:
// node and the packages of node/package.json ("npm ci --ignore-scripts" in that folder), curl, openssl.
package clients

import (
	"bufio"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

const callTimeout = 20 * time.Second // for one call of a client, which takes milliseconds unless it hangs

// driver is a running client, which makes the calls that it is told.
type driver struct {
	t        *testing.T
	calls    io.Writer
	outcomes *bufio.Scanner
}

// outcome is what became of a call. Each client has its own form of answers and of errors.
type outcome struct {
	Resolved json.RawMessage `json:"resolved"`
	Rejected json.RawMessage `json:"rejected"`
}

// startNode starts a script of the folder node, with the environment's RC_APP_KEY and RC_APP_SECRET from c.
func startNode(t *testing.T, script string, c rcuser.Credentials, environment map[string]string) *driver {
	t.Helper()
	path := needs(t, "node")
	if _, err := os.Stat(filepath.Join("node", "node_modules")); err != nil {
		t.Skip(`SKIPPED: run "npm ci --ignore-scripts" in rctest/clients/node`)
	}
	cmd := exec.CommandContext(t.Context(), path, filepath.Join("node", script))
	cmd.Env = []string{"RC_APP_KEY=" + c.AppKey, "RC_APP_SECRET=" + c.AppSecret}
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		cmd.Env = append(cmd.Env, name+"="+environment[name])
	}
	cmd.Stderr = t.Output()
	calls, err := cmd.StdinPipe()
	require.NoError(t, err)
	outcomes, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = calls.Close() // the script ends with its input
		_ = cmd.Wait()
	})
	d := &driver{t: t, calls: calls, outcomes: bufio.NewScanner(outcomes)}
	d.outcomes.Buffer(nil, 1<<20)
	return d
}

// needs returns the path of a program, and skips the test if it isn't installed.
func needs(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skip("SKIPPED: " + program + " is not installed")
	}
	return path
}

// call makes a call and returns what it resolved to.
func (d *driver) call(path string, arguments ...any) map[string]any {
	d.t.Helper()
	got := d.do(path, arguments...)
	require.Empty(d.t, got.Rejected, "%s was rejected: %s", path, got.Rejected)
	return object(d.t, got.Resolved)
}

// rejected makes a call that must be rejected and returns the reason.
func (d *driver) rejected(path string, arguments ...any) map[string]any {
	d.t.Helper()
	got := d.do(path, arguments...)
	require.Empty(d.t, got.Resolved, "%s was resolved: %s", path, got.Resolved)
	return object(d.t, got.Rejected)
}

func (d *driver) do(path string, arguments ...any) outcome {
	d.t.Helper()
	if arguments == nil {
		arguments = []any{}
	}
	line, err := json.Marshal(map[string]any{"path": path, "arguments": arguments})
	require.NoError(d.t, err)
	_, err = d.calls.Write(append(line, '\n'))
	require.NoError(d.t, err)
	answered := make(chan bool, 1)
	go func() { answered <- d.outcomes.Scan() }()
	select {
	case ok := <-answered:
		require.True(d.t, ok, "the client ended: %v", d.outcomes.Err())
	case <-time.After(callTimeout):
		require.Fail(d.t, path+" has no outcome")
	}
	var got outcome
	require.NoError(d.t, json.Unmarshal(d.outcomes.Bytes(), &got), d.outcomes.Text())
	return got
}

// userCalls returns the paths of all user calls that the client has.
func (d *driver) userCalls() []string {
	var paths []string
	require.NoError(d.t, json.Unmarshal(d.do("").Resolved, &paths))
	return paths
}

func object(t *testing.T, raw json.RawMessage) map[string]any {
	t.Helper()
	var value map[string]any
	require.NoError(t, json.Unmarshal(raw, &value), "%s", raw)
	return value
}
