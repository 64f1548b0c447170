package rcuser_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

const tokenOfA = `{"code":200,"userId":"a","token":"t"}`

const interval = time.Second / 98 // between two calls of an endpoint with 100 calls a second

func paced(config *rcuser.Config) { config.Limiter = nil }

// atOnce makes n calls concurrently, and waits for them.
func atOnce(t *testing.T, n int, call func() error) {
	t.Helper()
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			if err := call(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func requireAbout(t *testing.T, want, got time.Duration) {
	t.Helper()
	require.InDelta(t, want.Seconds(), got.Seconds(), 1e-6)
}

func TestEvenSpacing(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		call  func(context.Context, *rcuser.Client) error
		gap   time.Duration
		total time.Duration // of 500 calls
	}{
		"100 a second": {ban, 10_204_081, 5_091_836_735},
		"Call":         {other("/x.json", nil), 10_204_081, 5_091_836_735},
		"200 a second": {register("n", ""), 5_102_041, 2_545_918_367},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, tap := newClient(t, reply(200, tokenOfA), paced)
				took, _ := timed(func() error {
					atOnce(t, 500, func() error { return tc.call(t.Context(), client) })
					return nil
				})
				require.Len(t, tap.gaps(), 499)
				requireAbout(t, tc.total, took)
				for _, gap := range tap.gaps() {
					requireAbout(t, tc.gap, gap)
				}
				time.Sleep(time.Minute)
				took, _ = timed(func() error {
					atOnce(t, 3, func() error { return tc.call(t.Context(), client) })
					return nil
				})
				requireAbout(t, 2*tc.gap, took) // idle time doesn't allow a burst
			})
		})
	}
}

// TestSequentialCalls makes calls one after the other, each of which takes 4 ms.
func TestSequentialCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, tap := newClient(t, func(req *http.Request) (*http.Response, error) {
			time.Sleep(4 * time.Millisecond)
			return reply(200, success)(req)
		}, paced)
		for range 10 {
			require.NoError(t, ban(t.Context(), client))
		}
		for _, gap := range tap.gaps() {
			requireAbout(t, interval, gap)
		}
	})
}

// TestRateInIDs calls the endpoints whose rate is in ids a second. Each call is paid for before the next one starts, and one
// of 100 ids also waits until a whole window has none of the ids before.
func TestRateInIDs(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(context.Context, *rcuser.Client, []string) error{
		"deactivate": func(ctx context.Context, c *rcuser.Client, ids []string) error {
			_, err := c.Users.Deactivate(ctx, ids)
			return err
		},
		"reactivate": func(ctx context.Context, c *rcuser.Client, ids []string) error {
			_, err := c.Users.Reactivate(ctx, ids)
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			client, tap := newClient(t, reply(200, anyAnswer), paced)
			for _, n := range []int{60, 40, 100, 1, 3} {
				require.NoError(t, call(t.Context(), client, manyIDs(n)), name)
			}
			for i, want := range []time.Duration{60 * interval, 100 * interval, 100 * interval, interval} {
				requireAbout(t, want, tap.gaps()[i])
			}
		})
	}
}

func TestEndpointsAreIndependent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, tap := newClient(t, reply(200, `{"code":200,"status":"1"}`), paced)
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() { _ = ban(t.Context(), client) })
		}
		took, err := timed(func() error {
			_, err := client.Presence.Online(t.Context(), "u1")
			return err
		})
		require.NoError(t, err)
		require.Zero(t, took)
		group.Wait()
		require.Len(t, tap.requests(), 11)
	})
}

// TestClientsAreIndependent: each client has a rate of its own.
func TestClientsAreIndependent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for range 2 {
			client, _ := newClient(t, reply(200, success), paced)
			took, err := timed(func() error { return ban(t.Context(), client) })
			require.NoError(t, err)
			require.Zero(t, took)
		}
	})
}

func TestDeadlineBeforeTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, tap := newClient(t, reply(200, success), paced)
		require.NoError(t, ban(t.Context(), client))
		ctx, cancel := context.WithTimeout(t.Context(), interval-1000)
		defer cancel()
		took, err := timed(func() error { return ban(ctx, client) })
		require.Zero(t, took)
		rcErr := requireError(t, err)
		require.Equal(t, []any{0, rcuser.NotApplied, 0}, []any{rcErr.Attempts, rcErr.Outcome, rcErr.StatusCode})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "rate limit: the wait for one of 100 a second would be too long")
		require.Len(t, tap.requests(), 1)
		ctx, cancel = context.WithTimeout(t.Context(), interval+1000)
		defer cancel()
		require.NoError(t, ban(ctx, client), "the failed call used none of the rate")
	})
}

