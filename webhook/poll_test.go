package webhook_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
	"github.com/f0207b22/rcuser/webhook"
)

const deactivatedListPath = "/user/deactivate/query.json"

// reads counts how often the list of deactivated users was read.
func (r *fakeRC) listReads() int {
	count := 0
	for _, request := range r.Requests() {
		if request.Path == deactivatedListPath {
			count++
		}
	}
	return count
}

// TestPolling finds a deactivation that no webhook told, once RC's time for it is over, and not earlier: until then the
// list tells nothing.
func TestPolling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Poll: time.Minute})
		ids := make([]string, 60) // more than a page
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

// TestPollingAfterARestart doesn't begin RC's 15 minutes anew if the store knows the deactivation; but what is an hour old
// may be another one.
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

// TestPollingTellsNoRefusal shows what polling can't: who isn't in the list may have been refused, or not be there yet.
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

// TestEventBeatsPolling if both are there.
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

// TestPollingCountsFromTheFirstWait, as RC's 15 minutes do: whoever waits in short turns gets there too.
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

// TestPollingIsNotForReactivations: that a user is in the list is no success for one.
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

// TestPollingFails and tries again; if it never succeeds, Wait's error says why.
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

// TestPollingIsShared by all who wait, and ends with them.
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
		require.Equal(t, 15, r.listReads(), "once a minute from the 16th to the 30th, however many wait")
	})
}
