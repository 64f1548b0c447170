package webhook_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
	"github.com/f0207b22/rcuser/webhook"
)

const deactivatedListPath = "/user/deactivate/query.json"

// listReads counts the reads of the list of deactivated users.
func (r *fakeRC) listReads() int {
	count := 0
	for _, request := range r.Requests() {
		if request.Path == deactivatedListPath {
			count++
		}
	}
	return count
}

// TestPolling checks that polling finds deactivations without a webhook, but only after RC's 15 minutes: before that,
// the list doesn't show whether a deactivation is finished.
func TestPolling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Poll: time.Minute})
		ids := make([]string, 60) // more than one page
		for i := range ids {
			ids[i] = fmt.Sprintf("u%d", i)
		}
		op, err := r.client.Users.Deactivate(t.Context(), ids)
		require.NoError(t, err)
		start := time.Now()
		results, err := r.ops.Wait(contextWithin(t, time.Hour), op, ids)
		require.NoError(t, err)
		require.Equal(t, 16*time.Minute, time.Since(start))
		require.Len(t, results, 60)
		for _, result := range results {
			require.True(t, result.Polled)
			require.True(t, result.Done())
			require.Empty(t, result.Code)
			require.Equal(t, webhook.Deactivation, result.Type)
		}
		require.Equal(t, 2, r.listReads())
	})
}

// TestPollingAfterARestart checks that a restart doesn't prolong the 15 minutes if the store has the time of the
// deactivation, unless that is an hour ago and may belong to an earlier one.
func TestPollingAfterARestart(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ pause, takes time.Duration }{{20 * time.Minute, time.Minute}, {time.Hour, 16 * time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			opts := webhook.OperationsOptions{Poll: time.Minute, Store: newSharedStore()}
			r := newFakeRCWithoutWebhook(t, opts)
			op, err := r.ops.Deactivate(t.Context(), []string{"u1"})
			require.NoError(t, err)
			time.Sleep(tc.pause)
			restarted, err := webhook.NewOperations(r.client, opts)
			require.NoError(t, err)
			start := time.Now()
			results, err := restarted.Wait(contextWithin(t, time.Hour), op, []string{"u1"})
			require.NoError(t, err)
			require.True(t, results["u1"].Polled)
			require.LessOrEqual(t, time.Since(start)-tc.takes, time.Second)
			require.Greater(t, time.Since(start), tc.takes-time.Second)
		})
	}
}

// TestPollingDoesNotFindRefusals has a user whose deactivation RC refuses, which the list can't show.
func TestPollingDoesNotFindRefusals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Poll: time.Minute})
		r.RefuseDeactivation("u2", "24410")
		op, err := r.client.Users.Deactivate(t.Context(), []string{"u1", "u2"})
		require.NoError(t, err)
		results, err := r.ops.Wait(contextWithin(t, time.Hour), op, []string{"u1", "u2"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Len(t, results, 1)
		require.True(t, results["u1"].Polled)
	})
}

// TestEventTakesPrecedenceOverPolling has an event and a listed user.
func TestEventTakesPrecedenceOverPolling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Poll: 16 * time.Minute})
		op, err := r.client.Users.Deactivate(t.Context(), []string{"u1", "u2"})
		require.NoError(t, err)
		go func() {
			time.Sleep(15*time.Minute + time.Second)
			_ = r.ops.Handle(t.Context(), deactivationEvent(op, "u1", "0", time.Now()))
		}()
		results, err := r.ops.Wait(contextWithin(t, time.Hour), op, []string{"u1", "u2"})
		require.NoError(t, err)
		require.False(t, results["u1"].Polled)
		require.True(t, results["u2"].Polled)
	})
}

// TestPollingCountsFromTheFirstWait checks that a series of short calls of Wait succeeds too.
func TestPollingCountsFromTheFirstWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Poll: time.Minute})
		op, err := r.client.Users.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		start := time.Now()
		for time.Since(start) < 14*time.Minute {
			_, err = r.ops.Wait(contextWithin(t, 2*time.Minute), op, []string{"u1"})
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		results, err := r.ops.Wait(contextWithin(t, 3*time.Minute), op, []string{"u1"})
		require.NoError(t, err)
		require.True(t, results["u1"].Polled)
		require.Greater(t, time.Since(start), 15*time.Minute)
	})
}

// TestPollingIsNotForReactivations checks that a listed user doesn't count as reactivated.
func TestPollingIsNotForReactivations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Poll: time.Minute})
		_, err := r.ops.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)
		op, err := r.ops.Reactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		_, err = r.ops.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		results, err := r.ops.Wait(contextWithin(t, time.Hour), op, []string{"u1"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Empty(t, results)
	})
}

// TestPollingErrors checks that polling continues after an error, and that Wait's error has the last one as a cause.
func TestPollingErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Poll: time.Minute})
		op, err := r.client.Users.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		r.Inject(rctest.Fault{Endpoint: deactivatedListPath, Code: 1007, Times: rctest.Always})
		_, err = r.ops.Wait(contextWithin(t, 20*time.Minute), op, []string{"u1"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, rcuser.ErrForbidden)
		r.ClearFaults()
		results, err := r.ops.Wait(contextWithin(t, 20*time.Minute), op, []string{"u1"})
		require.NoError(t, err)
		require.True(t, results["u1"].Polled)
	})
}

// TestPollingSurvivesAPanic has a hook of the client that panics in the first poll, and calls Goexit in the second.
func TestPollingSurvivesAPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := rctest.NewServer()
		t.Cleanup(server.Close)
		config, polls := server.Config(), 0
		config.OnCall = func(context.Context, rcuser.CallInfo) {
			if polls++; polls == 2 {
				panic("no metrics")
			} else if polls == 3 {
				runtime.Goexit()
			}
		}
		client, err := rcuser.NewClient(config)
		require.NoError(t, err)
		ops, err := webhook.NewOperations(client, webhook.OperationsOptions{Poll: time.Minute})
		require.NoError(t, err)
		op, err := ops.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		_, err = ops.Wait(contextWithin(t, 16*time.Minute+time.Second), op, []string{"u1"})
		require.ErrorContains(t, err, "webhook: polling panicked: no metrics (in ")
		_, err = ops.Wait(contextWithin(t, time.Minute+time.Second), op, []string{"u1"})
		require.ErrorContains(t, err, "webhook: polling ended its goroutine")
		results, err := ops.Wait(contextWithin(t, time.Hour), op, []string{"u1"})
		require.NoError(t, err)
		require.True(t, results["u1"].Polled)
	})
}

// TestPollingIsShared checks that many calls of Wait share one poll, which ends with the last of them.
func TestPollingIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Poll: time.Minute})
		for i := range 30 {
			go func() {
				_, _ = r.ops.Wait(contextWithin(t, 30*time.Minute+time.Second), rcuser.Operation{ID: fmt.Sprint(i)}, []string{fmt.Sprint(i)})
			}()
		}
		time.Sleep(2 * time.Hour)
		require.Equal(t, 15, r.listReads(), "once a minute from the 16th to the 30th, for any number of waits")
	})
}
