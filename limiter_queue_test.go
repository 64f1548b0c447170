package rcuser_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// line is a default limiter, the order in which its waiters started, and when.
type line struct {
	rcuser.Limiter
	group   sync.WaitGroup
	mu      sync.Mutex
	started []int
	at      []time.Time
	errs    []error
}

func newLine() *line { return &line{Limiter: rcuser.NewLimiter(rcuser.LimiterOptions{})} }

// enter lets a waiter wait, in a goroutine, and returns once it does.
func (l *line) enter(ctx context.Context, number int, a rcuser.LimitedAttempt) {
	l.group.Go(func() {
		err := l.Wait(ctx, a)
		l.mu.Lock()
		defer l.mu.Unlock()
		if err != nil {
			l.errs = append(l.errs, err)
			return
		}
		l.started, l.at = append(l.started, number), append(l.at, time.Now())
	})
	synctest.Wait()
}

func upTo(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}

// TestEndedWaitsUseNoRate: 1,000 waiters of 100 units each are given up, at the head and behind it, and the next attempt
// waits only for what started.
func TestEndedWaitsUseNoRate(t *testing.T) {
	skipUnderRace(t)
	t.Parallel()
	for name, leave := range map[string]func(context.Context, int) (context.Context, context.CancelFunc){
		"cancel": func(ctx context.Context, _ int) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(500*time.Millisecond, cancel)
			return ctx, cancel
		},
		"cancel from the head on": func(ctx context.Context, i int) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Duration(i+1)*500*time.Microsecond, cancel)
			return ctx, cancel
		},
		"cancel from the end on": func(ctx context.Context, i int) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Duration(1000-i)*500*time.Microsecond, cancel)
			return ctx, cancel
		},
		"deadline": func(ctx context.Context, _ int) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 500*time.Millisecond)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLine()
				begin := time.Now()
				l.enter(t.Context(), 0, ofUnits(100))
				for i := range 1000 {
					ctx, cancel := leave(t.Context(), i)
					defer cancel()
					l.group.Go(func() { l.wait(ctx, ofUnits(100)) })
				}
				time.Sleep(600 * time.Millisecond)
				synctest.Wait()
				require.Len(t, l.errs, 1000)
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				require.NoError(t, l.Wait(ctx, ofUnits(1)))
				requireAbout(t, 1_020_408_163, time.Since(begin))
				l.group.Wait()
			})
		})
	}
}

func (l *line) wait(ctx context.Context, a rcuser.LimitedAttempt) {
	err := l.Wait(ctx, a)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
}

// TestEndedCallsDelayNoOtherCall: 3,000 calls that are cancelled after a second, through a client.
func TestEndedCallsDelayNoOtherCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, tap := newClient(t, reply(200, success), paced)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		var group sync.WaitGroup
		for range 3000 {
			group.Go(func() { _ = ban(ctx, client) })
		}
		group.Wait()
		sent := len(tap.requests())
		require.InDelta(t, 98, sent, 2, "what fits into the second was sent")
		took, err := timed(func() error { return ban(t.Context(), client) })
		require.NoError(t, err)
		require.LessOrEqual(t, took, interval+1)
	})
}

// TestWaitsThatEndInTheMiddleOfTheQueue: of five waiters the second and the fourth leave; the others start without gaps.
func TestWaitsThatEndInTheMiddleOfTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		begin := time.Now()
		gone := errors.New("the browser was closed")
		ctx, cancel := context.WithCancelCause(t.Context())
		for i := range 6 {
			if i == 2 || i == 4 {
				l.enter(ctx, i, ofUnits(50))
			} else {
				l.enter(t.Context(), i, ofUnits(10))
			}
		}
		cancel(gone)
		l.group.Wait()
		require.Equal(t, []int{0, 1, 3, 5}, l.started)
		requireAbout(t, 306_122_449, l.at[3].Sub(begin))
		require.Len(t, l.errs, 2)
		for _, err := range l.errs {
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, gone)
		}
	})
}

// TestEndedContext is reported as such, also if the attempt could start at once.
func TestEndedContext(t *testing.T) {
	t.Parallel()
	limiter := rcuser.NewLimiter(rcuser.LimiterOptions{})
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, context.Canceled, limiter.Wait(canceled, oneCall))
	expired, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Hour))
	defer cancel()
	require.Equal(t, context.DeadlineExceeded, limiter.Wait(expired, oneCall))
}

// TestOrderAfter429: the endpoint is paused before the first of 200 waiters starts. They start in order at 80 % of the rate
// or more, and a newcomer starts after them.
func TestOrderAfter429(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		require.NoError(t, l.Wait(t.Context(), oneCall))
		for i := range 200 {
			l.enter(t.Context(), i, oneCall)
		}
		l.Pause(banPath, time.Second)
		begin := time.Now()
		time.Sleep(1500 * time.Millisecond)
		l.enter(t.Context(), 200, oneCall)
		l.group.Wait()
		require.Equal(t, upTo(201), l.started)
		require.Equal(t, time.Second, l.at[0].Sub(begin))
		require.InDelta(t, 3.48, l.at[200].Sub(begin).Seconds(), 0.02) // 200 at 81 a second
	})
}

