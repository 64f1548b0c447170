package rcuser_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// TestEndedContextIsSeenBeforeTheLimiter must not ask the limiter.
func TestEndedContextIsSeenBeforeTheLimiter(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(errShutdown)
	late, stop := context.WithDeadlineCause(t.Context(), time.Now().Add(-time.Second), errShutdown)
	defer stop()
	for want, ctx := range map[string]context.Context{
		"context canceled: shutting down": cancelled, "context deadline exceeded: shutting down": late,
	} {
		limiter := &stubLimiter{fail: 1, err: errors.New("asked")}
		client, _ := newClient(t, unexpected(t), bothHosts, func(c *rcuser.Config) { c.Limiter = limiter })
		rcErr := requireError(t, ban(ctx, client))
		require.EqualError(t, rcErr.Err, want)
		require.Equal(t, []any{0, "", rcuser.NotApplied}, []any{rcErr.Attempts, rcErr.Host, rcErr.Outcome})
		require.Empty(t, limiter.calls)
	}
}

// endlessWait lets no call through.
type endlessWait struct{}

func (endlessWait) Pause(string, time.Duration) {}

func (endlessWait) Wait(ctx context.Context, _ rcuser.LimitedAttempt) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestContextThatEndsInTheLimiter tells it from a limiter that refuses.
func TestContextThatEndsInTheLimiter(t *testing.T) {
	t.Parallel()
	const early = "the context ended before the rate limit let the call through: "
	for name, tc := range map[string]struct {
		limiter rcuser.Limiter
		end     func(context.Context) (context.Context, context.CancelFunc)
		want    string
	}{
		"cancelled": {endlessWait{}, contextEnds["cancelled with a cause"].context, early + "context canceled: shutting down"},
		"deadline":  {endlessWait{}, contextEnds["deadline with a cause"].context, early + "context deadline exceeded: shutting down"},
		"the SDK's": {rcuser.NoLimit, contextEnds["cancelled"].context, early + "context canceled"},
		"refused":   {&stubLimiter{fail: 1, err: errors.New("full")}, contextEnds["cancelled"].context, "rate limit: full"},
		"no time": {
			&stubLimiter{fail: 1, err: context.DeadlineExceeded}, contextEnds["deadline"].context,
			"rate limit: context deadline exceeded",
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			client, _ := newClient(t, reply(200, success), bothHosts, func(c *rcuser.Config) {
				if c.Limiter = tc.limiter; tc.limiter == rcuser.NoLimit {
					c.Limiter = nil
				}
			})
			if tc.limiter == rcuser.NoLimit {
				for range 200 {
					go func() { _ = ban(t.Context(), client) }()
				}
				synctest.Wait()
			}
			ctx, cancel := tc.end(t.Context())
			defer cancel()
			rcErr := requireError(t, ban(ctx, client))
			require.EqualError(t, rcErr.Err, tc.want, name)
			require.Equal(t, []any{0, "", rcuser.NotApplied}, []any{rcErr.Attempts, rcErr.Host, rcErr.Outcome})
			time.Sleep(10 * time.Second) // until the others have ended
		})
	}
}

// TestCancelledCallIsNotRetryable cancels before, in and between the attempts.
func TestCancelledCallIsNotRetryable(t *testing.T) {
	t.Parallel()
	for name, respond := range map[string]roundTripFunc{
		"in an attempt": hang, "in the body": slowBody, "between": replyWith(503, "", "Retry-After", "9"),
	} {
		for end, retryable := range map[string]bool{"cancelled": false, "cancelled with a cause": false, "deadline": true} {
			synctest.Test(t, func(t *testing.T) {
				client, _ := newClient(t, respond)
				ctx, cancel := contextEnds[end].context(t.Context())
				defer cancel()
				require.Equal(t, retryable, requireError(t, ban(ctx, client)).Retryable(), "%s, %s", name, end)
				cancel()
			})
		}
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 0, context.Canceled)
	defer cancel()
	client, _ := newClient(t, unexpected(t))
	require.False(t, requireError(t, ban(ctx, client)).Retryable(), "as a cause")
}
