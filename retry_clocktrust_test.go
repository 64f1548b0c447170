package rcuser_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/f0207b22/rcuser"
)

// wrongDate refuses a signature with a Date that is as far ahead as given.
func wrongDate(ahead time.Duration) roundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		return replyWith(401, wrongSignature, "Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))(req)
	}
}

// TestWrongDateWhileASecretIsRotated has a gateway whose Date is an hour ahead in front of a server whose clock is right.
func TestWrongDateWhileASecretIsRotated(t *testing.T) {
	t.Parallel()
	for name, call := range methodAndCall {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			client, tap := newClient(t, inTurn(wrongDate(time.Hour), wrongDate(time.Hour), (&skewedServer{}).answer))
			require.ErrorIs(t, call(t.Context(), client), rcuser.ErrSignature, name)
			require.NoError(t, call(t.Context(), client), name)
			require.Equal(t, []float64{0, 3600, 0}, timestamps(t, tap, start), name)
		})
	}
}

type clientCall = func(context.Context, *rcuser.Client) error

// methodAndCall are a method, and a call that isn't idempotent.
var methodAndCall = map[string]clientCall{"method": ban, "Call": other("/x.json", nil)}

// TestCorrectionThatWasNotConfirmed gets no answer of RC to the attempt with the corrected time.
func TestCorrectionThatWasNotConfirmed(t *testing.T) {
	t.Parallel()
	for name, respond := range map[string]roundTripFunc{
		"503": reply(503, ""), "HTML": reply(200, html), "404": reply(404, html), "429": reply(429, ""), "reset": failWith(connReset()), "timeout": hang,
	} {
		synctest.Test(t, func(t *testing.T) {
			client, tap := newClient(t, inTurn(wrongDate(time.Hour), respond, respond, respond, reply(200, success)))
			require.Error(t, ban(t.Context(), client), name)
			began := time.Now()
			require.NoError(t, ban(t.Context(), client), name)
			require.InDelta(t, 0, timestamps(t, tap, began)[4], 0.001, name)
		})
	}
}

// TestCorrectionConfirmedByARefusal accepts the signature and refuses the call for another reason.
func TestCorrectionConfirmedByARefusal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client, tap := newClient(t, inTurn(wrongDate(time.Hour), reply(400, `{"code":1002}`), reply(200, success)))
		require.ErrorIs(t, ban(t.Context(), client), rcuser.ErrParameter)
		require.NoError(t, ban(t.Context(), client))
		require.Equal(t, []float64{0, 3600, 3600}, timestamps(t, tap, start))
	})
}

// learnAnHour returns a client that has corrected its clock by an hour. Its further requests are answered by steps.
func learnAnHour(t *testing.T, steps ...roundTripFunc) (*rcuser.Client, *wiretap) {
	t.Helper()
	client, tap := newClient(t, inTurn(append([]roundTripFunc{wrongDate(time.Hour), reply(200, success)}, steps...)...))
	require.NoError(t, ban(t.Context(), client))
	return client, tap
}

// TestMachineClockFixed refuses the correction. The machine's own time is tried without a Date, too.
func TestMachineClockFixed(t *testing.T) {
	t.Parallel()
	for name, call := range methodAndCall {
		for _, refuse := range []roundTripFunc{wrongDate(0), reply(401, wrongSignature), wrongDate(3 * time.Hour)} {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				client, tap := learnAnHour(t, refuse, reply(200, success))
				require.NoError(t, call(t.Context(), client), name)
				require.NoError(t, call(t.Context(), client), name)
				require.Equal(t, []float64{0, 3600, 3600, 0, 0}, timestamps(t, tap, start), name)
			})
		}
	}
}

func TestBothTimesRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client, tap := learnAnHour(t, wrongDate(2*time.Hour), wrongDate(5*time.Hour), reply(200, success))
		require.Equal(t, 2, requireError(t, ban(t.Context(), client)).Attempts)
		require.NoError(t, ban(t.Context(), client))
		require.Equal(t, []float64{0, 3600, 3600, 0, 0}, timestamps(t, tap, start))
	})
}

// TestOwnTimeThatWasNotConfirmed gets no answer of RC to the attempt with the machine's own time.
func TestOwnTimeThatWasNotConfirmed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client, tap := learnAnHour(t, wrongDate(0), reply(400, ""), reply(400, ""), reply(400, ""), reply(200, success))
		require.Error(t, ban(t.Context(), client))
		require.NoError(t, ban(t.Context(), client))
		after := timestamps(t, tap, start)
		require.Equal(t, []float64{0, 3600, 3600, 0}, after[:4])
		require.Greater(t, after[6], 3600.0, "the correction was not refuted")
	})
}

// TestOtherTimeCostsNoBudget uses up the budget before.
func TestOtherTimeCostsNoBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &skewedServer{}
		down := make([]roundTripFunc, 102)
		for i := range down {
			down[i] = reply(503, "")
		}
		client, _ := newClient(t, inTurn(append(down, server.answer)...), func(c *rcuser.Config) { c.Retry.MaxAttempts = 200 })
		require.Equal(t, 101, requireError(t, ban(t.Context(), client)).Attempts)
		require.Equal(t, 1, requireError(t, ban(t.Context(), client)).Attempts, "the budget is empty")
		for _, ahead := range []time.Duration{time.Hour, 0, time.Hour} {
			server.ahead.Store(int64(ahead))
			require.NoError(t, ban(t.Context(), client))
		}
	})
}

// TestDateNeverFailsACall has a server whose clock is right, or an hour off this machine's, with a Date that is anything, and
// which refuses some requests for no reason. A call succeeds if the machine's own time is right and no request of it was
// refused without a reason.
func TestDateNeverFailsACall(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		offsets := rapid.SampledFrom([]time.Duration{0, time.Hour, -time.Hour, 5 * time.Minute, 1000 * time.Hour})
		synctest.Test(t, func(t *testing.T) {
			server := &skewedServer{}
			moody := false
			client, _ := newClient(t, func(req *http.Request) (*http.Response, error) {
				date := wrongDate(offsets.Draw(rt, "date"))
				if moody && rapid.Bool().Draw(rt, "refuse") {
					return date(req)
				}
				resp, err := server.answer(req)
				if resp.StatusCode == 401 {
					return date(req)
				}
				return resp, err
			}, func(c *rcuser.Config) { c.Retry.MaxAttempts = rapid.IntRange(0, 3).Draw(rt, "attempts") })
			for range 8 {
				moody = rapid.Bool().Draw(rt, "moody")
				ahead := offsets.Draw(rt, "ahead")
				server.ahead.Store(int64(ahead))
				err := rapid.SampledFrom([]clientCall{ban, other("/x.json", nil)}).Draw(rt, "call")(t.Context(), client)
				if err != nil && !moody && ahead == 0 {
					t.Fatalf("failed: %v", err)
				}
			}
		})
	})
}
