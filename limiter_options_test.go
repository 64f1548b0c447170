package rcuser_test

import (
	"context"
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

const banPath = "/user/block.json"

// oneCall is an attempt of an endpoint that accepts 100 calls a second.
var oneCall = rcuser.LimitedAttempt{Endpoint: banPath, PerSecond: 100, Units: 1, MaxUnits: 1}

// ofUnits is an attempt of an endpoint that accepts 100 ids a second.
func ofUnits(n int) rcuser.LimitedAttempt {
	return rcuser.LimitedAttempt{Endpoint: "/user/deactivate.json", PerSecond: 100, Units: n, MaxUnits: 100}
}

func sharing(share float64) func(*rcuser.Config) {
	return func(c *rcuser.Config) { c.Limiter = rcuser.NewLimiter(rcuser.LimiterOptions{Share: share}) }
}

// countingLimiter is a user's wrapper.
type countingLimiter struct {
	rcuser.Limiter
	waits int
}

func (l *countingLimiter) Wait(ctx context.Context, a rcuser.LimitedAttempt) error {
	l.waits++
	return l.Limiter.Wait(ctx, a)
}

func TestBadShare(t *testing.T) {
	t.Parallel()
	for share, text := range map[float64]string{
		-0.1: "-0.1", 1.001: "1.001", 8: "8", -1e-300: "-1e-300", math.NaN(): "NaN", math.Inf(1): "+Inf", math.Inf(-1): "-Inf",
	} {
		limiter := rcuser.NewLimiter(rcuser.LimiterOptions{Share: share})
		config := rcuser.Config{AppKey: testKey, AppSecret: testSecret, DataCenter: rcuser.Beijing, Limiter: limiter}
		_, err := rcuser.NewClient(config)
		reason := "rcuser: Limiter: LimiterOptions.Share " + text + " is not between 0 and 1"
		var argErr *rcuser.ArgumentError
		require.ErrorAs(t, err, &argErr)
		require.EqualError(t, argErr, reason)

		wrapper := &countingLimiter{Limiter: limiter}
		client, tap := newClient(t, unexpected(t), func(c *rcuser.Config) { c.Limiter = wrapper })
		rcErr := requireError(t, ban(t.Context(), client))
		require.ErrorAs(t, rcErr, &argErr)
		require.ErrorContains(t, rcErr, reason)
		require.Equal(t, []any{0, rcuser.NotApplied}, []any{rcErr.Attempts, rcErr.Outcome})
		require.Empty(t, tap.requests())
		require.Equal(t, 1, wrapper.waits)
	}
}

func TestShare(t *testing.T) {
	t.Parallel()
	for share, gap := range map[float64]time.Duration{
		0: 10_204_081, 1: 10_204_081, 0.5: 20_408_163, 0.29: 35_186_488,
		1.0 / 8: 85_034_013,      // 12.5 a second, rounded down to 12
		1.0 / 3: 30_921_459,      // 33 a second
		0.005:   2_040_816_326,   // a call in two seconds
		1e-4:    102_040_816_326, // the payment isn't rounded down
	} {
		synctest.Test(t, func(t *testing.T) {
			client, tap := newClient(t, reply(200, success), sharing(share))
			atOnce(t, 30, func() error { return ban(t.Context(), client) })
			for _, got := range tap.gaps() {
				requireAbout(t, gap, got)
			}
		})
	}
}

// TestSmallShareSendsAFullCall deactivates 100 users with a share of less than 100 ids a second.
func TestSmallShareSendsAFullCall(t *testing.T) {
	t.Parallel()
	for share, gap := range map[float64]time.Duration{0.5: 2_040_816_326, 0.125: 8_503_401_360, 0.001: 1_020_408_163_265} {
		synctest.Test(t, func(t *testing.T) {
			client, tap := newClient(t, reply(200, anyAnswer), sharing(share))
			for range 3 {
				_, err := client.Users.Deactivate(t.Context(), manyIDs(100))
				require.NoError(t, err)
			}
			for _, got := range tap.gaps() {
				requireAbout(t, gap, got)
			}
		})
	}
}

// TestTinyShares must neither overflow nor wait: the first attempt starts, and the next one is refused at once.
func TestTinyShares(t *testing.T) {
	t.Parallel()
	for _, share := range []float64{1e-9, 1e-18, 1e-300, math.SmallestNonzeroFloat64} {
		synctest.Test(t, func(t *testing.T) {
			limiter := rcuser.NewLimiter(rcuser.LimiterOptions{Share: share})
			ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
			defer cancel()
			took, err := timed(func() error { return limiter.Wait(ctx, ofUnits(100)) })
			require.NoError(t, err)
			limiter.Pause(ofUnits(1).Endpoint, time.Second)
			time.Sleep(time.Minute)
			again, err := timed(func() error { return limiter.Wait(ctx, ofUnits(1)) })
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Zero(t, took+again)
		})
	}
}

// TestOneLimiterForTwoClients shares the rate among them.
func TestOneLimiterForTwoClients(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limiter := rcuser.NewLimiter(rcuser.LimiterOptions{})
		with := func(c *rcuser.Config) { c.Limiter = limiter }
		one, _ := newClient(t, reply(200, success), with)
		other, _ := newClient(t, reply(200, success), with)
		took, err := timed(func() error {
			require.NoError(t, ban(t.Context(), one))
			return ban(t.Context(), other)
		})
		require.NoError(t, err)
		requireAbout(t, interval, took)
	})
}

