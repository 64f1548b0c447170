package webhook_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

// TestShutdown lets the queue and the functions end, and lets nothing in meanwhile or afterwards.
func TestShutdown(t *testing.T) {
	t.Parallel()
	for _, most := range []int{0, 10} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t, withQueue(most, 0))
			receiver.onEvent = sleepFor(time.Minute)
			for _, user := range []string{"1", "2", "3"} {
				go receiver.enqueue(user)
				synctest.Wait()
			}
			ended := make(chan error, 2)
			go func() { ended <- receiver.Shutdown(context.Background()) }()
			go func() { ended <- receiver.Shutdown(context.Background()) }()
			synctest.Wait()
			require.Empty(t, ended)
			require.Equal(t, answers.shutdown, receiver.enqueue("4"))
			require.NoError(t, <-ended)
			require.NoError(t, <-ended)
			want := time.Minute // all at once
			if most > 0 {
				want = 3 * time.Minute
			}
			require.Equal(t, want, time.Since(startTime))
			require.Equal(t, []string{"1", "2", "3"}, receiver.dispatchedUsers())
			require.Equal(t, answers.shutdown, receiver.enqueue("4"))
			require.NoError(t, receiver.Shutdown(t.Context()))
			require.Len(t, receiver.dispatched(), 3)
		})
	}
}

// TestShutdownGivesUp when its context ends: what waits is dropped and counted, and what runs is told.
func TestShutdownGivesUp(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t, withQueue(10, 2))
		var told atomic.Int32
		receiver.onEvent = func(ctx context.Context, _ webhook.Event) error {
			<-ctx.Done()
			told.Add(1)
			time.Sleep(time.Minute)
			return ctx.Err()
		}
		require.Equal(t, answers.ok, receiver.enqueue("1", "2", "3", "4", "5"))
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errApp)
		defer cancel()
		err := receiver.Shutdown(ctx)
		require.ErrorIs(t, err, errApp)
		require.ErrorContains(t, err, "3 events dropped from the queue, 2 callbacks still running")
		require.Equal(t, 10*time.Second, time.Since(startTime))
		synctest.Wait()
		require.Equal(t, int32(2), told.Load())
		require.Equal(t, answers.shutdown, receiver.enqueue("6"))
		require.NoError(t, receiver.Shutdown(t.Context()), "waits for what was told to end")
		require.Equal(t, 70*time.Second, time.Since(startTime))
		require.ElementsMatch(t, []string{"1", "2"}, receiver.dispatchedUsers())
		require.Equal(t, 2, strings.Count(receiver.log.String(), `"reason":"shutting down","detail":"context canceled"`))
	})
}

// TestShutdownTellsFunctions that run for a request, which is answered 503 then.
func TestShutdownCancelsCallbacks(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		receiver.onEvent = func(ctx context.Context, _ webhook.Event) error { <-ctx.Done(); return ctx.Err() }
		got := make(chan answer, 1)
		go func() { got <- receiver.enqueue("1") }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, receiver.Shutdown(ctx), context.DeadlineExceeded)
		require.Equal(t, answers.shutdown, <-got)
		require.Equal(t, time.Second, time.Since(startTime))
	})
}

// TestShutdownOfAnIdleHandler succeeds, even if there is no time for it.
func TestShutdownOfAnIdleHandler(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		receiver := newReceiver(t, withQueue(1, 1))
		require.NoError(t, receiver.Shutdown(ctx))
	}
}

// TestNothingIsQueuedAfterShutdown gave up: the event would be lost, and RC, which was answered 503, must be able to
// send it to another process that shares the guard.
func TestNothingIsQueuedAfterShutdown(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		slow := make(chan struct{})
		var settled atomic.Value
		receiver := newReceiver(t, withQueue(10, 1), withGuard(fakeGuard{
			claim:   func(context.Context, string) (webhook.Claim, error) { <-slow; return webhook.Claimed, nil },
			commit:  func(context.Context, string, time.Time) error { settled.Store("handled"); return nil },
			release: func(context.Context, string) error { settled.Store("not handled"); return nil },
		}))
		got := make(chan answer, 1)
		go func() { got <- receiver.enqueue("1") }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorContains(t, receiver.Shutdown(ctx), "0 events dropped")
		require.Equal(t, answers.shutdown, <-got)
		close(slow)
		synctest.Wait()
		require.Equal(t, "not handled", settled.Load())
		require.Empty(t, receiver.dispatched())
	})
}
