package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

// TestWaitKeepsItsDeadline has a store that works for 5 seconds, in which it returns one of two results, and then no more.
func TestWaitKeepsItsDeadline(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		breaks func(ctx context.Context, release <-chan struct{}) error
		text   string
	}{
		"hangs":  {func(_ context.Context, release <-chan struct{}) error { <-release; return nil }, "the store hasn't answered for"},
		"panics": {func(context.Context, <-chan struct{}) error { panic("no rows") }, "the store panicked: no rows (in github.com/f0207b22/rcuser/webhook_test."},
		"exits":  {func(context.Context, <-chan struct{}) error { runtime.Goexit(); return nil }, "the store ended its goroutine"},
		"slow":   {func(context.Context, <-chan struct{}) error { time.Sleep(time.Minute); return nil }, "the store hasn't answered for"},
		"fails":  {func(context.Context, <-chan struct{}) error { return errDown }, "the store is down"},
		"ends with its context": {
			func(ctx context.Context, _ <-chan struct{}) error { <-ctx.Done(); return ctx.Err() }, "the store hasn't answered for",
		},
		"has its own timeout": {
			func(context.Context, <-chan struct{}) error { return fmt.Errorf("store: %w", context.DeadlineExceeded) }, "store: context deadline",
		},
		"is nil": {func(context.Context, <-chan struct{}) error { var s *badStore; s.calls["x"]++; return nil }, "the store panicked: runtime error: invalid memory address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release, start := make(chan struct{}), time.Now()
				defer close(release)
				store := newBadStore(func(ctx context.Context, _, _ string) error {
					if time.Since(start) < 5*time.Second {
						return nil
					}
					return tc.breaks(ctx, release)
				})
				r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: store, Poll: time.Minute})
				op := rcuser.Operation{ID: "C70B"}
				require.NoError(t, r.ops.Handle(t.Context(), deactivationEvent(op, "u1", "0", time.Now())))
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(17500*time.Millisecond, cancel)
				results, err := r.ops.Wait(ctx, op, []string{"u1", "u2"})
				require.LessOrEqual(t, time.Since(start), 18500*time.Millisecond, "the deadline, and a second for the last read")
				require.True(t, results["u1"].Done())
				missing, ok := errors.AsType[*webhook.WaitError](err)
				require.True(t, ok)
				require.Equal(t, []string{"u2"}, missing.Missing)
				require.ErrorIs(t, err, context.Canceled)
				require.NotErrorIs(t, err, context.DeadlineExceeded, "the store's context isn't the caller's")
				require.ErrorContains(t, err, tc.text)
				require.Equal(t, 1, store.most(), "calls at a time")
				time.Sleep(time.Hour) // until the slow call has ended
			})
		})
	}
}

// TestWaitsOnADeadStore checks that any number of calls of Wait leave no more than 4 calls behind.
func TestWaitsOnADeadStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		store := newBadStore(func(context.Context, string, string) error { <-release; return nil })
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: store, Poll: time.Second})
		for round := range 3 {
			start := time.Now()
			var group sync.WaitGroup
			for i := range 100 {
				group.Go(func() {
					_, err := r.ops.Wait(contextWithin(t, time.Minute), rcuser.Operation{ID: fmt.Sprint(round, i%50)}, []string{"u1"})
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
				})
			}
			group.Wait()
			require.LessOrEqual(t, time.Since(start), 61*time.Second)
		}
		require.Equal(t, 4, store.most())
		require.Equal(t, 4, store.count("Results")+store.count("Deactivated"))
		close(release)
		require.NoError(t, r.ops.Handle(t.Context(), deactivationEvent(rcuser.Operation{ID: "C70B"}, "u1", "0", time.Now())))
		_, err := r.ops.Wait(contextWithin(t, time.Second), rcuser.Operation{ID: "C70B"}, []string{"u1"})
		require.NoError(t, err, "the store works again")
	})
}

// TestWaitGetsWhatAStoreReturnsLate has a store that ignores its context and takes 30 seconds.
func TestWaitGetsWhatAStoreReturnsLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newBadStore(func(context.Context, string, string) error { time.Sleep(30 * time.Second); return nil })
		require.NoError(t, store.sharedStore.PutResult(t.Context(), "C70B", "u1", webhook.Result{Code: webhook.CodeDone}))
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: store})
		start := time.Now()
		results, err := r.ops.Wait(contextWithin(t, time.Minute), rcuser.Operation{ID: "C70B"}, []string{"u1"})
		require.NoError(t, err)
		require.True(t, results["u1"].Done())
		require.Equal(t, 30*time.Second, time.Since(start))
	})
}

