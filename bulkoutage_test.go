package rcuser_test

import (
	"context"
	"net/http"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// outages are the ways in which nobody answers a call.
var outages = map[string]struct {
	respond roundTripFunc
	applied bool
}{
	"refused connections": {failWith(refusedDial()), false},
	"lost answers":        {failWith(connReset()), true},
	"503":                 {reply(503, html), false},
	"503 and a code":      {reply(503, `{"code":4711}`), false},
	"500 and code 1002":   {reply(500, `{"code":1002}`), true},
	"429":                 {reply(429, limited), false},
	"silence":             {hang, true},
	"another's 200":       {reply(200, html), false},
}

// between answers with respond from a time after the first call until another.
func between(from, to time.Duration, respond roundTripFunc, applied bool) func(int, []string) (roundTripFunc, bool) {
	start := time.Now()
	return func(int, []string) (roundTripFunc, bool) {
		if since := time.Since(start); since >= from && since < to {
			return respond, applied
		}
		return nil, true
	}
}

// TestBulkOutlivesAnOutage bans 20,000 users; RC is out of reach for 30 s in the middle.
func TestBulkOutlivesAnOutage(t *testing.T) {
	skipUnderRace(t)
	t.Parallel()
	for name, o := range outages {
		synctest.Test(t, func(t *testing.T) {
			client, service := newIDService(t, between(4*time.Second, 34*time.Second, o.respond, o.applied), defaultLimiter)
			start := time.Now()
			report, err := client.Bulk.Ban(t.Context(), streamed(20_000), time.Hour, rcuser.BulkOptions{})
			require.NoError(t, err, name)
			require.Equal(t, rcuser.BulkReport{Total: 20_000, Done: 20_000}, report, name)
			require.Len(t, service.confirmed, 20_000)
			require.Zero(t, service.again, "%s: nothing that was confirmed is sent again", name)
			longest := 100 * time.Second
			if name == "429" {
				longest = 150 * time.Second // the rate is lowered and recovers slowly
			}
			require.Less(t, time.Since(start), longest, name)
		})
	}
}

// TestBulkResultsOutliveAnOutage does the same with calls for single users.
func TestBulkResultsOutliveAnOutage(t *testing.T) {
	skipUnderRace(t)
	t.Parallel()
	for name, o := range outages {
		synctest.Test(t, func(t *testing.T) {
			client, service := newIDService(t, between(time.Second, 31*time.Second, o.respond, o.applied), defaultLimiter)
			results := map[string]int{}
			for result := range client.Bulk.Register(t.Context(), registrations(streamed(1000)), rcuser.BulkOptions{}) {
				require.NoError(t, result.Err, name)
				results[result.UserID]++
			}
			require.Len(t, results, 1000, name)
			require.Zero(t, service.again, name)
		})
	}
}

// TestBulkProbes: while RC is out of reach, one call at a time is made after 1, 2, 4 ... 30 s, the stream isn't read, and after
// MaxOutage the work ends.
func TestBulkProbes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		taken := 0
		ids := func(yield func(string, error) bool) {
			for _, id := range userIDs(20_000) {
				if taken++; !yield(id, nil) {
					return
				}
			}
		}
		client, service := newIDService(t, func(int, []string) (roundTripFunc, bool) { return failWith(refusedDial()), false }, defaultLimiter, once)
		service.latency = 50 * time.Millisecond
		start := time.Now()
		report, err := client.Bulk.Ban(t.Context(), ids, time.Hour, rcuser.BulkOptions{})
		causes := requireIncomplete(t, report, err)
		require.ErrorContains(t, causes[0], "no call got through for 10m0s")
		require.InDelta(t, (10 * time.Minute).Seconds(), time.Since(start).Seconds(), 1)
		require.Equal(t, report.Total, report.NotStarted)
		require.Equal(t, taken, report.Total)
		require.LessOrEqual(t, taken, 7*20, "those of the calls in flight when the first failed, and one batch more")
		var seconds []int
		for i := 1; i < len(service.at); i++ {
			if gap := service.at[i].Sub(service.at[i-1]); gap > 500*time.Millisecond {
				seconds = append(seconds, int(gap.Round(time.Second).Seconds()))
			}
		}
		require.Equal(t, []int{1, 2, 4, 8, 16, 30, 30, 30}, seconds[:8], "a probe each, later by its own time")
	})
}