// TestDeadlineBeforeTheRateOfARetry: the error has RC's last answer.
func TestDeadlineBeforeTheRateOfARetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, byHost(t, reply(503, `{"code":1000,"errorMessage":"oops"}`), unexpected(t)), bothHosts, paced)
		ctx, cancel := context.WithTimeout(t.Context(), interval/2)
		defer cancel()
		took, err := timed(func() error { return ban(ctx, client) })
		require.Zero(t, took)
		rcErr := requireError(t, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, []any{1, rcuser.Unknown, 503, "oops"}, []any{rcErr.Attempts, rcErr.Outcome, rcErr.StatusCode, rcErr.Message})
	})
}

// TestMethodAfterCall: Client.Call comes first, with 100 calls a second, and the method has 200.
func TestMethodAfterCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, reply(200, anyAnswer), paced)
		require.NoError(t, client.Call(t.Context(), rcuser.Request{Path: "/user/getToken.json"}, nil))
		start := time.Now()
		for range 196 {
			_, err := client.Users.Register(t.Context(), rcuser.Registration{UserID: "u", Name: "n"})
			require.NoError(t, err)
		}
		require.InDelta(t, 1, time.Since(start).Seconds(), 0.02)
	})
}

// TestOne429PausesAllCalls: the first of ten calls is refused, and every later call of the endpoint waits.
func TestOne429PausesAllCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refuse := func(req *http.Request) (*http.Response, error) {
			time.Sleep(interval / 2) // while the others wait for the rate
			return replyWith(429, limited, "Retry-After", "3")(req)
		}
		client, tap := newClient(t, inTurn(refuse, reply(200, `{"code":200,"status":0}`)), paced)
		start := time.Now().Add(interval / 2)
		var group sync.WaitGroup
		group.Go(func() { atOnce(t, 10, func() error { return ban(t.Context(), client) }) })
		time.Sleep(time.Second)
		group.Go(func() { atOnce(t, 10, func() error { return ban(t.Context(), client) }) })
		synctest.Wait()
		require.Len(t, tap.requests(), 1)
		took, err := timed(func() error {
			_, err := client.Presence.Online(t.Context(), "u1")
			return err
		})
		require.NoError(t, err)
		require.Zero(t, took, "another endpoint isn't paused")
		group.Wait()
		bans := tap.requests()[2:]
		require.Len(t, bans, 20)
		require.Equal(t, 3*time.Second, bans[0].At.Sub(start))
		for i := 1; i < len(bans); i++ {
			require.GreaterOrEqual(t, bans[i].At.Sub(bans[i-1].At), interval-1000, "the paused calls aren't sent in a burst")
		}
		require.Less(t, bans[19].At.Sub(start), 3*time.Second+26*interval, "at the lowered rate")
	})
}

// TestShorterPauseDoesntEndALongerOne: the second refusal asks for less than the first.
func TestShorterPauseDoesntEndALongerOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := func(d time.Duration, respond roundTripFunc) roundTripFunc {
			return func(req *http.Request) (*http.Response, error) {
				time.Sleep(d)
				return respond(req)
			}
		}
		client, tap := newClient(t, inTurn(
			slow(time.Second, replyWith(429, limited, "Retry-After", "9")),
			slow(2*time.Second, replyWith(429, limited, "Retry-After", "1")),
			reply(200, success),
		), paced)
		start := time.Now()
		atOnce(t, 2, func() error { return ban(t.Context(), client) })
		require.Len(t, tap.requests(), 4)
		require.Equal(t, 10*time.Second, tap.requests()[2].At.Sub(start))
	})
}

func TestDeadlineBeforeThePauseEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, tap := newClient(t, inTurn(replyWith(429, limited, "Retry-After", "10"), reply(200, success)), paced, once)
		require.ErrorIs(t, ban(t.Context(), client), rcuser.ErrRateLimited)
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		took, err := timed(func() error { return ban(ctx, client) })
		require.Zero(t, took)
		rcErr := requireError(t, err)
		require.Equal(t, []any{0, rcuser.NotApplied}, []any{rcErr.Attempts, rcErr.Outcome})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "rate limit: RC's rate limit asks to wait 9s")
		require.NoError(t, ban(t.Context(), client))
		require.Equal(t, []time.Duration{10 * time.Second}, tap.gaps())
	})
}

// TestPauseIsLimited: a Retry-After longer than MaxRetryAfter pauses the endpoint for MaxRetryAfter.
func TestPauseIsLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, tap := newClient(t, inTurn(replyWith(429, limited, "Retry-After", "86400"), reply(200, success)), paced)
		require.Error(t, ban(t.Context(), client))
		require.NoError(t, ban(t.Context(), client))
		require.Equal(t, []time.Duration{20 * time.Second}, tap.gaps())
	})
}

func TestNoLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, tap := newClient(t, inTurn(replyWith(429, limited, "Retry-After", "7"), reply(200, success)), once)
		require.Error(t, ban(t.Context(), client))
		took, _ := timed(func() error {
			atOnce(t, 500, func() error { return ban(t.Context(), client) })
			return nil
		})
		require.Zero(t, took)
		require.Len(t, tap.requests(), 501)
	})
}

// recordingLimiter is a Limiter that records its calls and never waits.
type recordingLimiter struct{ got []string }

func (l *recordingLimiter) Wait(_ context.Context, a rcuser.LimitedAttempt) error {
	l.got = append(l.got, fmt.Sprintf("%s %d/s %d of %d", a.Endpoint, a.PerSecond, a.Units, a.MaxUnits))
	return nil
}

func (l *recordingLimiter) Pause(endpoint string, d time.Duration) {
	l.got = append(l.got, fmt.Sprintf("pause %s %v", endpoint, d))
}

func TestCustomLimiter(t *testing.T) {
	t.Parallel()
	const banned, refused = "/user/block.json 100/s 1 of 1", "pause /user/block.json "
	for name, tc := range map[string]struct {
		call    func(context.Context, *rcuser.Client) error
		respond roundTripFunc
		want    []string
	}{
		"success":                {ban, reply(200, success), []string{banned}},
		"token":                  {register("n", ""), reply(200, tokenOfA), []string{"/user/getToken.json 200/s 1 of 1"}},
		"ids":                    {onlyIDs, reply(200, anyAnswer), []string{"/user/deactivate.json 100/s 7 of 100"}},
		"Call":                   {other("/x.json", nil), reply(200, success), []string{"/x.json 100/s 1 of 1"}},
		"429":                    {ban, inTurn(replyWith(429, limited, "Retry-After", "3"), reply(200, success)), []string{banned, refused + "3s", banned}},
		"1008":                   {ban, inTurn(replyWith(200, limited, "Retry-After", "2"), reply(200, success)), []string{banned, refused + "2s", banned}},
		"Call, 429":              {other("/x.json", nil), inTurn(replyWith(429, "", "Retry-After", "3"), reply(200, success)), []string{"/x.json 100/s 1 of 1", "pause /x.json 3s", "/x.json 100/s 1 of 1"}},
		"much longer":            {ban, replyWith(429, limited, "Retry-After", "3600"), []string{banned, refused + "20s"}},
		"503":                    {ban, inTurn(replyWith(503, "", "Retry-After", "3"), reply(200, success)), []string{banned, banned}},
		"until the last attempt": {ban, replyWith(429, limited, "Retry-After", "9"), []string{banned, refused + "9s", banned, refused + "9s", banned, refused + "9s"}},
		"1002":                   {ban, replyWith(400, `{"code":1002}`, "Retry-After", "3"), []string{banned}},
	} {
		synctest.Test(t, func(t *testing.T) {
			limiter := &recordingLimiter{}
			client, _ := newClient(t, tc.respond, func(c *rcuser.Config) { c.Limiter = limiter })
			_ = tc.call(t.Context(), client)
			require.Equal(t, tc.want, limiter.got, name)
		})
	}
}

func onlyIDs(ctx context.Context, client *rcuser.Client) error {
	_, err := client.Users.Deactivate(ctx, manyIDs(7))
	return err
}

// TestPauseWithoutRetryAfter: it is random, up to 1 s after the first attempt.
func TestPauseWithoutRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limiter := &recordingLimiter{}
		client, _ := newClient(t, reply(429, ""), once, func(c *rcuser.Config) { c.Limiter = limiter })
		var longest time.Duration
		for range 100 {
			require.Error(t, ban(t.Context(), client))
			text, found := strings.CutPrefix(limiter.got[len(limiter.got)-1], "pause /user/block.json ")
			require.True(t, found)
			d, err := time.ParseDuration(text)
			require.NoError(t, err)
			longest = max(longest, d)
		}
		require.Greater(t, longest, 800*time.Millisecond)
		require.LessOrEqual(t, longest, time.Second)
	})
}

// TestMethodAndCallOfOneEndpoint: Client.Call comes first, and doesn't know that the endpoint's rate is in ids.
func TestMethodAndCallOfOneEndpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, reply(200, anyAnswer), paced)
		require.NoError(t, other("/user/deactivate.json", nil)(t.Context(), client))
		require.NoError(t, onlyIDs(t.Context(), client))
	})
}
