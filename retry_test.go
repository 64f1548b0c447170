package rcuser_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// failures lists failures, and how many attempts a method and Client.Call make with at most three.
var failures = []struct {
	name         string
	respond      roundTripFunc
	method, call int
	outcome      rcuser.Outcome
}{
	{"dial", failWith(refusedDial()), 3, 3, rcuser.NotApplied},
	{"reset", failWith(connReset()), 3, 1, rcuser.Unknown},
	{"EOF", failWith(io.EOF), 3, 1, rcuser.Unknown},
	{"timeout", hang, 3, 1, rcuser.Unknown},
	{"429", reply(429, ""), 3, 3, rcuser.NotApplied},
	{"1008", reply(200, limited), 3, 3, rcuser.NotApplied},
	{"1000", reply(200, `{"code":1000}`), 3, 1, rcuser.Unknown},
	{"1050", reply(200, `{"code":1050}`), 3, 1, rcuser.Unknown},
	{"500", reply(500, ""), 3, 1, rcuser.Unknown},
	{"501", reply(501, `{"code":4711}`), 3, 1, rcuser.Unknown},
	{"503", reply(503, html), 3, 1, rcuser.Unknown},
	{"broken answer", reply(200, html), 3, 1, rcuser.Unknown},
	{"code 200 under 201", reply(201, success), 1, 1, rcuser.Unknown},
	{"code 200 under 400", reply(400, success), 1, 1, rcuser.Unknown},
	{"code 200 under 503", reply(503, success), 3, 1, rcuser.Unknown},
	{"1002", reply(400, `{"code":1002}`), 1, 1, rcuser.NotApplied},
	{"1004", reply(401, `{"code":1004}`), 1, 1, rcuser.NotApplied},
	{"1006 under 200", reply(200, locked), 1, 1, rcuser.NotApplied},
	{"2007", reply(403, `{"code":2007}`), 1, 1, rcuser.NotApplied},
	{"unknown code", reply(200, `{"code":4711}`), 1, 1, rcuser.NotApplied},
	{"404 of RC", reply(404, `{"code":404}`), 1, 1, rcuser.NotApplied},
	{"401", reply(401, html), 3, 3, rcuser.NotApplied},
	{"403", reply(403, html), 3, 3, rcuser.NotApplied},
	{"404", reply(404, html), 3, 3, rcuser.NotApplied},
	{"407", reply(407, ""), 3, 3, rcuser.NotApplied},
	{"408", reply(408, ""), 3, 1, rcuser.Unknown},
	{"421", reply(421, ""), 3, 3, rcuser.NotApplied},
	{"425", reply(425, `{}`), 3, 3, rcuser.NotApplied},
	{"304", reply(304, ""), 3, 3, rcuser.NotApplied},
	{"400 cut off", brokenOff(400), 3, 1, rcuser.Unknown},
	{"certificate", failWith(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h"}), 1, 1, rcuser.Unknown},
	{"302", replyWith(302, "", "Location", "https://example.com"), 1, 1, rcuser.NotApplied},
}

// brokenOff answers with a body that ends too early.
func brokenOff(status int) roundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		resp, err := truncatedBody(req)
		resp.StatusCode = status
		return resp, err
	}
}

func TestWhichFailuresAreRepeated(t *testing.T) {
	t.Parallel()
	for _, tc := range failures {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for maxAttempts, want := range map[int][2]int{0: {tc.method, tc.call}, 1: {1, 1}} {
					client, tap := newClient(t, tc.respond, func(c *rcuser.Config) { c.Retry.MaxAttempts = maxAttempts })
					rcErr := requireError(t, ban(t.Context(), client))
					require.Len(t, tap.requests(), want[0])
					require.Equal(t, want[0], rcErr.Attempts)
					require.Equal(t, tc.outcome, rcErr.Outcome)
					client, tap = newClient(t, tc.respond, func(c *rcuser.Config) { c.Retry.MaxAttempts = maxAttempts })
					rcErr = requireError(t, other("/x.json", nil)(t.Context(), client))
					require.Len(t, tap.requests(), want[1], "Call")
					require.Equal(t, want[1], rcErr.Attempts, "Call")
					require.Equal(t, tc.outcome, rcErr.Outcome, "Call")
				}
			})
		})
	}
}

func TestRepeatedUntilSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, tap := newClient(t, inTurn(reply(503, ""), failWith(connReset()), hang, reply(200, limited), reply(200, success)),
			func(c *rcuser.Config) { c.Retry.MaxAttempts = 5 })
		require.NoError(t, ban(t.Context(), client))
		require.Len(t, tap.requests(), 5)
		for _, body := range tap.bodies() {
			require.Equal(t, "minute=1&userId=u1", body)
		}
	})
}

