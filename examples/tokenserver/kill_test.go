package main

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	killedEvents = 300
	killsARun    = 3
	eventSpacing = 15 * time.Millisecond
)

// TestKillLosesNoEvent kills the program at random points while it receives events, and starts it again on the same database
// and port. The guarantee is that of RC's three attempts, so it isn't killed while an event is at its last one.
// RCUSER_LONG=1 makes 20 runs.
func TestKillLosesNoEvent(t *testing.T) {
	t.Parallel()
	runs := 3
	if os.Getenv("RCUSER_LONG") == "1" {
		runs = 20
	}
	binary := build(t)
	for run := range runs {
		t.Run(fmt.Sprint(run), func(t *testing.T) {
			t.Parallel()
			killDuringEvents(t, binary)
		})
	}
}

func killDuringEvents(t *testing.T, binary string) {
	t.Helper()
	users := []string{"alice", "bob", "carol", "dave", "erin"}
	v := newVictim(t, binary, users)
	v.start()
	rc := newSender(v.url())
	changes := changesOf(users, killedEvents)
	lost := make([]error, len(changes))
	var deliveries sync.WaitGroup
	deliveries.Go(func() {
		for i, c := range changes {
			deliveries.Go(func() { lost[i] = rc.deliver(t.Context(), i, c, v.ready) })
			time.Sleep(eventSpacing)
		}
	})
	for range killsARun {
		rc.waitFor(1 + rand.IntN(killedEvents))
		time.Sleep(rand.N(10 * time.Millisecond))
		v.kill()
		v.start()
	}
	deliveries.Wait()
	for i, err := range lost {
		require.NoError(t, err, "event %d: %s\n%s", i, changes[i].row(), v.logs)
	}
	v.stop()
	v.requireRows(changes)
	rc.client.CloseIdleConnections()
}

// victim is a process of the program that is killed and started again.
type victim struct {
	t        *testing.T
	binary   string
	address  string
	database string
	logs     *logs // of the current process

	cmd     *exec.Cmd
	running sync.RWMutex // held for writing while no process listens
}

// newVictim makes a database with the users.
func newVictim(t *testing.T, binary string, users []string) *victim {
	t.Helper()
	v := &victim{t: t, binary: binary, address: freeAddress(t), database: filepath.Join(t.TempDir(), "test.db")}
	v.running.Lock()
	db, err := openStore(t.Context(), v.database, func() {})
	require.NoError(t, err)
	for _, id := range users {
		require.NoError(t, db.addUser(t.Context(), loginRequest{UserID: id, Name: id}, "token", time.Now()))
	}
	require.NoError(t, db.close())
	t.Cleanup(func() {
		if v.cmd != nil {
			_ = v.cmd.Process.Kill() // unless it has ended
			_ = v.cmd.Wait()
		}
	})
	return v
}

// freeAddress returns an address that is free and stays so while the program is being restarted: its port is below those
// that systems give to outgoing connections.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err == nil {
			require.NoError(t, listener.Close())
			return listener.Addr().String()
		}
	}
	require.FailNow(t, "no free port")
	return ""
}

func (v *victim) url() string { return "http://" + v.address + testWebhook }

// start starts a process and waits until it listens. Arguments before the binary, such as a shell's, may limit it.
func (v *victim) start(before ...string) {
	v.t.Helper()
	args := slices.Concat(before, []string{v.binary})
	v.cmd = exec.CommandContext(v.t.Context(), args[0], args[1:]...)
	v.cmd.Env = append(os.Environ(), "RC_APP_KEY=key", "RC_APP_SECRET="+senderSecret, "RC_DATA_CENTER=", "RC_BACKUP_URL=",
		"RC_BASE_URL=http://127.0.0.1:1", "LISTEN_ADDR="+v.address, "DATABASE="+v.database, "WEBHOOK_PATH="+testWebhook,
		"TOKEN_TTL=", "API_TOKEN="+testToken)
	v.logs = newLogs()
	v.cmd.Stderr = v.logs
	require.NoError(v.t, v.cmd.Start())
	v.logs.url(v.t)
	v.running.Unlock()
}

// ready waits until the process listens.
func (v *victim) ready() {
	v.running.RLock()
	defer v.running.RUnlock()
}

// kill kills the process, which can't do anything about it.
func (v *victim) kill() {
	v.t.Helper()
	v.running.Lock()
	require.NoError(v.t, v.cmd.Process.Kill())
	require.Error(v.t, v.cmd.Wait())
}

func (v *victim) stop() {
	v.t.Helper()
	v.running.Lock()
	require.NoError(v.t, v.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(v.t, v.cmd.Wait(), v.logs)
}

// rows returns the sessions in the database, as [change.row] writes them.
func (v *victim) rows() map[string]bool {
	v.t.Helper()
	db, err := sql.Open("sqlite", v.database)
	require.NoError(v.t, err)
	defer func() { require.NoError(v.t, db.Close()) }()
	rows, err := db.QueryContext(v.t.Context(), `SELECT user_id || '|' || session || '|' || os || '|' ||
		iif(online, 'true', 'false') || '|' || at FROM sessions`)
	require.NoError(v.t, err)
	defer func() { require.NoError(v.t, rows.Close()) }()
	found := map[string]bool{}
	for rows.Next() {
		var row string
		require.NoError(v.t, rows.Scan(&row))
		found[row] = true
	}
	require.NoError(v.t, rows.Err())
	return found
}

// requireRows checks that the database has every change and nothing else.
func (v *victim) requireRows(changes []change) {
	v.t.Helper()
	want := map[string]bool{}
	for _, c := range changes {
		want[c.row()] = true
	}
	require.Equal(v.t, want, v.rows())
}
