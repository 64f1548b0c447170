package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

// timedAnswer is an answer and how long after startTime it came.
type timedAnswer struct {
	answer
	at time.Duration
}

// serveAt serves a request at a time after startTime, in a goroutine.
func (r *receiver) serveAt(at time.Duration, query string) <-chan timedAnswer {
	got := make(chan timedAnswer, 1)
	go func() {
		time.Sleep(time.Until(startTime.Add(at)))
		a := r.serve(newRequest(query, presenceEvent))
		got <- timedAnswer{a, time.Since(startTime)}
	}()
	return got
}

const ms = time.Millisecond

// TestLateCallback has RC's second attempt arrive while a slow callback still handles the first. The attempt waits for the
// result: a success is its answer, and after a failure it calls the callback again.
func TestLateCallback(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		takes  time.Duration
		result error
		second timedAnswer
		third  timedAnswer
		calls  int
	}{
		{"fails after 6.5 s", 6500 * ms, errApp, timedAnswer{answers.ok, 6500 * ms}, timedAnswer{answers.ok, 10 * time.Second}, 2},
		{"succeeds after 6.5 s", 6500 * ms, nil, timedAnswer{answers.ok, 6500 * ms}, timedAnswer{answers.ok, 10 * time.Second}, 1},
		{"fails a moment before the answer", 8999 * ms, errApp, timedAnswer{answers.ok, 8999 * ms}, timedAnswer{answers.ok, 10 * time.Second}, 2},
		{"fails after 12 s", 12 * time.Second, errApp, timedAnswer{answers.busy, 9 * time.Second}, timedAnswer{answers.ok, 12 * time.Second}, 2},
		{"succeeds after 12 s", 12 * time.Second, nil, timedAnswer{answers.busy, 9 * time.Second}, timedAnswer{answers.ok, 12 * time.Second}, 1},
		{"panics after 5.5 s", 5500 * ms, errPanicNow, timedAnswer{answers.ok, 5500 * ms}, timedAnswer{answers.ok, 10 * time.Second}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T) {
				receiver := newReceiver(t)
				first := true
				receiver.onEvent = func(context.Context, webhook.Event) error {
					if !first {
						return nil
					}
					first = false
					time.Sleep(tc.takes)
					if errors.Is(tc.result, errPanicNow) {
						panic("late")
					}
					return tc.result
				}
				query := signedQuery(testNonce, startTime)
				attempts := []<-chan timedAnswer{
					receiver.serveAt(0, query), receiver.serveAt(5*time.Second, query), receiver.serveAt(10*time.Second, query),
				}
				require.Equal(t, timedAnswer{answers.timeout, 4 * time.Second}, <-attempts[0])
				require.Equal(t, tc.second, <-attempts[1])
				require.Equal(t, tc.third, <-attempts[2])
				require.Len(t, receiver.dispatched(), tc.calls)
				late := strings.Count(receiver.log.String(), `"msg":"webhook: handling failed after the answer"`)
				require.Equal(t, tc.calls-1, late, "a late failure must be logged: %s", receiver.log.String())
			})
		})
	}
}

var errPanicNow = errors.New("panic")

// TestClaimOfADeadProcess has a process die during the first attempt: its claim ends with its lease, and the next process
// handles RC's second attempt, which arrived before.
func TestClaimOfADeadProcess(t *testing.T) {
	t.Parallel()
	for _, died := range []time.Duration{400 * ms, time.Second, 3 * time.Second} {
		inBubble(t, func(t *testing.T) {
			guards := newLeaseGuards()
			query := signedQuery(testNonce, startTime)
			dead := newReceiver(t, withGuard(guards.process("dead")))
			claim, err := guards.process("dead").Claim(t.Context(), digest(testAppSecret, testNonce, inMillis(startTime)))
			require.NoError(t, err)
			require.Equal(t, webhook.Claimed, claim)
			next := newReceiver(t, withGuard(guards.process("next")))
			got := <-next.serveAt(died+time.Second, query)
			require.Equal(t, answers.ok, got.answer)
			require.LessOrEqual(t, got.at, 5*time.Second+200*ms)
			require.GreaterOrEqual(t, got.at, 5*time.Second)
			require.Len(t, next.dispatched(), 1)
			require.Empty(t, dead.dispatched())
		})
	}
}

