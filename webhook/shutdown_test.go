package webhook_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

// TestShutdown checks that queued events and running callbacks are completed, and that requests during and after
// Shutdown are refused.
func TestShutdown(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, 10} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t, withQueue(limit, 0))
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
			want := time.Minute // without a queue, all run at once
			if limit > 0 {
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

// TestShutdownGivesUp checks that queued events are dropped and counted, and running callbacks canceled, when the
// context of Shutdown ends.
func TestShutdownGivesUp(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t, withQueue(10, 2))
		var canceled atomic.Int32
		receiver.onEvent = func(ctx context.Context, _ webhook.Event) error {
			<-ctx.Done()
			canceled.Add(1)
			time.Sleep(time.Minute)
			return ctx.Err()
		}
		require.Equal(t, answers.ok, receiver.enqueue("1", "2", "3", "4", "5"))
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errApp)
		defer cancel()
		err := receiver.Shutdown(ctx)
		require.ErrorIs(t, err, errApp)
		require.ErrorContains(t, err, "3 queued events not handled, 2 callbacks still running")
		requireShutdownError(t, err, []string{"3", "4", "5"}, 2)
		require.Equal(t, 10*time.Second, time.Since(startTime))
		synctest.Wait()
		require.Equal(t, int32(2), canceled.Load())
		require.Equal(t, answers.shutdown, receiver.enqueue("6"))
		require.NoError(t, receiver.Shutdown(t.Context()), "waits for the canceled callbacks")
		require.Equal(t, 70*time.Second, time.Since(startTime))
		require.ElementsMatch(t, []string{"1", "2"}, receiver.dispatchedUsers())
		require.Equal(t, 2, strings.Count(receiver.log.String(), `"reason":"shutting down","detail":"context canceled"`))
	})
}

func requireShutdownError(t *testing.T, err error, users []string, running int) {
	t.Helper()
	var failure *webhook.ShutdownError
	require.ErrorAs(t, err, &failure)
	var got []string
	for _, e := range failure.Events {
		got = append(got, e.(webhook.PresenceEvent).UserID)
	}
	require.Equal(t, users, got)
	require.Equal(t, running, failure.Running)
}

// TestShutdownLosesNothing checks that every event that was answered 200 was either handled or is returned, once and in
// order, also if a request is queued while Shutdown gives up.
func TestShutdownLosesNothing(t *testing.T) {
	t.Parallel()
	for patience := range 20 {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t, withQueue(100, 1))
			receiver.onEvent = sleepFor(time.Second)
			var accepted []string
			for i := range 10 {
				users := []string{fmt.Sprint(i, "a"), fmt.Sprint(i, "b")}
				require.Equal(t, answers.ok, receiver.enqueue(users...))
				accepted = append(accepted, users...)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(patience)*time.Second+500*ms)
			defer cancel()
			var failure *webhook.ShutdownError
			require.ErrorAs(t, receiver.Shutdown(ctx), &failure)
			require.Equal(t, 1, failure.Running)
			require.NoError(t, receiver.Shutdown(t.Context()))
			got := receiver.dispatchedUsers()
			for _, e := range failure.Events {
				got = append(got, e.(webhook.PresenceEvent).UserID)
			}
			require.Equal(t, accepted, got)
		})
	}
}

// TestShutdownCancelsCallbacks checks that a request whose callback was canceled by Shutdown is answered 503.
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

// TestShutdownOfAnIdleHandler checks that Shutdown succeeds if nothing is running, even if its context has ended.
func TestShutdownOfAnIdleHandler(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		receiver := newReceiver(t, withQueue(1, 1))
		require.NoError(t, receiver.Shutdown(ctx))
	}
}

// TestNothingIsQueuedAfterShutdown checks that a request that was answered 503 by Shutdown isn't queued later, where its
// events would be lost, and that its claim is released for a process that shares the guard.
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
		require.ErrorContains(t, receiver.Shutdown(ctx), "0 queued events not handled")
		require.Equal(t, answers.shutdown, <-got)
		close(slow)
		synctest.Wait()
		require.Equal(t, "not handled", settled.Load())
		require.Empty(t, receiver.dispatched())
	})
}

// TestShutdownReturnsEventsOfUncommittedRequests has a guard that hangs in Commit, after the request was queued.
func TestShutdownReturnsEventsOfUncommittedRequests(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t, withQueue(10, 1), withGuard(fakeGuard{commit: func(ctx context.Context, _ string, _ time.Time) error {
			<-ctx.Done()
			return ctx.Err()
		}}))
		receiver.onEvent = sleepFor(time.Minute)
		got := make(chan answer, 2)
		for _, user := range []string{"1", "2"} { // the worker takes the first
			go func() { got <- receiver.serve(newRequest(signedQuery(user, startTime), presenceEvents(user))) }()
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var failure *webhook.ShutdownError
		require.ErrorAs(t, receiver.Shutdown(ctx), &failure)
		require.Len(t, failure.Events, 1)
		require.Equal(t, "2", failure.Events[0].(webhook.PresenceEvent).UserID)
		require.Equal(t, answers.shutdown, <-got)
		require.Equal(t, answers.shutdown, <-got)
		require.NoError(t, receiver.Shutdown(t.Context()))
	})
}
