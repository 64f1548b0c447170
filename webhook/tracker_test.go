package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
	"github.com/f0207b22/rcuser/webhook"
)

// userIDs returns n ids, u0 and so on.
func userIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint("u", i)
	}
	return ids
}

// bulkDeactivate deactivates users whose operations the tracker gets.
func (r *fakeRC) bulkDeactivate(t *testing.T, tracker *webhook.Tracker, ids []string) rcuser.BulkReport {
	t.Helper()
	report, err := r.client.Bulk.Deactivate(t.Context(), rcuser.Stream(slices.Values(ids)), rcuser.BulkOptions{OnOperation: tracker.Started})
	require.NoError(t, err)
	return report
}

// TestTracker has bulk work that takes longer than the hour for which results are kept in memory.
func TestTracker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRC(t, webhook.OperationsOptions{})
		r.RefuseDeactivation("u7", "24410")
		tracker := r.ops.Track(webhook.Deactivation)
		defer tracker.Stop()
		ids := userIDs(1000)
		for part := range slices.Chunk(ids, 200) {
			require.Equal(t, 200, r.bulkDeactivate(t, tracker, part).Done)
			time.Sleep(30 * time.Minute)
		}
		results, err := tracker.Wait(contextWithin(t, time.Second))
		require.NoError(t, err)
		require.Len(t, results, 1000)
		for _, id := range ids {
			require.Equal(t, id != "u7", results[id].Done(), id)
		}
	})
}

// TestTrackerWaitsForOperationsThatWereAccepted has users that RC refuses in the call, and one whose event is lost.
func TestTrackerWaitsForOperationsThatWereAccepted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRC(t, webhook.OperationsOptions{})
		r.Inject(rctest.Fault{Code: 1002, UserID: "u150", Times: rctest.Always})
		tracker := r.ops.Track(webhook.Deactivation)
		report, err := r.client.Bulk.Deactivate(t.Context(), rcuser.Stream(slices.Values(userIDs(250))), rcuser.BulkOptions{OnOperation: tracker.Started})
		require.Error(t, err)
		require.Equal(t, 249, report.Done)
		r.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost})
		results, err := tracker.Wait(contextWithin(t, 20*time.Minute))
		require.Len(t, results, 248)
		missing, ok := errors.AsType[*webhook.WaitError](err)
		require.True(t, ok)
		require.Len(t, missing.Missing, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, fmt.Sprintf("webhook: no result for 1 user (%s): context deadline exceeded", missing.Missing[0]))

		op := rcuser.Operation{ID: "again"}
		tracker.Started(op, missing.Missing)
		require.NoError(t, r.ops.Handle(t.Context(), deactivationEvent(op, missing.Missing[0], "0", time.Now())))
		results, err = tracker.Wait(contextWithin(t, time.Minute))
		require.Len(t, results, 249)
		require.ErrorIs(t, err, context.DeadlineExceeded, "the first operation of the user still has no result")
		tracker.Stop()
		results, err = tracker.Wait(t.Context())
		require.Len(t, results, 249)
		require.ErrorIs(t, err, webhook.ErrTrackerStopped)
	})
}

// TestTrackerOfReactivations checks that polling doesn't take a reactivated user for a deactivated one.
func TestTrackerOfReactivations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Poll: time.Minute})
		deactivated := r.ops.Track(webhook.Deactivation)
		r.bulkDeactivate(t, deactivated, []string{"u1"})
		start := time.Now()
		_, err := r.ops.Reactivate(t.Context(), []string{"u1"})
		early, ok := errors.AsType[*webhook.TooEarlyError](err)
		require.True(t, ok, "the tracker stored the time of the deactivation")
		require.True(t, early.NotBefore.Sub(start) <= time.Hour)
		results, err := deactivated.Wait(contextWithin(t, time.Hour))
		require.NoError(t, err)
		require.True(t, results["u1"].Polled)
		require.LessOrEqual(t, time.Since(start), 17*time.Minute)

		time.Sleep(2 * time.Hour)
		reactivated := r.ops.Track(webhook.Reactivation)
		defer reactivated.Stop()
		_, err = r.client.Bulk.Reactivate(t.Context(), rcuser.Stream(slices.Values([]string{"u1"})), rcuser.BulkOptions{OnOperation: reactivated.Started})
		require.NoError(t, err)
		_, err = r.ops.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		results, err = reactivated.Wait(contextWithin(t, time.Hour))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Empty(t, results)
	})
}

// TestTrackerOfAUserInSeveralOperations checks that the result doesn't depend on the order of the events.
func TestTrackerOfAUserInSeveralOperations(t *testing.T) {
	t.Parallel()
	for _, codes := range [][]string{{"24410", "0"}, {"0", "24410"}} {
		synctest.Test(t, func(t *testing.T) {
			r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{})
			tracker := r.ops.Track(webhook.Deactivation)
			for i := range codes {
				tracker.Started(rcuser.Operation{ID: fmt.Sprint(i)}, []string{"u1"})
			}
			for i, code := range codes {
				require.NoError(t, r.ops.Handle(t.Context(), deactivationEvent(rcuser.Operation{ID: fmt.Sprint(i)}, "u1", code, time.Now())))
			}
			results, err := tracker.Wait(contextWithin(t, time.Minute))
			require.NoError(t, err)
			require.True(t, results["u1"].Done())
		})
	}
}

// TestTrackerStop checks that it ends every Wait, more than once, and before anything has started.
func TestTrackerStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: newSharedStore()})
		tracker := r.ops.Track(webhook.Deactivation)
		results, err := tracker.Wait(t.Context())
		require.NoError(t, err)
		require.Empty(t, results)
		tracker.Started(rcuser.Operation{}, []string{"u1"})
		tracker.Started(rcuser.Operation{ID: "C70B"}, nil)
		tracker.Started(rcuser.Operation{ID: "C70B"}, []string{"u2", "u1"})
		tracker.Started(rcuser.Operation{ID: "B1D6"}, []string{"u3"})
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				_, err := tracker.Wait(context.Background())
				if !errors.Is(err, webhook.ErrTrackerStopped) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		tracker.Stop()
		tracker.Stop()
		group.Wait()
		tracker.Started(rcuser.Operation{ID: "82E8"}, []string{"u4"})
		_, err = tracker.Wait(t.Context())
		missing, ok := errors.AsType[*webhook.WaitError](err)
		require.True(t, ok)
		require.Equal(t, []string{"u2", "u1", "u3"}, missing.Missing)
		_, err = tracker.Wait(nil) //nolint:staticcheck // that's what is tested
		require.EqualError(t, err, "rcuser: ctx: is nil")
		never := r.ops.Track(webhook.Deactivation)
		never.Stop()
		_, err = never.Wait(t.Context())
		require.NoError(t, err)
	})
}

// TestTrackerOnADeadStore checks that the hook doesn't delay bulk work by more than a second.
func TestTrackerOnADeadStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		store := newBadStore(func(context.Context, string, string) error { <-release; return nil })
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: store})
		tracker := r.ops.Track(webhook.Deactivation)
		defer tracker.Stop()
		start := time.Now()
		for i := range 100 {
			tracker.Started(rcuser.Operation{ID: fmt.Sprint(i)}, []string{"u1"})
		}
		require.Equal(t, time.Second, time.Since(start))
		_, err := tracker.Wait(contextWithin(t, time.Minute))
		require.ErrorContains(t, err, "the store hasn't answered for 1m")
		require.LessOrEqual(t, store.most(), 5)
	})
}