// TestLastAttemptAfterACrash has a process die within a millisecond of its claim, during RC's second attempt: the lease
// outlasts the answer to the third one by nothing, and there is no fourth.
func TestLastAttemptAfterACrash(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		guards := newLeaseGuards()
		_, err := guards.process("dead").Claim(t.Context(), digest(testAppSecret, testNonce, inMillis(startTime)))
		require.NoError(t, err)
		next := newReceiver(t, withGuard(guards.process("next")))
		got := <-next.serveAt(time.Second+ms, signedQuery(testNonce, startTime))
		require.Equal(t, http.StatusServiceUnavailable, got.Status)
		require.Equal(t, 5*time.Second+ms, got.at)
		synctest.Wait()
		require.Len(t, next.dispatched(), 1)
		require.Equal(t, answers.ok, (<-next.serveAt(6*time.Second, signedQuery(testNonce, startTime))).answer, "it is remembered")
		require.Len(t, next.dispatched(), 1)
	})
}

// TestOneProcessHandlesOnce checks that a lease that ends while its own process still handles the request doesn't make that
// process handle it twice at the same time, whereas another process takes over.
func TestOneProcessHandlesOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		guards := newLeaseGuards()
		receiver := newReceiver(t, withGuard(guards.process("a")))
		receiver.onEvent = sleepFor(20 * time.Second)
		other := newReceiver(t, withGuard(guards.process("b")))
		query := signedQuery(testNonce, startTime)
		first, second := receiver.serveAt(0, query), receiver.serveAt(6*time.Second, query)
		third := other.serveAt(11*time.Second, query)
		require.Equal(t, timedAnswer{answers.timeout, 4 * time.Second}, <-first)
		require.Equal(t, timedAnswer{answers.busy, 10 * time.Second}, <-second)
		require.Equal(t, timedAnswer{answers.ok, 11 * time.Second}, <-third)
		time.Sleep(time.Minute)
		require.Len(t, receiver.dispatched(), 1)
		require.Len(t, other.dispatched(), 1)
	})
}

// TestWaitingOutlivesItsClient checks that an attempt whose client goes away while it waits is still handled: it may be RC's
// last.
func TestWaitingOutlivesItsClient(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		fails := true
		receiver.onEvent = func(context.Context, webhook.Event) error {
			if !fails {
				return nil
			}
			time.Sleep(7 * time.Second)
			fails = false
			return errApp
		}
		query := signedQuery(testNonce, startTime)
		first := receiver.serveAt(0, query)
		time.Sleep(5 * time.Second)
		ctx, hangUp := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, hangUp)
		require.Equal(t, answers.ok, receiver.serve(newRequest(query, presenceEvent).WithContext(ctx)))
		require.Equal(t, 7*time.Second, time.Since(startTime))
		require.Error(t, ctx.Err())
		require.Equal(t, answers.timeout, (<-first).answer)
		require.Len(t, receiver.dispatched(), 2)
	})
}

// TestClaimAfterTheWait checks that a request that got its claim a moment before its answer is due has 4 seconds for its
// callback all the same, so that the next attempt is answered 200.
func TestClaimAfterTheWait(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		calls := 0
		receiver.onEvent = func(ctx context.Context, _ webhook.Event) error {
			if calls++; calls == 1 {
				time.Sleep(8900 * ms)
				return errApp
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(3 * time.Second):
				return nil
			}
		}
		query := signedQuery(testNonce, startTime)
		first, second := receiver.serveAt(0, query), receiver.serveAt(5*time.Second, query)
		third := receiver.serveAt(10*time.Second, query)
		require.Equal(t, answers.timeout, (<-first).answer)
		require.Equal(t, timedAnswer{answers.timeout, 9 * time.Second}, <-second)
		require.Equal(t, timedAnswer{answers.ok, 11_900 * ms}, <-third)
		require.Equal(t, 2, calls)
	})
}

