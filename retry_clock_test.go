package rcuser_test

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

const wrongSignature = `{"code":1004,"errorMessage":"signature"}`

// skewedServer has a clock of its own and refuses requests signed more than two minutes off it.
type skewedServer struct {
	ahead  atomic.Int64 // nanoseconds ahead of this machine's clock
	header []string     // additional headers of a refusal
}

func (r *skewedServer) now() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }

func (r *skewedServer) answer(req *http.Request) (*http.Response, error) {
	signed, err := strconv.ParseInt(req.Header.Get("Timestamp"), 10, 64)
	if err != nil {
		return nil, err
	}
	if r.now().Sub(time.UnixMilli(signed)).Abs() > 2*time.Minute {
		return r.refuse(req)
	}
	return reply(200, success)(req)
}

func (r *skewedServer) refuse(req *http.Request) (*http.Response, error) {
	header := append([]string{"Date", r.now().UTC().Format(http.TimeFormat)}, r.header...)
	return replyWith(401, wrongSignature, header...)(req)
}

// timestamps returns the Timestamp headers as seconds after start.
func timestamps(t *testing.T, tap *wiretap, start time.Time) []float64 {
	t.Helper()
	var after []float64
	for _, request := range tap.requests() {
		signed, err := strconv.ParseInt(request.Header.Get("Timestamp"), 10, 64)
		require.NoError(t, err)
		after = append(after, time.UnixMilli(signed).Sub(start).Seconds())
	}
	return after
}

func TestWrongClockIsCorrected(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{5 * time.Minute, -5 * time.Minute, 4*time.Minute + time.Second, 10 * 365 * 24 * time.Hour, -24 * time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				server := &skewedServer{}
				server.ahead.Store(int64(ahead))
				var log warnings
				client, tap := newClient(t, server.answer, bothHosts, log.to)
				require.NoError(t, ban(t.Context(), client))
				require.NoError(t, ban(t.Context(), client), "the correction stays")
				require.Equal(t, []float64{0, ahead.Seconds(), ahead.Seconds()}, timestamps(t, tap, start))
				require.Equal(t, []time.Duration{0, 0}, tap.gaps())
				require.Equal(t, "ppp", hostSequence(tap))
				require.NotEqual(t, tap.requests()[0].Header.Get("Nonce"), tap.requests()[1].Header.Get("Nonce"))
				requireSignedNow(t, tap.requests()[1])
			})
		})
	}
}

func requireSignedNow(t *testing.T, request exchange) {
	t.Helper()
	want := rcuser.Sign(testSecret, request.Header.Get("Nonce"), request.Header.Get("Timestamp"))
	require.Equal(t, want, request.Header.Get("Signature"))
}

// TestRefusedSignatureWithServerTime uses a server that refuses every request, as with a wrong secret.
func TestRefusedSignatureWithServerTime(t *testing.T) {
	t.Parallel()
	const behind, ahead = "this machine's clock is 5m0s behind RC's", "this machine's clock is 5m0s ahead of RC's"
	for name, tc := range map[string]struct {
		ahead    time.Duration
		header   []string
		attempts int
		text     string
	}{
		"right clock":         {0, nil, 1, ""},
		"3 minutes behind":    {3 * time.Minute, nil, 1, ""},
		"3 minutes ahead":     {-3 * time.Minute, nil, 1, ""},
		"4 minutes behind":    {4 * time.Minute, nil, 1, ""},
		"4 minutes ahead":     {-4 * time.Minute, nil, 1, ""},
		"5 minutes behind":    {5 * time.Minute, nil, 2, behind},
		"5 minutes ahead":     {-5 * time.Minute, nil, 2, ahead},
		"from a cache":        {5 * time.Minute, []string{"Age", "300"}, 1, ""},
		"from a cache, age 0": {5 * time.Minute, []string{"Age", "0"}, 1, ""},
		"no date":             {5 * time.Minute, []string{"Date", ""}, 1, ""},
		"garbage":             {5 * time.Minute, []string{"Date", "now"}, 1, ""},
		"no zone":             {5 * time.Minute, []string{"Date", "2000-01-01T00:05:00"}, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := &skewedServer{header: tc.header}
				server.ahead.Store(int64(tc.ahead))
				client, tap := newClient(t, server.refuse)
				took, err := timed(func() error { return ban(t.Context(), client) })
				rcErr := requireError(t, err)
				require.Zero(t, took)
				require.Len(t, tap.requests(), tc.attempts)
				require.Equal(t, []any{tc.attempts, 401, rcuser.ErrSignature, "signature", rcuser.NotApplied, false},
					[]any{rcErr.Attempts, rcErr.StatusCode, rcErr.Code, rcErr.Message, rcErr.Outcome, rcErr.Retryable()})
				if tc.text == "" {
					require.NoError(t, rcErr.Err)
				} else {
					require.EqualError(t, rcErr.Err, tc.text)
				}
				rcErr = requireError(t, ban(t.Context(), client))
				require.Equal(t, tc.attempts, rcErr.Attempts, "the first call taught nothing")
				require.Equal(t, tc.text != "", rcErr.Err != nil)
			})
		})
	}
}

