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

// presenceOf is the body of an event about each of some users.
func presenceOf(users ...string) string {
	var list []string
	for _, user := range users {
		list = append(list, fmt.Sprintf(`{"userid":%q,"status":"0","time":1}`, user))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// enqueue serves a request with events about users. The first of them is its nonce too.
func (r *receiver) enqueue(users ...string) answer {
	return r.serve(post(signedQuery(users[0], time.Now()), presenceOf(users...)))
}

// takes is what a function does that needs so long.
func takes(d time.Duration) func(context.Context, webhook.Event) error {
	return func(context.Context, webhook.Event) error { time.Sleep(d); return nil }
}

// TestQueueAnswersAtOnce, and gives the functions all the time that they need, in the order in which events came.
func TestQueueAnswersAtOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t, queued(100, 0))
		var ended atomic.Int32
		receiver.do = func(ctx context.Context, _ webhook.Event) error {
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
		require.Zero(t, time.Since(start))
		synctest.Wait()
		require.Len(t, receiver.received(), 1, "one worker")
		time.Sleep(time.Duration(len(want)) * time.Minute)
		require.Equal(t, want, receiver.users())
		require.Zero(t, ended.Load(), "contexts that ended early")
	})
}

// TestQueueFull is answered 503, and what was refused is not taken for handled.
func TestQueueFull(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t, queued(2, 1))
		receiver.do = takes(time.Minute)
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
		require.Equal(t, []string{"1", "2", "3", "3b", "3c", "3d", "4", "5"}, receiver.users())
	})
}

// TestQueueOfAList: a list that is longer than the queue isn't refused for ever.
func TestQueueOfAList(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t, queued(1, 1))
		require.Equal(t, answers.ok, receiver.enqueue("1", "2", "3"))
		synctest.Wait()
		require.Equal(t, answers.ok, receiver.serve(post(signedQuery("9", start), "[]")))
		synctest.Wait()
		require.Equal(t, []string{"1", "2", "3"}, receiver.users())
	})
}

// TestWorkers run as many at once as there are, and no more.
func TestWorkers(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 3, 8} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t, queued(100, workers))
			receiver.do = takes(time.Second)
			for i := range 24 {
				require.Equal(t, answers.ok, receiver.enqueue(fmt.Sprint(i)))
			}
			for round := 1; round <= 24/workers; round++ {
				synctest.Wait()
				require.Len(t, receiver.received(), round*workers)
				time.Sleep(time.Second)
			}
			require.Len(t, receiver.received(), 24)
		})
	}
}

// TestQueueGoesOn after whatever a function does. Each failure is a line of the log, RC having its answer already.
func TestQueueGoesOn(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 2} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t, queued(100, workers))
			receiver.do = func(_ context.Context, e webhook.Event) error {
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
			require.ElementsMatch(t, users, receiver.users())
			require.Equal(t, 1, strings.Count(receiver.log.String(), `"reason":"the event was not handled","detail":"the database is away"`))
			require.Equal(t, 2, strings.Count(receiver.log.String(), `"reason":"a function panicked","detail":"boom"`))
			require.Equal(t, 2, strings.Count(receiver.log.String(), `"reason":"a function panicked","detail":"it ended its goroutine, as t.Fatal does"`))
			require.Equal(t, answers.ok, receiver.enqueue("5"))
			synctest.Wait()
			require.Len(t, receiver.received(), len(users)+1)
			require.NoError(t, receiver.Shutdown(t.Context()))
		})
	}
}

// TestQueueKeepsValues of each request's context, and nothing of its end.
func TestQueueKeepsValues(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t, queued(100, 1))
		values := map[string]any{}
		receiver.do = func(ctx context.Context, e webhook.Event) error {
			time.Sleep(time.Minute)
			values["ended"] = ctx.Err()
			values[e.(webhook.PresenceEvent).UserID] = ctx.Value(contextKey{})
			return nil
		}
		for _, user := range []string{"a", "b"} {
			ctx, cancel := context.WithCancel(context.WithValue(t.Context(), contextKey{}, "trace of "+user))
			request := post(signedQuery(user, start), presenceOf(user)).WithContext(ctx)
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
		receiver := newReceiver(t, queued(10, 8))
		require.Equal(t, answers.ok, receiver.enqueue("1", "2", "3"))
		time.Sleep(time.Hour)
		require.Len(t, receiver.received(), 3)
	})
}

// TestShutdown lets the queue and the functions end, and lets nothing in meanwhile or afterwards.
func TestShutdown(t *testing.T) {
	t.Parallel()
	for _, most := range []int{0, 10} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t, queued(most, 0))
			receiver.do = takes(time.Minute)
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
			require.Equal(t, want, time.Since(start))
			require.Equal(t, []string{"1", "2", "3"}, receiver.users())
			require.Equal(t, answers.shutdown, receiver.enqueue("4"))
			require.NoError(t, receiver.Shutdown(t.Context()))
			require.Len(t, receiver.received(), 3)
		})
	}
}

// TestShutdownGivesUp when its context ends: what waits is dropped and counted, and what runs is told.
func TestShutdownGivesUp(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t, queued(10, 2))
		var told atomic.Int32
		receiver.do = func(ctx context.Context, _ webhook.Event) error {
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
		require.ErrorContains(t, err, "3 events dropped from the queue, 2 functions still running")
		require.Equal(t, 10*time.Second, time.Since(start))
		synctest.Wait()
		require.Equal(t, int32(2), told.Load())
		require.Equal(t, answers.shutdown, receiver.enqueue("6"))
		require.NoError(t, receiver.Shutdown(t.Context()), "waits for what was told to end")
		require.Equal(t, 70*time.Second, time.Since(start))
		require.ElementsMatch(t, []string{"1", "2"}, receiver.users())
		require.Equal(t, 2, strings.Count(receiver.log.String(), `"reason":"shutting down","detail":"context canceled"`))
	})
}

// TestShutdownTellsFunctions that run for a request, which is answered 503 then.
func TestShutdownTellsFunctions(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		receiver.do = func(ctx context.Context, _ webhook.Event) error { <-ctx.Done(); return ctx.Err() }
		got := make(chan answer, 1)
		go func() { got <- receiver.enqueue("1") }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, receiver.Shutdown(ctx), context.DeadlineExceeded)
		require.Equal(t, answers.shutdown, <-got)
		require.Equal(t, time.Second, time.Since(start))
	})
}

// TestShutdownOfAnIdleHandler succeeds, even if there is no time for it.
func TestShutdownOfAnIdleHandler(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		receiver := newReceiver(t, queued(1, 1))
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
		receiver := newReceiver(t, queued(10, 1), replays(guard{
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
		require.Empty(t, receiver.received())
	})
}
