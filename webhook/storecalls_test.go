package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

// TestCallsOfADeadStore checks that a store that hangs delays Handle until the end of its context, and Deactivate and
// Reactivate for a second in all.
func TestCallsOfADeadStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		store := newBadStore(func(context.Context, string, string) error { <-release; return nil })
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: store})
		start := time.Now()
		for range 10 {
			op, err := r.ops.Deactivate(t.Context(), []string{"u1"})
			require.NoError(t, err)
			require.NotEmpty(t, op.ID)
			_, err = r.ops.Reactivate(t.Context(), []string{"u1"})
			require.ErrorIs(t, err, rcuser.ErrParameter)
		}
		require.LessOrEqual(t, time.Since(start), 1200*time.Millisecond)
		start = time.Now()
		var group sync.WaitGroup
		for i := range 1000 {
			group.Go(func() {
				err := r.ops.Handle(contextWithin(t, 3*time.Second), deactivationEvent(rcuser.Operation{ID: "C70B"}, fmt.Sprint(i), "0", time.Now()))
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.Equal(t, 3*time.Second, time.Since(start))
		require.Equal(t, 64, store.most())
		close(release)
		synctest.Wait()
		require.NoError(t, r.ops.Handle(t.Context(), deactivationEvent(rcuser.Operation{ID: "B1D6"}, "u1", "0", time.Now())))
		_, err := r.ops.Reactivate(t.Context(), []string{"u1"})
		_, early := errors.AsType[*webhook.TooEarlyError](err)
		require.True(t, early, "the store is asked again once it has answered")
	})
}

// TestHandleReturnsAPanicOfTheStore checks that RC is asked to send the event again.
func TestHandleReturnsAPanicOfTheStore(t *testing.T) {
	t.Parallel()
	for _, breaks := range []func(){func() { panic(errDown) }, runtime.Goexit} {
		store := newBadStore(func(context.Context, string, string) error { breaks(); return nil })
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: store})
		err := r.ops.Handle(t.Context(), deactivationEvent(rcuser.Operation{ID: "C70B"}, "u1", "0", time.Now()))
		require.ErrorContains(t, err, "webhook: the store ")
	}
}

// TestNilPointerErrorOfStore checks that such an error is one like any other, for Handle and for a Wait that reads and
// one whose event wasn't stored.
func TestNilPointerErrorOfStore(t *testing.T) {
	t.Parallel()
	for _, failing := range []string{"PutResult", "Results"} {
		synctest.Test(t, func(t *testing.T) {
			store := newBadStore(func(ctx context.Context, method, _ string) error {
				if method == failing {
					return returnNilPointer(ctx, nil)
				}
				return nil
			})
			r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: store})
			op := rcuser.Operation{ID: "C70B"}
			handled := make(chan error, 1)
			time.AfterFunc(time.Second, func() { handled <- r.ops.Handle(t.Context(), deactivationEvent(op, "u1", "0", time.Now())) })
			_, err := r.ops.Wait(contextWithin(t, 2500*time.Millisecond), op, []string{"u1"})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "webhook: the store panicked")
			if err := <-handled; failing == "PutResult" {
				require.ErrorContains(t, err, "webhook: the store panicked")
			}
		})
	}
}

// TestWaitSaysThatAnEventWasNotStored has a store that can be read, but not be written to: Wait names the reason for the
// users that it misses, until the event has been stored.
func TestWaitSaysThatAnEventWasNotStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		full, start := errors.New("disk full"), time.Now()
		store := newBadStore(func(_ context.Context, method, _ string) error {
			if method == "PutResult" && time.Since(start) < time.Minute {
				return full
			}
			return nil
		})
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: store})
		op := rcuser.Operation{ID: "C70B"}
		time.AfterFunc(time.Second, func() {
			require.ErrorIs(t, r.ops.Handle(t.Context(), deactivationEvent(op, "u1", "0", time.Now())), full)
		})
		time.AfterFunc(2*time.Minute, func() {
			require.NoError(t, r.ops.Handle(t.Context(), deactivationEvent(op, "u1", "0", time.Now())))
		})
		go func() { _, _ = r.ops.Wait(contextWithin(t, time.Hour), op, []string{"u1", "u2"}) }()
		time.Sleep(2 * time.Second)
		_, err := r.ops.Wait(contextWithin(t, time.Second), op, []string{"u2"})
		require.NotErrorIs(t, err, full, "it concerns another user")
		_, err = r.ops.Wait(contextWithin(t, time.Second), op, []string{"u1"})
		require.ErrorIs(t, err, full)
		time.Sleep(2 * time.Minute)
		_, err = r.ops.Wait(contextWithin(t, time.Second), op, []string{"u1"})
		require.NoError(t, err)
		time.Sleep(time.Hour)
	})
}