// TestCorrectionFollowsTheClock changes the difference between the two clocks twice.
func TestCorrectionFollowsTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		server := &skewedServer{}
		client, tap := newClient(t, server.answer)
		for _, ahead := range []time.Duration{time.Hour, 0, -time.Hour} {
			server.ahead.Store(int64(ahead))
			require.NoError(t, ban(t.Context(), client))
			require.NoError(t, ban(t.Context(), client))
		}
		require.Equal(t, []float64{0, 3600, 3600, 3600, 0, 0, 0, -3600, -3600}, timestamps(t, tap, start))
	})
}

// TestErrorDoesNotBlameACorrectedClock refuses the signature even after the clock was corrected.
func TestErrorDoesNotBlameACorrectedClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &skewedServer{}
		server.ahead.Store(int64(time.Hour))
		client, tap := newClient(t, inTurn(server.answer, server.answer, server.refuse))
		require.NoError(t, ban(t.Context(), client))
		server.ahead.Store(0)
		rcErr := requireError(t, ban(t.Context(), client))
		require.NoError(t, rcErr.Err)
		require.Equal(t, 2, rcErr.Attempts)
		require.Len(t, tap.requests(), 4)
	})
}

// TestClockCorrectedOncePerCall advances the server's clock by an hour per request.
func TestClockCorrectedOncePerCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &skewedServer{}
		client, tap := newClient(t, func(req *http.Request) (*http.Response, error) {
			server.ahead.Add(int64(time.Hour))
			return server.answer(req)
		}, sevenAttempts)
		rcErr := requireError(t, ban(t.Context(), client))
		require.Equal(t, 2, rcErr.Attempts)
		require.Len(t, tap.requests(), 2)
		require.ErrorContains(t, rcErr, "this machine's clock is 2h0m0s behind RC's")
	})
}

// TestClockCorrectedAmongOtherRetries requires MaxAttempts not to count the attempt with another time, unless it is 1.
func TestClockCorrectedAmongOtherRetries(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		maxAttempts int
		steps       func(*skewedServer) []roundTripFunc
		succeeds    bool
		want        int
	}{
		"after a 503":     {0, func(s *skewedServer) []roundTripFunc { return []roundTripFunc{reply(503, ""), s.answer} }, true, 3},
		"before a 503":    {0, func(s *skewedServer) []roundTripFunc { return []roundTripFunc{s.answer, reply(503, ""), s.answer} }, true, 3},
		"as a fourth":     {0, func(s *skewedServer) []roundTripFunc { return []roundTripFunc{reply(503, ""), hang, s.answer} }, true, 4},
		"no fourth other": {0, func(s *skewedServer) []roundTripFunc { return []roundTripFunc{s.answer, reply(503, "")} }, false, 4},
		"two":             {2, func(s *skewedServer) []roundTripFunc { return []roundTripFunc{reply(503, ""), s.answer} }, true, 3},
		"one":             {1, func(s *skewedServer) []roundTripFunc { return []roundTripFunc{s.answer} }, false, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			server := &skewedServer{}
			server.ahead.Store(int64(time.Hour))
			client, tap := newClient(t, inTurn(tc.steps(server)...), func(c *rcuser.Config) { c.Retry.MaxAttempts = tc.maxAttempts })
			err := ban(t.Context(), client)
			require.Len(t, tap.requests(), tc.want, name)
			if tc.succeeds {
				require.NoError(t, err, name)
				return
			}
			require.Equal(t, tc.want, requireError(t, err).Attempts, name)
		})
	}
}

