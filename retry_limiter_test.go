package rcuser_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// stubLimiter records its calls and waits a second, but fails on call number fail.
type stubLimiter struct {
	calls []string
	fail  int
	err   error
}

func (a *stubLimiter) Pause(string, time.Duration) {}

func (a *stubLimiter) Wait(ctx context.Context, attempt rcuser.LimitedAttempt) error {
	a.calls = append(a.calls, fmt.Sprintf("%s %d", attempt.Endpoint, attempt.Units))
	if len(a.calls) == a.fail {
		return a.err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Second):
		return nil
	}
}

func TestLimiterIsCalledBeforeEveryAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limiter := &stubLimiter{}
		var waits []time.Duration
		var took time.Duration // by the attempts
		client, tap := newClient(t, inTurn(replyWith(503, "", "Retry-After", "2"), reply(200, success)), func(c *rcuser.Config) {
			c.Limiter = limiter
			c.OnAttempt = func(_ context.Context, a rcuser.Attempt) { waits, took = append(waits, a.Wait), took+a.Duration }
		})
		total, err := timed(func() error { return ban(t.Context(), client) })
		require.NoError(t, err)
		require.Equal(t, 4*time.Second, total)
		require.Zero(t, took)
		require.Equal(t, []string{"/user/block.json 1", "/user/block.json 1"}, limiter.calls)
		require.Equal(t, []time.Duration{time.Second, 3 * time.Second}, waits)
		require.Equal(t, fmt.Sprint(tap.requests()[1].At.UnixMilli()), tap.requests()[1].Header.Get("Timestamp"),
			"signed after the wait")
	})
}

func TestLimiterFails(t *testing.T) {
	t.Parallel()
	full := errors.New("queue is full")
	for fail, want := range map[int]struct {
		status, attempts int
		outcome          rcuser.Outcome
	}{1: {0, 0, rcuser.NotApplied}, 2: {503, 1, rcuser.Unknown}} {
		synctest.Test(t, func(t *testing.T) {
			client, tap := newClient(t, reply(503, `{"code":1000}`), func(c *rcuser.Config) { c.Limiter = &stubLimiter{fail: fail, err: full} })
			rcErr := requireError(t, ban(t.Context(), client))
			require.ErrorIs(t, rcErr, full)
			require.ErrorContains(t, rcErr, "rate limit: queue is full")
			require.Equal(t, []any{want.status, want.attempts, want.outcome}, []any{rcErr.StatusCode, rcErr.Attempts, rcErr.Outcome})
			require.Len(t, tap.requests(), want.attempts)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, unexpected(t), func(c *rcuser.Config) { c.Limiter = &stubLimiter{} })
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		took, err := timed(func() error { return ban(ctx, client) })
		require.Equal(t, time.Millisecond, took)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, rcuser.NotApplied, requireError(t, err).Outcome)
	})
}

// TestLimiterCountsIDs covers endpoints whose rate counts ids, and one whose rate counts calls.
func TestLimiterCountsIDs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limiter := &stubLimiter{}
		client, _ := newClient(t, reply(200, anyAnswer), func(c *rcuser.Config) { c.Limiter = limiter })
		_, err := client.Users.Deactivate(t.Context(), manyIDs(100))
		require.NoError(t, err)
		_, err = client.Users.Reactivate(t.Context(), manyIDs(3))
		require.NoError(t, err)
		require.NoError(t, client.Bans.Remove(t.Context(), manyIDs(20)))
		require.Equal(t, []string{"/user/deactivate.json 100", "/user/reactivate.json 3", "/user/unblock.json 1"}, limiter.calls)
	})
}
