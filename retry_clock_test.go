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

// remote is a server whose clock differs from this machine's, and which refuses what was signed too far from its time.
type remote struct {
	ahead  atomic.Int64 // of this machine
	header []string     // further ones of a refusal
}

func (r *remote) now() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }

func (r *remote) answer(req *http.Request) (*http.Response, error) {
	signed, err := strconv.ParseInt(req.Header.Get("Timestamp"), 10, 64)
	if err != nil {
		return nil, err
	}
	if r.now().Sub(time.UnixMilli(signed)).Abs() > 2*time.Minute {
		return r.refuse(req)
	}
	return reply(200, success)(req)
}

func (r *remote) refuse(req *http.Request) (*http.Response, error) {
	header := append([]string{"Date", r.now().UTC().Format(http.TimeFormat)}, r.header...)
	return replyWith(401, wrongSignature, header...)(req)
}

// timestamps are those that requests were signed with, as seconds after a time.
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

func TestSkewedClock(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{5 * time.Minute, -5 * time.Minute, 4*time.Minute + time.Second, 10 * 365 * 24 * time.Hour, -24 * time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				server := &remote{}
				server.ahead.Store(int64(ahead))
				var log warnings
				client, tap := newClient(t, server.answer, bothHosts, log.to)
				require.NoError(t, ban(t.Context(), client))
				require.NoError(t, ban(t.Context(), client), "what was learnt stays")
				require.Equal(t, []float64{0, ahead.Seconds(), ahead.Seconds()}, timestamps(t, tap, start))
				require.Equal(t, []time.Duration{0, 0}, tap.gaps())
				require.Equal(t, "ppp", visited(tap))
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

// TestRefusedSignature has a server that refuses whatever comes, as it has another secret.
func TestRefusedSignature(t *testing.T) {
	t.Parallel()
	const behind, ahead = "this machine's clock is 5m0s behind RC's", "this machine's clock is 5m0s ahead of RC's"
	for name, tc := range map[string]struct {
		ahead    time.Duration
		header   []string
		attempts int
		text     string
	}{
		"right clock":          {0, nil, 1, ""},
		"3 minutes behind":     {3 * time.Minute, nil, 1, ""},
		"3 minutes ahead":      {-3 * time.Minute, nil, 1, ""},
		"4 minutes behind":     {4 * time.Minute, nil, 1, ""},
		"4 minutes ahead":      {-4 * time.Minute, nil, 1, ""},
		"5 minutes behind":     {5 * time.Minute, nil, 2, behind},
		"5 minutes ahead":      {-5 * time.Minute, nil, 2, ahead},
		"from a cache":         {5 * time.Minute, []string{"Age", "300"}, 1, ""},
		"from a cache just so": {5 * time.Minute, []string{"Age", "0"}, 1, ""},
		"no date":              {5 * time.Minute, []string{"Date", ""}, 1, ""},
		"garbage":              {5 * time.Minute, []string{"Date", "now"}, 1, ""},
		"no zone":              {5 * time.Minute, []string{"Date", "2000-01-01T00:05:00"}, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := &remote{header: tc.header}
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
				require.Equal(t, 1, rcErr.Attempts, "the time was right already")
				require.Equal(t, tc.text != "", rcErr.Err != nil)
			})
		})
	}
}

// TestClockHeals has this machine's clock be corrected while the client remembers how far it was off.
func TestClockHeals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		server := &remote{}
		client, tap := newClient(t, server.answer)
		for _, ahead := range []time.Duration{time.Hour, 0, -time.Hour} {
			server.ahead.Store(int64(ahead))
			require.NoError(t, ban(t.Context(), client))
			require.NoError(t, ban(t.Context(), client))
		}
		require.Equal(t, []float64{0, 3600, 3600, 3600, 0, 0, 0, -3600, -3600}, timestamps(t, tap, start))
	})
}

// TestHealedClockIsntBlamed has the secret be wrong as well, after the clock was mended.
func TestHealedClockIsntBlamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &remote{}
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

