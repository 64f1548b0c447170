package rcuser_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

const emptyBudget = `level=WARN msg="rcuser: no retries for now, the client's budget for them is empty"`

// exhaustBudget makes 10,000 calls and requires all to fail.
func exhaustBudget(t *testing.T, client *rcuser.Client, goroutines int) {
	t.Helper()
	atOnce(t, goroutines, func() error {
		for range 10_000 / goroutines {
			if ban(t.Context(), client) == nil {
				return errors.New("a call succeeded")
			}
		}
		return nil
	})
}

// minimalWaits makes retries wait at most a nanosecond, for tests outside a synctest bubble; see skipUnderRace.
func minimalWaits(config *rcuser.Config) { config.Retry.BaseWait, config.Retry.MaxWait = 1, 1 }

// TestBudgetEndsRetriesInAnOutage also requires a call without retries to fail at once with RC's error.
func TestBudgetEndsRetriesInAnOutage(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		respond roundTripFunc
		change  func(*rcuser.Config)
		free    int // retries, at most: calls that move to the other host before it is known to have failed
	}{
		"one host":         {reply(503, `{"code":1000,"errorMessage":"down"}`), sevenAttempts, 0},
		"both hosts":       {reply(503, `{"code":1000,"errorMessage":"down"}`), bothHosts, goroutines},
		"beyond the limit": {reply(429, `{"code":1000,"errorMessage":"down"}`), sevenAttempts, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log warnings
			client, tap := newClient(t, tc.respond, minimalWaits, tc.change, log.to)
			exhaustBudget(t, client, goroutines)
			extra := len(tap.requests()) - (10_000 - 10_000%goroutines)
			require.GreaterOrEqual(t, extra, 100)
			require.LessOrEqual(t, extra, 100+tc.free)
			require.Equal(t, 1, log.count(emptyBudget), "once, not once a call")
			rcErr := requireError(t, ban(t.Context(), client))
			require.Equal(t, []any{1, rcuser.ErrInternal, "down", rcuser.Unknown},
				[]any{rcErr.Attempts, rcErr.Code, rcErr.Message, rcErr.Outcome})
			require.NoError(t, rcErr.Err)
			require.True(t, rcErr.Retryable())
		})
	}
}

// sevenAttempts allows seven attempts per call.
func sevenAttempts(config *rcuser.Config) { config.Retry.MaxAttempts = 7 }

func TestBudgetEndsRetriesWithoutAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, tap := newClient(t, failWith(connReset()))
		exhaustBudget(t, client, 1)
		require.Len(t, tap.requests(), 10_100)
		took, err := timed(func() error { return ban(t.Context(), client) })
		require.Zero(t, took)
		rcErr := requireError(t, err)
		require.Equal(t, 1, rcErr.Attempts)
		require.ErrorContains(t, rcErr, connReset().Error())
	})
}

func TestBudgetRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		client, _ := newClient(t, either(&down, reply(503, ""), reply(200, success)), func(c *rcuser.Config) { c.Retry.MaxAttempts = 9 })
		exhaustBudget(t, client, 1)
		attempts := func() int { return requireError(t, ban(t.Context(), client)).Attempts }
		for _, tc := range []struct{ successes, want int }{{4, 1}, {1, 2}, {14, 3}, {500, 9}} {
			down.Store(false)
			for range tc.successes {
				require.NoError(t, ban(t.Context(), client))
			}
			down.Store(true)
			require.Equal(t, tc.want, attempts(), "after %d", tc.successes)
		}
		time.Sleep(24 * time.Hour)
		exhaustBudget(t, client, 1)
		time.Sleep(24 * time.Hour)
		require.Equal(t, 1, attempts(), "the budget doesn't refill with time")
	})
}

// either answers with on while set is true, otherwise with off.
func either(set *atomic.Bool, on, off roundTripFunc) roundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		if set.Load() {
			return on(req)
		}
		return off(req)
	}
}

// TestSuccessfulRetriesAreRefunded lets every call's first attempt fail, and then the first two of three.
func TestSuccessfulRetriesAreRefunded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var odd atomic.Bool
		client, tap := newClient(t, func(req *http.Request) (*http.Response, error) {
			odd.Store(!odd.Load())
			return either(&odd, reply(503, ""), reply(200, success))(req)
		})
		for range 1000 {
			require.NoError(t, ban(t.Context(), client))
		}
		require.Len(t, tap.requests(), 2000)
		odd.Store(false)
		client, tap = newClient(t, func(req *http.Request) (*http.Response, error) {
			if len(tap.requests())%3 == 0 {
				return reply(200, success)(req)
			}
			return reply(503, "")(req)
		})
		failed := 0
		for range 200 {
			if ban(t.Context(), client) != nil {
				failed++
			}
		}
		require.Positive(t, failed, "only one of a call's two retries is refunded")
	})
}

func TestFailuresWithoutRetryCostNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var refused atomic.Bool
		refused.Store(true)
		client, _ := newClient(t, either(&refused, reply(400, `{"code":1002}`), reply(503, "")))
		for range 1000 {
			require.Error(t, ban(t.Context(), client))
		}
		refused.Store(false)
		for range 1000 {
			require.Equal(t, 1, requireError(t, other("/x.json", nil)(t.Context(), client)).Attempts)
		}
		for range 50 {
			require.Equal(t, 3, requireError(t, ban(t.Context(), client)).Attempts)
		}
		require.Equal(t, 1, requireError(t, ban(t.Context(), client)).Attempts)
	})
}

func TestBudgetIsPerClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, _ := newClient(t, reply(503, ""))
		second, _ := newClient(t, reply(503, ""))
		exhaustBudget(t, first, 1)
		require.Equal(t, 3, requireError(t, ban(t.Context(), second)).Attempts)
		require.Equal(t, 1, requireError(t, ban(t.Context(), first)).Attempts)
	})
}