// TestWaits draws each wait 250 times: none may exceed its maximum, and the draws must cover the range.
func TestWaits(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, tc := range map[string]struct {
		respond roundTripFunc
		policy  rcuser.RetryPolicy
		longest []time.Duration
	}{
		"usual":    {reply(503, ""), rcuser.RetryPolicy{}, []time.Duration{100 * ms, 200 * ms}},
		"capped":   {reply(503, ""), rcuser.RetryPolicy{MaxAttempts: 9}, []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms}},
		"429":      {reply(429, ""), rcuser.RetryPolicy{MaxAttempts: 6}, []time.Duration{1000 * ms, 2000 * ms, 4000 * ms, 5000 * ms, 5000 * ms}},
		"1008":     {reply(200, limited), rcuser.RetryPolicy{}, []time.Duration{1000 * ms, 2000 * ms}},
		"dial":     {failWith(refusedDial()), rcuser.RetryPolicy{}, []time.Duration{100 * ms, 200 * ms}},
		"own":      {reply(503, ""), rcuser.RetryPolicy{MaxAttempts: 4, BaseWait: 10 * ms, MaxWait: 25 * ms}, []time.Duration{10 * ms, 20 * ms, 25 * ms}},
		"own, 429": {reply(429, ""), rcuser.RetryPolicy{MaxAttempts: 3, BaseWait: 10 * ms, MaxWait: 150 * ms}, []time.Duration{100 * ms, 150 * ms}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				drawn := make([][]time.Duration, len(tc.longest))
				for range 250 {
					client, tap := newClient(t, tc.respond, func(c *rcuser.Config) { c.Retry = tc.policy })
					require.Error(t, ban(t.Context(), client))
					require.Len(t, tap.gaps(), len(tc.longest))
					for i, gap := range tap.gaps() {
						drawn[i] = append(drawn[i], gap)
					}
				}
				for i, longest := range tc.longest {
					require.LessOrEqual(t, slices.Max(drawn[i]), longest)
					require.Greater(t, slices.Max(drawn[i]), longest*9/10)
					require.Less(t, slices.Min(drawn[i]), longest/10)
				}
			})
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"7":                             7 * time.Second,
		" 20 ":                          20 * time.Second,
		"Sat, 01 Jan 2000 00:00:09 GMT": 9 * time.Second, // bubbles begin at that midnight
	} {
		synctest.Test(t, func(t *testing.T) {
			client, tap := newClient(t, inTurn(replyWith(503, "", "Retry-After", header), reply(200, success)))
			require.NoError(t, ban(t.Context(), client))
			require.Equal(t, []time.Duration{want}, tap.gaps(), header)
		})
	}
	for _, header := range []string{"0", "-5", "1.5", "soon", "Sat, 01 Jan 2000 00:00:00 GMT", "Fri, 31 Dec 1999 00:00:00 GMT"} {
		synctest.Test(t, func(t *testing.T) {
			client, tap := newClient(t, inTurn(replyWith(503, "", "Retry-After", header), reply(200, success)))
			require.NoError(t, ban(t.Context(), client))
			require.LessOrEqual(t, tap.gaps()[0], 100*time.Millisecond, header)
		})
	}
}

// TestRetryAfterIsAMinimum uses a rate limit, whose backoff may be longer than Retry-After.
func TestRetryAfterIsAMinimum(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var waits []time.Duration
		for range 100 {
			client, tap := newClient(t, inTurn(replyWith(429, limited, "Retry-After", "1"), replyWith(429, limited, "Retry-After", "1"), reply(200, success)))
			require.NoError(t, ban(t.Context(), client))
			require.Equal(t, time.Second, tap.gaps()[0])
			waits = append(waits, tap.gaps()[1])
		}
		require.Equal(t, time.Second, slices.Min(waits))
		require.Greater(t, slices.Max(waits), time.Second, "the second wait is drawn from 2 s")
		require.LessOrEqual(t, slices.Max(waits), 2*time.Second)
	})
}

func TestRetryAfterTooLong(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"21":                            21 * time.Second,
		"86400":                         24 * time.Hour,
		"92233720368547758":             1 << 32 * time.Second,
		"99999999999999999999999":       1 << 32 * time.Second,
		"Sat, 01 Jan 2000 00:00:21 GMT": 21 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			client, tap := newClient(t, replyWith(429, limited, "Retry-After", header))
			took, err := timed(func() error { return ban(t.Context(), client) })
			rcErr := requireError(t, err)
			require.Zero(t, took)
			require.Len(t, tap.requests(), 1)
			require.Equal(t, want, rcErr.RetryAfter)
			require.Equal(t, []any{1, 429, rcuser.ErrRateLimited, rcuser.NotApplied},
				[]any{rcErr.Attempts, rcErr.StatusCode, rcErr.Code, rcErr.Outcome})
			require.NoError(t, rcErr.Err)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		client, tap := newClient(t, inTurn(replyWith(429, "", "Retry-After", "3600"), reply(200, success)),
			func(c *rcuser.Config) { c.Retry.MaxRetryAfter = time.Hour })
		require.NoError(t, ban(t.Context(), client))
		require.Equal(t, []time.Duration{time.Hour}, tap.gaps())
	})
}