// newStoreThatDies returns a store whose methods don't return any more after some time, until the end of the test.
func newStoreThatDies(t *testing.T, after time.Duration) *badStore {
	release, start := make(chan struct{}), time.Now()
	t.Cleanup(func() { close(release) })
	return newBadStore(func(context.Context, string, string) error {
		if time.Since(start) > after {
			<-release
		}
		return nil
	})
}

// TestPolledResultsDoNotWaitForADeadStore checks that the list of deactivated users helps if the store hangs.
func TestPolledResultsDoNotWaitForADeadStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: newStoreThatDies(t, 5*time.Minute), Poll: time.Minute})
		results, err := r.ops.DeactivateAndWait(contextWithin(t, time.Hour), []string{"u1"})
		require.NoError(t, err)
		require.True(t, results["u1"].Polled)
		require.LessOrEqual(t, time.Since(start), 16*time.Minute+11*time.Second)
	})
}

// TestPolledResultsDoNotWaitForOtherOperationsReads has more operations than reads at a time, so that the reads of some can't
// begin.
func TestPolledResultsDoNotWaitForOtherOperationsReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: newStoreThatDies(t, 5*time.Minute), Poll: time.Minute})
		var group sync.WaitGroup
		for i := range 6 {
			group.Go(func() {
				id := fmt.Sprint("u", i)
				results, err := r.ops.DeactivateAndWait(contextWithin(t, time.Hour), []string{id})
				if err != nil || !results[id].Polled {
					t.Error(results, err)
				}
			})
		}
		group.Wait()
		require.LessOrEqual(t, time.Since(start), 16*time.Minute+11*time.Second)
	})
}

// TestLastReadOfAnOperationThatIsDone has two operations. The read of one is running when the wait's context ends, and finds
// its result, so that only the other one has to be read again.
func TestLastReadOfAnOperationThatIsDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		store := newBadStore(func(_ context.Context, _, operationID string) error {
			if operationID == "slow" && time.Since(start) > 0 {
				time.Sleep(500 * time.Millisecond)
			}
			return nil
		})
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: store})
		tracker := r.ops.Track(webhook.Deactivation)
		defer tracker.Stop()
		tracker.Started(rcuser.Operation{ID: "slow"}, []string{"u1"})
		tracker.Started(rcuser.Operation{ID: "never"}, []string{"u2"})
		synctest.Wait() // until both were read for the first time
		require.NoError(t, store.sharedStore.PutResult(t.Context(), "slow", "u1", webhook.Result{Code: webhook.CodeDone}))
		results, err := tracker.Wait(contextWithin(t, 1200*time.Millisecond)) // a second after the first read comes the next
		require.Equal(t, 1500*time.Millisecond, time.Since(start))
		require.True(t, results["u1"].Done())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotContains(t, err.Error(), "didn't answer the last read")
	})
}

// TestAThousandWaitsShareReads checks that they read the store once a second for each operation, and the list once.
//
//nolint:paralleltest // it counts the goroutines of the process
func TestAThousandWaitsShareReads(t *testing.T) {
	for _, operations := range []int{1, 20, 1000} {
		synctest.Test(t, func(t *testing.T) {
			store := newBadStore(healthy)
			r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: store})
			var group sync.WaitGroup
			idle := runtime.NumGoroutine()
			for i := range 1000 {
				group.Go(func() {
					time.Sleep(time.Duration(i) * time.Millisecond)
					ids := []string{"u1", fmt.Sprint(i)}
					results, err := r.ops.Wait(contextWithin(t, time.Minute), rcuser.Operation{ID: fmt.Sprint(i % operations)}, ids)
					if err != nil || len(results) != 2 {
						t.Error(results, err)
					}
				})
			}
			time.Sleep(10500 * time.Millisecond)
			require.InDelta(t, 10*operations, store.count("Results"), float64(operations)+1)
			require.LessOrEqual(t, store.most(), 4)
			require.LessOrEqual(t, runtime.NumGoroutine()-idle, 1000+100, "one a Wait, that of its caller, and a few")
			for i := range 1000 {
				op := fmt.Sprint(i % operations)
				require.NoError(t, store.sharedStore.PutResult(t.Context(), op, "u1", webhook.Result{Code: webhook.CodeDone}))
				require.NoError(t, store.sharedStore.PutResult(t.Context(), op, fmt.Sprint(i), webhook.Result{Code: webhook.CodeDone}))
			}
			start := time.Now()
			group.Wait()
			require.LessOrEqual(t, time.Since(start), time.Second)
		})
	}
}