// TestClockCorrectedOncePerCall has the server's clock run away.
func TestClockCorrectedOncePerCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &remote{}
		client, tap := newClient(t, func(req *http.Request) (*http.Response, error) {
			server.ahead.Add(int64(time.Hour))
			return server.answer(req)
		}, patient)
		rcErr := requireError(t, ban(t.Context(), client))
		require.Equal(t, 2, rcErr.Attempts)
		require.Len(t, tap.requests(), 2)
		require.ErrorContains(t, rcErr, "this machine's clock is 2h0m0s behind RC's")
	})
}

// TestClockCorrectedAmongOtherRetries counts its attempt like any other, and no more of them.
func TestClockCorrectedAmongOtherRetries(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		most     int
		steps    func(*remote) []roundTripFunc
		succeeds bool
		want     int
	}{
		{0, func(s *remote) []roundTripFunc { return []roundTripFunc{reply(503, ""), s.answer} }, true, 3},
		{0, func(s *remote) []roundTripFunc { return []roundTripFunc{s.answer, reply(503, ""), s.answer} }, true, 3},
		{0, func(s *remote) []roundTripFunc { return []roundTripFunc{reply(503, ""), hang, s.answer} }, false, 3},
		{2, func(s *remote) []roundTripFunc { return []roundTripFunc{reply(503, ""), s.answer} }, false, 2},
		{1, func(s *remote) []roundTripFunc { return []roundTripFunc{s.answer} }, false, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			server := &remote{}
			server.ahead.Store(int64(time.Hour))
			client, tap := newClient(t, inTurn(tc.steps(server)...), func(c *rcuser.Config) { c.Retry.MaxAttempts = tc.most })
			err := ban(t.Context(), client)
			require.Len(t, tap.requests(), tc.want)
			if tc.succeeds {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, rcuser.ErrSignature)
			require.ErrorContains(t, err, "this machine's clock is 1h0m0s behind RC's")
			require.NoError(t, ban(t.Context(), client), "it was learnt all the same")
		})
	}
}

func TestCallLearnsTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &remote{}
		server.ahead.Store(int64(-time.Hour))
		client, tap := newClient(t, server.answer)
		call := other("/x.json", nil)
		rcErr := requireError(t, call(t.Context(), client))
		require.Equal(t, []any{1, rcuser.NotApplied}, []any{rcErr.Attempts, rcErr.Outcome})
		require.ErrorContains(t, rcErr, "this machine's clock is 1h0m0s ahead of RC's")
		require.NoError(t, call(t.Context(), client))
		require.Len(t, tap.requests(), 2)
	})
}

// TestStatusAloneSaysSignature has no code, and a body that isn't RC's.
func TestStatusAloneSaysSignature(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &remote{}
		server.ahead.Store(int64(time.Hour))
		refuse := replyWith(401, html, "Date", server.now().UTC().Format(http.TimeFormat))
		client, tap := newClient(t, inTurn(refuse, server.answer))
		require.NoError(t, ban(t.Context(), client))
		require.Len(t, tap.requests(), 2)
		client, _ = newClient(t, refuse)
		require.ErrorContains(t, ban(t.Context(), client), "this machine's clock is 1h0m0s behind RC's")
	})
}

// TestManyGoroutinesLearnTheTime is for the race detector.
func TestManyGoroutinesLearnTheTime(t *testing.T) {
	t.Parallel()
	server := &remote{}
	server.ahead.Store(int64(time.Hour))
	client, tap := newClient(t, server.answer)
	atOnce(t, goroutines, func() error { return ban(t.Context(), client) })
	require.LessOrEqual(t, len(tap.requests()), 2*goroutines)
}

// TestOtherRefusalsTeachNothing have dates that don't fit either.
func TestOtherRefusalsTeachNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		date := start.Add(time.Hour).UTC().Format(http.TimeFormat)
		client, tap := newClient(t, inTurn(
			replyWith(200, success, "Date", date), replyWith(400, `{"code":1002}`, "Date", date),
			replyWith(401, locked, "Date", date), replyWith(403, html, "Date", date), reply(200, success),
		))
		for range 5 {
			_ = ban(t.Context(), client)
		}
		require.Equal(t, []float64{0, 0, 0, 0, 0}, timestamps(t, tap, start))
	})
}
