package main

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestFullDisk limits the size of the process's files, so that writes fail at some event. Nothing that was answered 200 may
// be missing, and what wasn't is accepted when there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no shell that limits the size of files")
	}
	users := []string{"alice", "bob"}
	v := newVictim(t, build(t), users)
	v.start(shell, "-c", `ulimit -f 2048; exec "$0"`) // blocks of 512 bytes
	rc := newSender(v.url())
	changes := changesOf(users, 300)
	targets, accepted := make([]string, len(changes)), make([]bool, len(changes))
	failed := 0
	for i, c := range changes {
		targets[i] = rc.sign()
		status, err := rc.post(t.Context(), targets[i], c.body())
		require.NoError(t, err, "the process must survive\n%s", v.logs)
		accepted[i] = status == http.StatusOK
		if !accepted[i] {
			require.GreaterOrEqual(t, status, 500)
			failed++
		}
	}
	require.NotZero(t, failed, "the limit was never reached")
	require.Less(t, failed, len(changes))
	v.kill()
	rows := v.rows()
	for i, c := range changes {
		require.True(t, !accepted[i] || rows[c.row()], "event %d was answered 200 and is missing", i)
	}

	v.start()
	for i, c := range changes {
		if !accepted[i] {
			require.NoError(t, rc.deliver(t.Context(), i, c, v.ready))
		}
	}
	v.stop()
	v.requireRows(changes)
	rc.client.CloseIdleConnections()
	t.Logf("%d of %d events failed", failed, len(changes))
}

// TestLockedDatabase locks the database against writing again and again while events arrive, once for longer than RC waits.
func TestLockedDatabase(t *testing.T) {
	t.Parallel()
	users := []string{"alice", "bob"}
	v := newVictim(t, build(t), users)
	v.start()
	rc := newSender(v.url())
	changes := changesOf(users, 100)
	unlocked := make(chan struct{})
	go func() {
		defer close(unlocked)
		for i := range 10 {
			held := rand.N(100 * time.Millisecond)
			if i == 3 {
				held = senderTimeout
			}
			if err := lockDatabase(t.Context(), v.database, held); err != nil {
				t.Errorf("lock %d: %v", i, err)
			}
		}
	}()
	var deliveries sync.WaitGroup
	results := make([]error, len(changes))
	for i, c := range changes {
		deliveries.Go(func() { results[i] = rc.deliver(t.Context(), i, c, v.ready) })
		time.Sleep(10 * time.Millisecond)
	}
	deliveries.Wait()
	<-unlocked
	v.stop()
	rows := v.rows()
	for i, c := range changes {
		require.NoError(t, results[i], "event %d\n%s", i, v.logs)
		require.True(t, rows[c.row()], "event %d was answered 200 and is missing", i)
	}
	rc.client.CloseIdleConnections()
}

// lockDatabase holds the only lock for writing for a duration.
func lockDatabase(ctx context.Context, path string, held time.Duration) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_busy_timeout=10000&_txlock=immediate")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	time.Sleep(held)
	return tx.Rollback()
}
