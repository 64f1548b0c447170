package webhook_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

// enqueue serves a request with one event for each user. The first user is the nonce too.
func (r *receiver) enqueue(users ...string) answer {
	return r.serve(newRequest(signedQuery(users[0], time.Now()), presenceEvents(users...)))
}

// TestQueueAnswersAtOnce checks that requests are answered before their callbacks run, and that callbacks run in the
// order of arrival, without a time limit.
func TestQueueAnswersAtOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t, withQueue(100, 0))
		var ended atomic.Int32
		receiver.onEvent = func(ctx context.Context, _ webhook.Event) error {
			time.Sleep(time.Minute)
			if ctx.Err() != nil {
				ended.Add(1)
			}
			return nil
		}
		var want []string
		for i := range 50 {
			users := []string{fmt.Sprint("a", i), fmt.Sprint("b", i)}
			want = append(want, users...)
			require.Equal(t, answers.ok, receiver.enqueue(users...))
		}
		require.Equal(t, answers.ok, receiver.enqueue("a0"), "a replay, not queued again")
		require.Zero(t, time.Since(startTime))
		synctest.Wait()
		require.Len(t, receiver.dispatched(), 1, "one worker")
		time.Sleep(time.Duration(len(want)) * time.Minute)
		require.Equal(t, want, receiver.dispatchedUsers())
		require.Zero(t, ended.Load(), "contexts ended early")
	})
}

// TestQueueFull checks that a request is answered 503 while the queue is full, and accepted later.
func TestQueueFull(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t, withQueue(2, 1))
		receiver.onEvent = sleepFor(time.Minute)
		require.Equal(t, answers.ok, receiver.enqueue("1"))
		synctest.Wait() // until the worker has taken it
		require.Equal(t, answers.ok, receiver.enqueue("2"))
		require.Equal(t, answers.ok, receiver.enqueue("3", "3b", "3c", "3d"), "a request is queued with all of its events")
		for range 3 {
			require.Equal(t, answers.full, receiver.enqueue("4", "5"))
		}
		time.Sleep(4*time.Minute - time.Second) // 3c is running, 3d waiting
		require.Equal(t, answers.full, receiver.enqueue("4", "5"), "two are still waiting")
		time.Sleep(time.Minute)
		require.Equal(t, answers.ok, receiver.enqueue("4", "5"))
		time.Sleep(time.Hour)
		require.Equal(t, []string{"1", "2", "3", "3b", "3c", "3d", "4", "5"}, receiver.dispatchedUsers())
	})
}

// TestQueueAcceptsLongLists checks that a list with more events than the queue's limit is accepted.
func TestQueueAcceptsLongLists(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t, withQueue(1, 1))
		require.Equal(t, answers.ok, receiver.enqueue("1", "2", "3"))
		synctest.Wait()
		require.Equal(t, answers.ok, receiver.serve(newRequest(signedQuery("9", startTime), "[]")))
		synctest.Wait()
		require.Equal(t, []string{"1", "2", "3"}, receiver.dispatchedUsers())
	})
}

// TestWorkers checks that exactly the configured number of workers run at once.
func TestWorkers(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 3, 8} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t, withQueue(100, workers))
			receiver.onEvent = sleepFor(time.Second)
			for i := range 24 {
				require.Equal(t, answers.ok, receiver.enqueue(fmt.Sprint(i)))
			}
			for round := 1; round <= 24/workers; round++ {
				synctest.Wait()
				require.Len(t, receiver.dispatched(), round*workers)
				time.Sleep(time.Second)
			}
			require.Len(t, receiver.dispatched(), 24)
		})
	}
}

// TestQueueContinuesAfterFailures checks that an event that fails, panics or ends its goroutine is logged, and that all
// others are handled.
func TestQueueContinuesAfterFailures(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 2} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t, withQueue(100, workers))
			receiver.onEvent = func(_ context.Context, e webhook.Event) error {
				switch e.(webhook.PresenceEvent).UserID {
				case "error":
					return errApp
				case "panic":
					panic("boom")
				case "end":
					runtime.Goexit()
				}
				return nil
			}
			users := []string{"error", "1", "panic", "2", "end", "3", "end", "panic", "4"}
			require.Equal(t, answers.ok, receiver.enqueue(users...))
			synctest.Wait()
			require.ElementsMatch(t, users, receiver.dispatchedUsers())
			require.Equal(t, 1, strings.Count(receiver.log.String(), `"reason":"a callback returned an error","detail":"the database is unavailable"`))
			require.Equal(t, 2, strings.Count(receiver.log.String(), `"reason":"the handler panicked","detail":"boom"`))
			require.Equal(t, 2, strings.Count(receiver.log.String(), `"reason":"the handler panicked","detail":"runtime.Goexit was called, as t.Fatal does"`))
			require.Equal(t, answers.ok, receiver.enqueue("5"))
			synctest.Wait()
			require.Len(t, receiver.dispatched(), len(users)+1)
			require.NoError(t, receiver.Shutdown(t.Context()))
		})
	}
}

// TestQueueKeepsContextValues checks that a callback has the values of its request's context, and isn't canceled with
// the request.
func TestQueueKeepsContextValues(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t, withQueue(100, 1))
		values := map[string]any{}
		receiver.onEvent = func(ctx context.Context, e webhook.Event) error {
			time.Sleep(time.Minute)
			values["ended"] = ctx.Err()
			values[e.(webhook.PresenceEvent).UserID] = ctx.Value(contextKey{})
			return nil
		}
		for _, user := range []string{"a", "b"} {
			ctx, cancel := context.WithCancel(context.WithValue(t.Context(), contextKey{}, "trace of "+user))
			request := newRequest(signedQuery(user, startTime), presenceEvents(user)).WithContext(ctx)
			require.Equal(t, answers.ok, receiver.serve(request))
			cancel()
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, map[string]any{"a": "trace of a", "b": "trace of b", "ended": nil}, values)
	})
}

// TestIdleQueueHasNoGoroutine relies on the bubble, which fails if a goroutine outlives the test.
func TestIdleQueueHasNoGoroutine(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t, withQueue(10, 8))
		require.Equal(t, answers.ok, receiver.enqueue("1", "2", "3"))
		time.Sleep(time.Hour)
		require.Len(t, receiver.dispatched(), 3)
	})
}
