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

// enqueue serves a request with events about users. The first of them is its nonce too.
func (r *receiver) enqueue(users ...string) answer {
	return r.serve(newRequest(signedQuery(users[0], time.Now()), presenceEvents(users...)))
}

// TestQueueAnswersAtOnce, and gives the functions all the time that they need, in the order in which events came.
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
		require.Equal(t, answers.ok, receiver.enqueue("a0"), "a replay, which isn't taken again")
		require.Zero(t, time.Since(startTime))
		synctest.Wait()
		require.Len(t, receiver.dispatched(), 1, "one worker")
		time.Sleep(time.Duration(len(want)) * time.Minute)
		require.Equal(t, want, receiver.dispatchedUsers())
		require.Zero(t, ended.Load(), "contexts that ended early")
	})
}

// TestQueueFull is answered 503, and what was refused is not taken for handled.
func TestQueueFull(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t, withQueue(2, 1))
		receiver.onEvent = sleepFor(time.Minute)
		require.Equal(t, answers.ok, receiver.enqueue("1"))
		synctest.Wait() // the worker has it
		require.Equal(t, answers.ok, receiver.enqueue("2"))
		require.Equal(t, answers.ok, receiver.enqueue("3", "3b", "3c", "3d"), "one request's events are taken together")
		for range 3 {
			require.Equal(t, answers.full, receiver.enqueue("4", "5"))
		}
		time.Sleep(4*time.Minute - time.Second) // 3c runs, 3d waits
		require.Equal(t, answers.full, receiver.enqueue("4", "5"), "two still wait")
		time.Sleep(time.Minute)
		require.Equal(t, answers.ok, receiver.enqueue("4", "5"))
		time.Sleep(time.Hour)
		require.Equal(t, []string{"1", "2", "3", "3b", "3c", "3d", "4", "5"}, receiver.dispatchedUsers())
	})
}

// TestQueueOfAList: a list that is longer than the queue isn't refused for ever.
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

// TestWorkers run as many at once as there are, and no more.
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

// TestQueueGoesOn after whatever a function does. Each failure is a line of the log, RC having its answer already.
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
			require.Equal(t, 1, strings.Count(receiver.log.String(), `"reason":"a callback returned an error","detail":"the database is away"`))
			require.Equal(t, 2, strings.Count(receiver.log.String(), `"reason":"the handler panicked","detail":"boom"`))
			require.Equal(t, 2, strings.Count(receiver.log.String(), `"reason":"the handler panicked","detail":"runtime.Goexit was called, as t.Fatal does"`))
			require.Equal(t, answers.ok, receiver.enqueue("5"))
			synctest.Wait()
			require.Len(t, receiver.dispatched(), len(users)+1)
			require.NoError(t, receiver.Shutdown(t.Context()))
		})
	}
}

// TestQueueKeepsValues of each request's context, and nothing of its end.
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

// TestIdleQueueHasNoGoroutine: the bubble fails if one outlives the test, and nothing here ends any.
func TestIdleQueueHasNoGoroutine(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t, withQueue(10, 8))
		require.Equal(t, answers.ok, receiver.enqueue("1", "2", "3"))
		time.Sleep(time.Hour)
		require.Len(t, receiver.dispatched(), 3)
	})
}