// lowerToTheMinimum pauses the endpoint until its rate is 2 %.
func (l *line) lowerToTheMinimum() {
	for range 8 {
		l.Pause(banPath, 0)
		l.Pause(ofUnits(1).Endpoint, 0)
		time.Sleep(time.Second)
	}
}

// TestWaitersFollowTheRate as it recovers from 2 %, at which 1,000 would take 510 s.
func TestWaitersFollowTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		require.NoError(t, l.Wait(t.Context(), oneCall))
		l.lowerToTheMinimum()
		begin := time.Now()
		for i := range 1000 {
			l.enter(t.Context(), i, oneCall)
		}
		l.group.Wait()
		require.Equal(t, upTo(1000), l.started)
		require.InDelta(t, 83.3, l.at[999].Sub(begin).Seconds(), 0.1) // the integral of the curve
		require.InDelta(t, 1.0/60, l.at[999].Sub(l.at[998]).Seconds(), 0.01)
	})
}

// TestPaymentFollowsTheRate: at 2 % of the rate 100 units would take 51 s.
func TestPaymentFollowsTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		require.NoError(t, l.Wait(t.Context(), ofUnits(1)))
		l.lowerToTheMinimum()
		require.NoError(t, l.Wait(t.Context(), ofUnits(100)))
		took, err := timed(func() error { return l.Wait(t.Context(), ofUnits(1)) })
		require.NoError(t, err)
		require.InDelta(t, 38.5, took.Seconds(), 0.5) // the integral of the curve
	})
}

// TestDeadlinesInTheQueue: who can't start in time fails at once, and who can isn't refused.
func TestDeadlinesInTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		for i := range 99 { // the last one starts after 98/98 s
			l.enter(t.Context(), i, oneCall)
		}
		short, cancel := context.WithTimeout(t.Context(), 990*time.Millisecond)
		defer cancel()
		took, err := timed(func() error { return l.Wait(short, oneCall) })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Zero(t, took)
		long, cancel := context.WithTimeout(t.Context(), 1020*time.Millisecond)
		defer cancel()
		require.NoError(t, l.Wait(long, oneCall))
		l.group.Wait()
	})
}

// TestPauseRefusesWaiters whose deadlines it makes impossible, at once and wherever they are in the queue.
func TestPauseRefusesWaiters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		soon, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		for i := range 10 {
			if i%3 == 1 { // the head is the second
				l.enter(soon, i, oneCall)
			} else {
				l.enter(t.Context(), i, oneCall)
			}
		}
		l.Pause(banPath, 9*time.Second)
		synctest.Wait()
		require.Len(t, l.errs, 3)
		for _, err := range l.errs {
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		begin := time.Now()
		l.group.Wait()
		require.Equal(t, []int{0, 2, 3, 5, 6, 8, 9}, l.started)
		require.Equal(t, 9*time.Second, l.at[1].Sub(begin))
	})
}

// TestClockOfAnotherBubble: a limiter is used in a bubble, paused for an hour there, and then used outside, in an earlier
// time, and in a bubble again.
func TestClockOfAnotherBubble(t *testing.T) {
	t.Parallel()
	limiter := rcuser.NewLimiter(rcuser.LimiterOptions{})
	use := func(t *testing.T) {
		for _, a := range []rcuser.LimitedAttempt{ofUnits(100), oneCall} {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			require.NoError(t, limiter.Wait(ctx, a))
			limiter.Pause(a.Endpoint, time.Hour)
			require.ErrorIs(t, limiter.Wait(ctx, a), context.DeadlineExceeded)
		}
	}
	for range 2 {
		synctest.Test(t, use)
		use(t)
	}
}

// TestEndpointsDoNotWaitForEachOther: each endpoint has a queue and pauses of its own.
func TestEndpointsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		for i := range 3 {
			l.enter(t.Context(), i, oneCall)
		}
		l.Pause(banPath, time.Minute)
		l.Pause("/other.json", time.Hour)
		for _, a := range []rcuser.LimitedAttempt{ofUnits(1), {Endpoint: "/never/used.json", PerSecond: 1, Units: 1}} {
			took, err := timed(func() error { return l.Wait(t.Context(), a) })
			require.NoError(t, err)
			require.Zero(t, took)
		}
		l.group.Wait()
	})
}

// TestPauseBeforeTheFirstWait holds too: RC may have refused a call of another client.
func TestPauseBeforeTheFirstWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		l.Pause(banPath, time.Minute)
		took, err := timed(func() error { return l.Wait(t.Context(), oneCall) })
		require.NoError(t, err)
		require.Equal(t, time.Minute, took)
	})
}

// TestConcurrentWaits is for the race detector: real goroutines wait, leave and pause. All of it takes about 0.1 s.
func TestConcurrentWaits(t *testing.T) {
	t.Parallel()
	l := newLine()
	attempt := atOnceAttempt()
	attempt.Units = 100_000 // 47 µs
	l.Pause(banPath, time.Millisecond)
	for range goroutines {
		l.group.Go(func() {
			for range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				l.group.Go(func() { l.wait(ctx, attempt) })
				l.wait(t.Context(), attempt)
				cancel()
			}
		})
	}
	l.group.Wait()
	require.Len(t, l.errs, 2*20*goroutines)
	for _, err := range l.errs {
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
		}
	}
}