// TestBulkMaxOutage: a negative one ends the work at once, a short one after its time.
func TestBulkMaxOutage(t *testing.T) {
	t.Parallel()
	for limit, took := range map[time.Duration]time.Duration{-1: 0, 5 * time.Second: 5 * time.Second, 90 * time.Second: 90 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			client, _ := newIDService(t, refuseAll(503, html), once)
			start := time.Now()
			report, err := client.Bulk.Unban(t.Context(), streamed(1_000_000), rcuser.BulkOptions{MaxOutage: limit})
			requireIncomplete(t, report, err)
			require.InDelta(t, took.Seconds(), time.Since(start).Seconds(), 0.1)
			require.Equal(t, report.Total, report.Unknown+report.NotStarted)
			require.LessOrEqual(t, report.Total, 257*20)
		})
	}
}

// TestBulkPauseEndsWithTheContext and not with the next probe; ids that a call may have applied are unknown.
func TestBulkPauseEndsWithTheContext(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]rcuser.BulkState{
		"refused connections": rcuser.BulkNotStarted, "lost answers": rcuser.BulkUnknown, "429": rcuser.BulkFailed,
	} {
		synctest.Test(t, func(t *testing.T) {
			client, _ := newIDService(t, between(0, time.Hour, outages[name].respond, outages[name].applied), once)
			ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
			defer cancel()
			start := time.Now()
			report, err := client.Bulk.Unban(ctx, streamed(20), rcuser.BulkOptions{})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, 40*time.Second, time.Since(start))
			require.Len(t, report.Failures, 20)
			for _, failure := range report.Failures {
				require.Equal(t, want, failure.State, name)
				require.Error(t, failure.Err)
			}
		})
	}
}

// TestBulkGivesUpOneBatch whose calls always end with 500, while others succeed. TestBulkWaitsForTheLastBatch is about one that
// fails when no others are left.
func TestBulkGivesUpOneBatch(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		latency time.Duration
		change  func(*rcuser.Config)
		took    time.Duration // at most
	}{
		{0, once, 4 * time.Second},
		{0, func(c *rcuser.Config) { once(c); defaultLimiter(c) }, 14 * time.Second}, // 10.2 s, and a pause of 1 s after each failure
		{0, defaultLimiter, 15 * time.Second},
		{300 * time.Millisecond, defaultLimiter, 15 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			client, service := newIDService(t, func(_ int, ids []string) (roundTripFunc, bool) {
				if slices.Contains(ids, "user777") {
					return reply(500, `{"code":1000}`), false
				}
				return nil, true
			}, tc.change)
			service.latency = tc.latency
			start := time.Now()
			report, err := client.Bulk.Unban(t.Context(), streamed(20_000), rcuser.BulkOptions{})
			requireIncomplete(t, report, err)
			require.Equal(t, []int{20_000, 19_980, 20}, []int{report.Total, report.Done, report.Unknown})
			require.Equal(t, "user760", report.Failures[0].UserID)
			require.ErrorIs(t, report.Failures[0].Err, rcuser.ErrInternal)
			require.Less(t, time.Since(start), tc.took)
		})
	}
}

// TestBulkWaitsForTheLastBatch: when no others are left to succeed, a batch that always fails is an outage.
func TestBulkWaitsForTheLastBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newIDService(t, func(_ int, ids []string) (roundTripFunc, bool) {
			if slices.Contains(ids, "user99") {
				return reply(500, `{"code":1000}`), false
			}
			return nil, true
		}, once, defaultLimiter)
		start := time.Now()
		report, err := client.Bulk.Unban(t.Context(), streamed(100), rcuser.BulkOptions{MaxOutage: time.Minute})
		causes := requireIncomplete(t, report, err)
		require.ErrorContains(t, causes[0], "no call got through for 1m0s")
		require.Equal(t, []int{80, 20}, []int{report.Done, report.Unknown})
		require.InDelta(t, 60, time.Since(start).Seconds(), 1)
	})
}

// TestBulkKeepsTheRefusedByTheRate: batches that others' use of the rate pushes out are sent until they pass.
func TestBulkKeepsTheRefusedByTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refusals := 0
		client, _ := newIDService(t, func(_ int, ids []string) (roundTripFunc, bool) {
			if slices.Contains(ids, "user40") && refusals < 8 {
				refusals++
				return reply(429, limited), false
			}
			return nil, true
		}, once)
		report, err := client.Bulk.Unban(t.Context(), streamed(4000), rcuser.BulkOptions{})
		require.NoError(t, err)
		require.Equal(t, 4000, report.Done)
		require.Equal(t, 8, refusals)
	})
}