// TestWaitThatJoins checks that a Wait gets at once what earlier ones know, and needs no read for it.
func TestWaitThatJoins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newBadStore(healthy)
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: store})
		op := rcuser.Operation{ID: "C70B"}
		go func() { _, _ = r.ops.Wait(contextWithin(t, 10*time.Second), op, []string{"u1", "u2", "never"}) }()
		require.NoError(t, store.sharedStore.PutResult(t.Context(), op.ID, "u1", webhook.Result{Code: webhook.CodeDone}))
		time.Sleep(1500 * time.Millisecond)
		reads, start := store.count("Results"), time.Now()
		results, err := r.ops.Wait(t.Context(), op, []string{"u1"})
		require.NoError(t, err)
		require.Len(t, results, 1)
		require.Equal(t, reads, store.count("Results"))
		require.Zero(t, time.Since(start))
		require.NoError(t, store.sharedStore.PutResult(t.Context(), op.ID, "u3", webhook.Result{Code: webhook.CodeDone}))
		_, err = r.ops.Wait(contextWithin(t, time.Minute), op, []string{"u3"})
		require.NoError(t, err)
		require.LessOrEqual(t, time.Since(start), time.Second)
	})
}

// TestCancelDoesNotDisturbOthers has calls of Wait for one operation that end while a read is running.
func TestCancelDoesNotDisturbOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cancelled := 0
		store := newBadStore(func(ctx context.Context, _, _ string) error {
			select {
			case <-ctx.Done():
				cancelled++
				return ctx.Err()
			case <-time.After(3 * time.Second):
				return nil
			}
		})
		op := rcuser.Operation{ID: "C70B"}
		require.NoError(t, store.sharedStore.PutResult(t.Context(), op.ID, "u1", webhook.Result{Code: webhook.CodeDone}))
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: store})
		for range 10 {
			go func() { _, _ = r.ops.Wait(contextWithin(t, 10*time.Millisecond), op, []string{"u1", "u2"}) }()
		}
		start := time.Now()
		_, err := r.ops.Wait(t.Context(), op, []string{"u1"})
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, time.Since(start))
		require.Zero(t, cancelled)
		_, err = r.ops.Wait(contextWithin(t, 100*time.Millisecond), op, []string{"u3"})
		require.ErrorContains(t, err, "the store hasn't answered for 1s")
		synctest.Wait()
		require.Equal(t, 1, cancelled, "a read that nobody waits for is cancelled")
	})
}

// TestSlowOperationDoesNotDelayOthers has three operations whose reads never end.
func TestSlowOperationDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release, slow := make(chan struct{}), []string{"slow1", "slow2", "slow3"}
		defer close(release)
		store := newBadStore(func(_ context.Context, _, operationID string) error {
			if slices.Contains(slow, operationID) {
				<-release
			}
			return nil
		})
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: store})
		for _, id := range slow {
			go func() { _, _ = r.ops.Wait(contextWithin(t, time.Minute), rcuser.Operation{ID: id}, []string{"u1"}) }()
		}
		start := time.Now()
		time.AfterFunc(9500*time.Millisecond, func() {
			_ = store.sharedStore.PutResult(t.Context(), "C70B", "u1", webhook.Result{Code: webhook.CodeDone})
		})
		_, err := r.ops.Wait(contextWithin(t, time.Minute), rcuser.Operation{ID: "C70B"}, []string{"u1"})
		require.NoError(t, err)
		require.LessOrEqual(t, time.Since(start), 10*time.Second)
	})
}

// TestReadIsToldToGiveUp has a first read on a dead connection, which ends with its context; the next one succeeds.
func TestReadIsToldToGiveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := true
		store := newBadStore(func(ctx context.Context, _, _ string) error {
			if first {
				first = false
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		require.NoError(t, store.sharedStore.PutResult(t.Context(), "C70B", "u1", webhook.Result{Code: webhook.CodeDone}))
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: store})
		start := time.Now()
		_, err := r.ops.Wait(contextWithin(t, time.Hour), rcuser.Operation{ID: "C70B"}, []string{"u1"})
		require.NoError(t, err)
		require.Equal(t, 10*time.Second, time.Since(start))
	})
}

// TestStoreErrorIsNotTheCallersContext has a store that is closing, and a Wait that isn't cancelled.
func TestStoreErrorIsNotTheCallersContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newBadStore(func(context.Context, string, string) error { return context.Canceled })
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: store})
		_, err := r.ops.Wait(contextWithin(t, time.Minute), rcuser.Operation{ID: "C70B"}, []string{"u1"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "webhook: reading the store: context canceled")
	})
}