// TestDeadlineBeforeTheNextAttempt requires the call to fail at once, not at the deadline.
func TestDeadlineBeforeTheNextAttempt(t *testing.T) {
	t.Parallel()
	for _, deadline := range []time.Duration{time.Second, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			client, tap := newClient(t, replyWith(503, html, "Retry-After", "5"))
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			took, err := timed(func() error { return ban(ctx, client) })
			rcErr := requireError(t, err)
			require.Zero(t, took, "it doesn't sleep")
			require.Len(t, tap.requests(), 1)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "no time to wait 5s")
			require.ErrorContains(t, err, "broken answer", "the last attempt's cause stays")
			require.Equal(t, []any{503, html, 5 * time.Second, 1, rcuser.Unknown},
				[]any{rcErr.StatusCode, string(rcErr.Body), rcErr.RetryAfter, rcErr.Attempts, rcErr.Outcome})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		client, tap := newClient(t, inTurn(replyWith(503, "", "Retry-After", "5"), reply(200, success)))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second+1)
		defer cancel()
		require.NoError(t, ban(ctx, client), "it just fits")
		require.Len(t, tap.requests(), 2)
	})
}

// TestLastAttemptHasNoWait requires the deadline to be ignored after the last attempt.
func TestLastAttemptHasNoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, replyWith(503, `{"code":1000}`, "Retry-After", "5"), once)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.NoError(t, requireError(t, ban(ctx, client)).Err)
	})
}

func TestCancelDuringWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, tap := newClient(t, replyWith(503, `{"code":1000,"errorMessage":"oops"}`, "Retry-After", "10"))
		ctx, cancel := context.WithCancelCause(t.Context())
		shutdown := errors.New("shutting down")
		time.AfterFunc(3*time.Second, func() { cancel(shutdown) })
		took, err := timed(func() error { return ban(ctx, client) })
		rcErr := requireError(t, err)
		require.Equal(t, 3*time.Second, took)
		require.Len(t, tap.requests(), 1)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, shutdown)
		require.ErrorIs(t, err, rcuser.ErrInternal)
		require.Equal(t, []any{503, "oops", 10 * time.Second, 1, rcuser.Unknown},
			[]any{rcErr.StatusCode, rcErr.Message, rcErr.RetryAfter, rcErr.Attempts, rcErr.Outcome})
	})
}

// TestContextEndsDuringAnAttempt covers the caller's deadline and cancellation.
func TestContextEndsDuringAnAttempt(t *testing.T) {
	t.Parallel()
	cause := errors.New("user left")
	for _, blocked := range []roundTripFunc{hang, slowBody} {
		synctest.Test(t, func(t *testing.T) {
			client, tap := newClient(t, blocked)
			ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Second, cause)
			defer cancel()
			took, err := timed(func() error { return ban(ctx, client) })
			require.Equal(t, 3*time.Second, took)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, cause)
			rcErr := requireError(t, err)
			require.Equal(t, []any{1, rcuser.Unknown}, []any{rcErr.Attempts, rcErr.Outcome})
			require.Equal(t, 1, strings.Count(err.Error(), "deadline exceeded"), err.Error())
			require.Len(t, tap.requests(), 1)

			ctx2, cancel2 := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel2(cause) })
			took, err = timed(func() error { return ban(ctx2, client) })
			require.Equal(t, time.Second, took)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, cause)
			require.Len(t, tap.requests(), 2)
		})
	}
}

// TestCancelledAfterAnAnswer cancels the call between a failed attempt and the wait after it.
func TestCancelledAfterAnAnswer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	client, tap := newClient(t, reply(503, html), func(c *rcuser.Config) {
		c.OnAttempt = func(context.Context, rcuser.Attempt) { cancel() }
	})
	rcErr := requireError(t, ban(ctx, client))
	require.ErrorIs(t, rcErr, context.Canceled)
	require.ErrorContains(t, rcErr, "broken answer")
	require.Equal(t, []any{503, 1, rcuser.Unknown}, []any{rcErr.StatusCode, rcErr.Attempts, rcErr.Outcome})
	require.Len(t, tap.requests(), 1)
}

func TestCancelledBeforeStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("user left")
	cancel(cause)
	client, tap := newClient(t, unexpected(t))
	rcErr := requireError(t, ban(ctx, client))
	require.ErrorIs(t, rcErr, context.Canceled)
	require.ErrorIs(t, rcErr, cause)
	require.Equal(t, rcuser.NotApplied, rcErr.Outcome)
	require.Empty(t, tap.requests())
}

func TestCancelledBeforeStartMakesNoAttempt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	client, _ := newClient(t, unexpected(t), func(c *rcuser.Config) {
		c.OnAttempt = func(_ context.Context, a rcuser.Attempt) { t.Errorf("attempt %d", a.Number) }
		c.AppKey, c.AppSecret, c.Credentials = "", "", func(context.Context) (rcuser.Credentials, error) {
			t.Error("asked for credentials")
			return rcuser.Credentials{}, io.EOF
		}
	})
	require.Zero(t, requireError(t, ban(ctx, client)).Attempts)
}