// TestHighestPerSecondWins: from the next payment on.
func TestHighestPerSecondWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limiter := rcuser.NewLimiter(rcuser.LimiterOptions{})
		for i, tc := range []struct {
			perSecond int
			wait      time.Duration
		}{{10, 0}, {200, 102_040_817}, {10, 5_102_041}, {-5, 5_102_041}, {0, 5_102_041}} {
			a := oneCall
			a.PerSecond = tc.perSecond
			took, err := timed(func() error { return limiter.Wait(t.Context(), a) })
			require.NoError(t, err)
			requireAbout(t, tc.wait, took)
			require.LessOrEqual(t, took, tc.wait+1, i)
		}
	})
}

// TestAttemptsWithExtremeNumbers come from a caller of the limiter, or of Client.Call.
func TestAttemptsWithExtremeNumbers(t *testing.T) {
	t.Parallel()
	for _, a := range []rcuser.LimitedAttempt{
		{}, {Units: -1}, {PerSecond: math.MaxInt, Units: math.MaxInt}, {PerSecond: 1, Units: math.MaxInt}, {PerSecond: math.MinInt, Units: math.MinInt},
	} {
		synctest.Test(t, func(t *testing.T) {
			limiter := rcuser.NewLimiter(rcuser.LimiterOptions{})
			limiter.Pause(a.Endpoint, math.MinInt64)
			took, err := timed(func() error { return limiter.Wait(t.Context(), a) })
			require.NoError(t, err)
			require.Zero(t, took)
			limiter.Pause(a.Endpoint, math.MaxInt64)
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			require.ErrorIs(t, limiter.Wait(ctx, a), context.DeadlineExceeded)
		})
	}
}

// TestWrappedLimiter has the same effect as the limiter itself, in retries too.
func TestWrappedLimiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wrapper := &countingLimiter{Limiter: rcuser.NewLimiter(rcuser.LimiterOptions{})}
		refuse := replyWith(http.StatusTooManyRequests, limited, "Retry-After", "3")
		client, tap := newClient(t, inTurn(refuse, reply(200, success)), func(c *rcuser.Config) { c.Limiter = wrapper })
		require.NoError(t, ban(t.Context(), client))
		require.Equal(t, []time.Duration{3 * time.Second}, tap.gaps())
		require.Equal(t, 2, wrapper.waits)
	})
}
