package rcuser_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// TestRetryAfterHoldsForItsHost moves to the other host at once, however long the first asks to wait.
func TestRetryAfterHoldsForItsHost(t *testing.T) {
	t.Parallel()
	for _, asked := range []string{"7", "21", "3600", "99999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		for _, status := range []int{500, 503, 404, 408} {
			synctest.Test(t, func(t *testing.T) {
				client, tap := newClient(t, byHost(t, replyWith(status, html, "Retry-After", asked), reply(200, success)), bothHosts)
				require.NoError(t, ban(t.Context(), client))
				require.Equal(t, "pb", hostSequence(tap))
				require.Equal(t, []time.Duration{0}, tap.gaps())
			})
		}
	}
}

// TestRetryAfterOnTheWayBack respects what is left of it.
func TestRetryAfterOnTheWayBack(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		primary, backup string
		want            string
		least, most     time.Duration // of the wait before the third attempt
	}{
		"asked by the first host":   {"7", "", "pbp", 5 * time.Second, 5 * time.Second}, // the backup takes 2 s
		"asked by the other host":   {"", "9", "pbp", 0, 200 * time.Millisecond},
		"by both":                   {"4", "9", "pbp", 2 * time.Second, 2 * time.Second},
		"passed meanwhile":          {"1", "", "pbp", 0, 200 * time.Millisecond},
		"still longer than allowed": {"60", "", "pb", 0, 0},
		"just allowed":              {"22", "", "pbp", 20 * time.Second, 20 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			var thirdWait time.Duration
			client, tap := newClient(t, byHost(t,
				replyWith(503, "", "Retry-After", tc.primary),
				slowly(2*time.Second, replyWith(503, "", "Retry-After", tc.backup))), bothHosts,
				func(c *rcuser.Config) { c.OnAttempt = onThird(&thirdWait) })
			require.Error(t, ban(t.Context(), client), name)
			require.Equal(t, tc.want, hostSequence(tap), name)
			require.GreaterOrEqual(t, thirdWait, tc.least, name)
			require.LessOrEqual(t, thirdWait, tc.most, name)
		})
	}
}

// TestRetryAfterOf429 is the app's, whatever the host.
func TestRetryAfterOf429(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, tap := newClient(t, byHost(t, inTurn(replyWith(429, limited, "Retry-After", "7"), reply(200, success)), unexpected(t)), bothHosts)
		require.NoError(t, ban(t.Context(), client))
		require.Equal(t, []time.Duration{7 * time.Second}, tap.gaps())
		client, tap = newClient(t, replyWith(429, limited, "Retry-After", "21"), bothHosts)
		require.Error(t, ban(t.Context(), client))
		require.Equal(t, "p", hostSequence(tap))
	})
}

// slowly answers after d.
func slowly(d time.Duration, respond roundTripFunc) roundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		time.Sleep(d)
		return respond(req)
	}
}

// onThird notes how long a call waited before its third attempt.
func onThird(wait *time.Duration) func(context.Context, rcuser.Attempt) {
	return func(_ context.Context, a rcuser.Attempt) {
		if a.Number == 3 {
			*wait = a.Wait
		}
	}
}