// TestRetriesOffMeansNoOtherTime has only one attempt a call, so that no call may be signed with a time that RC didn't accept.
func TestRetriesOffMeansNoOtherTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		server := &skewedServer{}
		server.ahead.Store(int64(time.Hour))
		client, tap := newClient(t, inTurn(server.refuse, reply(200, success)), once)
		require.ErrorContains(t, ban(t.Context(), client), "this machine's clock is 1h0m0s behind RC's")
		require.NoError(t, ban(t.Context(), client))
		require.Equal(t, []float64{0, 0}, timestamps(t, tap, start))
	})
}

// TestCallCorrectsTheClock repeats a call that isn't idempotent: the refused one was not applied.
func TestCallCorrectsTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		server := &skewedServer{}
		client, tap := newClient(t, server.answer)
		call := other("/x.json", nil)
		for _, ahead := range []time.Duration{-time.Hour, 0} {
			server.ahead.Store(int64(ahead))
			require.NoError(t, call(t.Context(), client))
		}
		require.Equal(t, []float64{0, -3600, -3600, 0}, timestamps(t, tap, start))
	})
}

// TestHTTP401OfAPortalDoesNotSetTheClock answers with HTML, or with JSON that isn't RC's, and a Date that is an hour ahead.
func TestHTTP401OfAPortalDoesNotSetTheClock(t *testing.T) {
	t.Parallel()
	for _, body := range []string{html, "", `{"message":"Unauthorized"}`, `{"error":{"code":1004}}`, `[{"code":1004}]`} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			date := start.Add(time.Hour).UTC().Format(http.TimeFormat)
			portal := replyWith(401, body, "Date", date)
			client, tap := newClient(t, inTurn(portal, portal, portal, reply(200, success)), func(c *rcuser.Config) { c.Retry.BaseWait = 1 })
			err := ban(t.Context(), client)
			require.NotErrorIs(t, err, rcuser.ErrSignature)
			require.NotContains(t, err.Error(), "clock")
			require.NoError(t, ban(t.Context(), client))
			require.Equal(t, []float64{0, 0, 0, 0}, timestamps(t, tap, start))
		})
	}
}

// TestClockIsCorrectedConcurrently is for the race detector.
func TestClockIsCorrectedConcurrently(t *testing.T) {
	t.Parallel()
	server := &skewedServer{}
	server.ahead.Store(int64(time.Hour))
	client, tap := newClient(t, server.answer)
	atOnce(t, goroutines, func() error { return ban(t.Context(), client) })
	require.LessOrEqual(t, len(tap.requests()), 2*goroutines)
}

// TestOtherRefusalsDoNotCorrectTheClock sends a Date that is an hour off with answers other than a refused signature.
func TestOtherRefusalsDoNotCorrectTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		date := start.Add(time.Hour).UTC().Format(http.TimeFormat)
		client, tap := newClient(t, inTurn(
			replyWith(200, success, "Date", date), replyWith(400, `{"code":1002}`, "Date", date),
			replyWith(401, locked, "Date", date), replyWith(403, html, "Date", date), reply(200, success),
		), func(c *rcuser.Config) { c.Retry.BaseWait = 1 })
		for range 5 {
			_ = ban(t.Context(), client)
		}
		require.Equal(t, []float64{0, 0, 0, 0, 0, 0}, timestamps(t, tap, start))
	})
}