// TestManyWaiting checks that two requests wait for one with their signature, and that more are answered at once, so that
// someone who knows a URL can't fill the memory. RC's attempts under other signatures aren't affected.
func TestManyWaiting(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		receiver.onEvent = sleepFor(3 * time.Second)
		query := signedQuery(testNonce, startTime)
		attempts := []<-chan timedAnswer{receiver.serveAt(0, query)}
		for i := range 2 {
			attempts = append(attempts, receiver.serveAt(time.Duration(i+1)*ms, query))
		}
		for i := range 100 {
			require.Equal(t, answers.busy, (<-receiver.serveAt(time.Second, query)).answer, i)
		}
		require.Equal(t, time.Second, time.Since(startTime))
		for i := range 300 {
			attempts = append(attempts, receiver.serveAt(time.Second, signedQuery(fmt.Sprint("other", i), startTime)))
		}
		for i, attempt := range attempts {
			require.Equal(t, answers.ok, (<-attempt).answer, i)
		}
		require.Len(t, receiver.dispatched(), 301)
	})
}

// TestWaitingEndsInTime checks that those that waited in vain leave nothing: after the callback, the next attempt is handled,
// and while it runs, as many may wait again.
func TestWaitingEndsInTime(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		receiver.onEvent = func(context.Context, webhook.Event) error { time.Sleep(60 * time.Second); return errApp }
		query := signedQuery(testNonce, startTime)
		first := receiver.serveAt(0, query)
		for round := range 10 {
			at := time.Duration(1+5*round) * time.Second
			a, b := receiver.serveAt(at, query), receiver.serveAt(at, query)
			require.Equal(t, timedAnswer{answers.busy, at + 4*time.Second}, <-a)
			require.Equal(t, timedAnswer{answers.busy, at + 4*time.Second}, <-b)
		}
		require.Equal(t, answers.timeout, (<-first).answer)
		time.Sleep(time.Minute)
		require.Len(t, receiver.dispatched(), 1)
		require.Equal(t, answers.timeout, receiver.serve(newRequest(query, presenceEvent)))
		require.Len(t, receiver.dispatched(), 2)
		time.Sleep(time.Minute)
	})
}

// TestShutdownWhileAttemptsWait checks that Shutdown lets a waiting attempt have its result, and answers it 503 when it gives
// up.
func TestShutdownWhileAttemptsWait(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		patience time.Duration
		err      error
		second   timedAnswer
	}{
		"patient":   {time.Minute, nil, timedAnswer{answers.ok, 7 * time.Second}},
		"impatient": {6 * time.Second, context.DeadlineExceeded, timedAnswer{answers.shutdown, 6 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T) {
				receiver := newReceiver(t)
				receiver.onEvent = sleepFor(7 * time.Second)
				query := signedQuery(testNonce, startTime)
				first, second := receiver.serveAt(0, query), receiver.serveAt(4500*ms, query)
				time.Sleep(5 * time.Second)
				ctx, cancel := context.WithDeadline(t.Context(), startTime.Add(tc.patience))
				defer cancel()
				require.ErrorIs(t, receiver.Shutdown(ctx), tc.err)
				require.Equal(t, answers.timeout, (<-first).answer)
				require.Equal(t, tc.second, <-second)
				time.Sleep(time.Minute)
				synctest.Wait()
				require.Len(t, receiver.dispatched(), 1)
			})
		})
	}
}

// TestBusyGuardIsAskedAgain checks the interval, and that a busy guard is answered 503 only when the answer is due.
func TestBusyGuardIsAskedAgain(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		var asked []time.Duration
		receiver := newReceiver(t, withGuard(fakeGuard{claim: func(context.Context, string) (webhook.Claim, error) {
			asked = append(asked, time.Since(startTime))
			if time.Since(startTime) > 4900*ms {
				return webhook.Handled, nil
			}
			return webhook.Busy, nil
		}}))
		require.Equal(t, answers.busy, receiver.serve(validRequest(testNonce)))
		require.Equal(t, 4*time.Second, time.Since(startTime))
		synctest.Wait() // the last claim comes with the answer
		require.InDelta(t, 21, len(asked), 1, "one a 200 ms, of which the last may coincide with the end, and one at the end")
		require.Equal(t, []time.Duration{0, 200 * ms, 400 * ms}, asked[:3])
		require.Equal(t, answers.ok, receiver.serve(validRequest(testNonce)))
		require.Equal(t, 5*time.Second, time.Since(startTime))
		require.Empty(t, receiver.dispatched())
	})
}