// TestBulkOutlivesItsLimiter: one that fails for a time, as it may if it asks a server, ends no work.
func TestBulkOutlivesItsLimiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client, _ := newIDService(t, nil, func(c *rcuser.Config) {
			c.Limiter = limiterFunc(func(context.Context) error {
				if since := time.Since(start); since > 0 && since < 20*time.Second {
					return http.ErrHandlerTimeout
				}
				return nil
			})
		})
		ids := func(yield func(string, error) bool) {
			for _, id := range userIDs(200) {
				time.Sleep(time.Millisecond)
				if !yield(id, nil) {
					return
				}
			}
		}
		report, err := client.Bulk.Unban(t.Context(), ids, rcuser.BulkOptions{})
		require.NoError(t, err)
		require.Equal(t, 200, report.Done)
	})
}

// limiterFunc is a limiter without pauses.
type limiterFunc func(context.Context) error

func (f limiterFunc) Wait(ctx context.Context, _ rcuser.LimitedAttempt) error { return f(ctx) }
func (f limiterFunc) Pause(string, time.Duration)                             {}

// TestBulkProbesWhenAsked: a Retry-After puts a probe off, up to 30 s.
func TestBulkProbesWhenAsked(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string]time.Duration{"10": 10 * time.Second, "86400": 30 * time.Second, "0": time.Second} {
		synctest.Test(t, func(t *testing.T) {
			client, service := newIDService(t, func(call int, _ []string) (roundTripFunc, bool) {
				if call == 1 {
					return replyWith(503, html, "Retry-After", asked), false
				}
				return nil, true
			}, once)
			report, err := client.Bulk.Unban(t.Context(), streamed(5), rcuser.BulkOptions{})
			require.NoError(t, err)
			require.Equal(t, 5, report.Done)
			require.Equal(t, want, service.at[1].Sub(service.at[0]))
		})
	}
}

// TestBulkOutlivesALongOutage: RC is out of reach on both hosts for 10 minutes. RCUSER_LONG=1 bans 1,000,000 users.
func TestBulkOutlivesALongOutage(t *testing.T) {
	skipUnderRace(t)
	t.Parallel()
	n := 10_000
	if os.Getenv("RCUSER_LONG") != "" {
		n = 1_000_000
	}
	synctest.Test(t, func(t *testing.T) {
		middle := time.Duration(n/20/98/2) * time.Second
		client, service := newIDService(t, between(middle, middle+10*time.Minute, failWith(connReset()), true), defaultLimiter)
		start := time.Now()
		report, err := client.Bulk.Ban(t.Context(), streamed(n), time.Hour, rcuser.BulkOptions{MaxOutage: 15 * time.Minute})
		require.NoError(t, err)
		require.Equal(t, rcuser.BulkReport{Total: n, Done: n}, report)
		require.Len(t, service.confirmed, n)
		require.Zero(t, service.again)
		require.LessOrEqual(t, service.calls, n/20+200, "a probe costs three attempts")
		require.Less(t, time.Since(start), 2*middle+11*time.Minute)
	})
}

// TestBulkOddSuccessIsNoOutage: RC's answer lacks what the call returns for some users, or for all. Nothing is
// split, repeated or waited for.
func TestBulkOddSuccessIsNoOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for every, want := range map[int]int{1: 100, 10: 10} {
			client, service := newIDService(t, func(call int, _ []string) (roundTripFunc, bool) {
				if call%every == 0 {
					return reply(200, success), true
				}
				return reply(200, `{"code":200,"status":"1","operateId":"o"}`), true
			}, func(c *rcuser.Config) { c.DataCenter = rcuser.DataCenter{Primary: "https://a.example.com"} })
			start := time.Now()
			unknown := 0
			for result := range client.Bulk.Online(t.Context(), streamed(100), rcuser.BulkOptions{}) {
				if result.Err != nil {
					require.Equal(t, rcuser.Unknown, requireError(t, result.Err).Outcome)
					require.ErrorContains(t, result.Err, "broken answer: its field status")
					unknown++
				}
			}
			require.Equal(t, []int{want, 100}, []int{unknown, service.calls})
			report, err := client.Bulk.Deactivate(t.Context(), streamed(200), rcuser.BulkOptions{})
			requireSum(t, report)
			require.Equal(t, every == 1, err != nil)
			require.Zero(t, time.Since(start))
		}
	})
}
