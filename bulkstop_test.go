package rcuser_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// mostCalls is what hopeless work may cost at most: the calls in flight when the first is refused, and three batches of 20
// that are split to the end.
const mostCalls = 256 + 3*39

// TestBulkEndsWhatCannotSucceed bans 10,000 users with something wrong that concerns every call.
func TestBulkEndsWhatCannotSucceed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status int
		body   string
		is     error
		most   int // calls after those in flight
	}{
		{400, `{"code":1002}`, rcuser.ErrParameter, 3 * 39},
		{200, `{"code":4711}`, rcuser.ErrorCode(4711), 3 * 39},
		{401, `{"code":1001}`, rcuser.ErrAppSecret, 0},
		{401, `{"code":1004}`, rcuser.ErrSignature, 0},
		{401, `{"code":1006}`, rcuser.ErrAppLocked, 0},
		{401, `{"code":1007}`, rcuser.ErrForbidden, 0},
		{430, `{"code":1009}`, rcuser.ErrNotEnabled, 0},
		{400, `{"code":1003}`, rcuser.ErrNoData, 2},
		{403, html, nil, 120}, // 3 attempts a call, while others begin
		{407, html, nil, 120},
		{404, "", nil, 120},
		{302, "", nil, 2},
	} {
		name := fmt.Sprint(tc.status, tc.body)
		for _, latency := range []time.Duration{0, 100 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				client, service := newIDService(t, refuseAll(tc.status, tc.body), defaultLimiter)
				service.latency = latency
				start := time.Now()
				report, err := client.Bulk.Ban(t.Context(), streamed(10_000), time.Hour, rcuser.BulkOptions{})
				causes := requireIncomplete(t, report, err)
				if tc.is != nil {
					require.ErrorIs(t, causes[0], tc.is, name)
				}
				require.LessOrEqual(t, service.calls, 12+tc.most, name)
				require.Zero(t, report.Done+report.Unknown, name)
				require.LessOrEqual(t, report.Total, 20*30, name)
				require.Less(t, time.Since(start), 13*time.Second, name)
			})
		}
	}
}

// TestBulkResultsEndWhatCannotSucceed does the same with calls for single users. The error that ended the work comes last.
func TestBulkResultsEndWhatCannotSucceed(t *testing.T) {
	t.Parallel()
	for code, most := range map[rcuser.ErrorCode]int{1002: 60, 1005: 60, 1001: 1, 1004: 1, 1006: 1, 1007: 1, 1009: 1, 1003: 3} {
		synctest.Test(t, func(t *testing.T) {
			client, service := newIDService(t, refuseAll(400, fmt.Sprintf(`{"code":%d}`, code)), defaultLimiter)
			service.latency = 100 * time.Millisecond
			results := slices.Collect(client.Bulk.Online(t.Context(), streamed(10_000), rcuser.BulkOptions{}))
			last := results[len(results)-1]
			var bulk *rcuser.BulkError
			require.ErrorAs(t, last.Err, &bulk, code)
			require.ErrorIs(t, bulk, code)
			require.Empty(t, last.UserID)
			require.Equal(t, "online", bulk.Work)
			require.Equal(t, []int{len(results) - 1, 0}, []int{bulk.Report.Total, bulk.Report.Done})
			requireSum(t, bulk.Report)
			require.LessOrEqual(t, service.calls, most+12, code)
		})
	}
}

// TestBulkEndsWithoutALimiter: at most the calls in flight are lost.
func TestBulkEndsWithoutALimiter(t *testing.T) {
	t.Parallel()
	for _, code := range []int{1002, 1004} {
		client, service := newIDService(t, refuseAll(400, fmt.Sprintf(`{"code":%d}`, code)))
		report, err := client.Bulk.Ban(t.Context(), streamed(100_000), time.Hour, rcuser.BulkOptions{})
		requireIncomplete(t, report, err)
		require.LessOrEqual(t, service.calls, mostCalls, code)
	}
}

// TestBulkEndsWithoutCredentials, after three calls that had none; nothing was sent.
func TestBulkEndsWithoutCredentials(t *testing.T) {
	t.Parallel()
	locked := errors.New("the vault is locked")
	asked := 0
	client, service := newIDService(t, nil, func(c *rcuser.Config) {
		c.AppKey, c.AppSecret = "", ""
		c.Credentials = func(context.Context) (rcuser.Credentials, error) { asked++; return rcuser.Credentials{}, locked }
		c.Limiter = nil
	})
	report, err := client.Bulk.Ban(t.Context(), streamed(10_000), time.Hour, rcuser.BulkOptions{})
	causes := requireIncomplete(t, report, err)
	require.ErrorIs(t, causes[0], locked)
	require.Equal(t, report.Total, report.NotStarted)
	require.LessOrEqual(t, asked, 6)
	require.Zero(t, service.calls)
}

// TestBulkGoesOnAfterAProxysRefusal that concerns one batch, however often it is sent: only that batch failed.
func TestBulkGoesOnAfterAProxysRefusal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newIDService(t, func(_ int, ids []string) (roundTripFunc, bool) {
			if strings.HasSuffix(ids[0], "00") { // every fifth batch
				return reply(403, html), false
			}
			return nil, true
		}, defaultLimiter)
		report, err := client.Bulk.Ban(t.Context(), streamed(1000), time.Hour, rcuser.BulkOptions{})
		causes := requireIncomplete(t, report, err)
		require.Equal(t, []int{1000, 820, 180}, []int{report.Total, report.Done, report.Failed})
		require.Len(t, causes, 1, "one of each kind")
	})
}

// TestBulkGoesOnAfterSlowRefusals: three batches that a proxy refuses last, one after the other, but RC answered others since
// they were sent.
func TestBulkGoesOnAfterSlowRefusals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newIDService(t, func(call int, _ []string) (roundTripFunc, bool) {
			if call <= 3 {
				return slowly(time.Second, reply(403, html)), false
			}
			return nil, true
		}, defaultLimiter, once)
		ids := func(yield func(string, error) bool) {
			for id, err := range streamed(400) {
				if id == "user200" {
					time.Sleep(5 * time.Second)
				}
				if !yield(id, err) {
					return
				}
			}
		}
		report, err := client.Bulk.Ban(t.Context(), ids, time.Hour, rcuser.BulkOptions{})
		requireIncomplete(t, report, err)
		require.Equal(t, []int{400, 340, 60}, []int{report.Total, report.Done, report.Failed})
	})
}

// TestBulkStopsAfterOneFailure: with 100 bad ids that costs a handful of calls.
func TestBulkStopsAfterOneFailure(t *testing.T) {
	t.Parallel()
	client, service := newIDService(t, refuseAll(400, `{"code":1002}`))
	var failed []string
	report, err := client.Bulk.Ban(t.Context(), streamed(100), time.Hour, rcuser.BulkOptions{StopAfter: 1, OnFailure: func(f rcuser.BulkFailure) {
		failed = append(failed, f.UserID)
	}})
	causes := requireIncomplete(t, report, err)
	require.ErrorIs(t, causes[0], rcuser.ErrStopped)
	require.LessOrEqual(t, service.calls, 10)
	require.Len(t, failed, report.Total, "each is told")
}

// TestBulkStopsDuringAnOutage: the pause ends at once.
func TestBulkStopsDuringAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newIDService(t, func(_ int, ids []string) (roundTripFunc, bool) {
			if ids[0] == "user0" {
				return func(req *http.Request) (*http.Response, error) {
					time.Sleep(time.Second)
					return reply(403, html)(req)
				}, false
			}
			return reply(503, html), false
		}, once)
		start := time.Now()
		report, err := client.Bulk.Ban(t.Context(), streamed(100), time.Hour, rcuser.BulkOptions{StopAfter: 20})
		requireIncomplete(t, report, err)
		require.ErrorIs(t, err, rcuser.ErrStopped)
		require.Less(t, time.Since(start), 3*time.Second)
	})
}

// TestBulkNeverSplitsWithoutAnAnswer of RC below 500.
func TestBulkNeverSplitsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for name, respond := range map[string]roundTripFunc{
		"503 and an unknown code": reply(503, `{"code":4711}`), "500 and 1002": reply(500, `{"code":1002}`),
		"broken": failWith(connReset()), "504": reply(504, html), "timeout": hang, "1050": reply(200, `{"code":1050}`),
	} {
		synctest.Test(t, func(t *testing.T) {
			client, service := newIDService(t, func(_ int, ids []string) (roundTripFunc, bool) {
				if len(ids) != 20 {
					t.Errorf("%s: a call for %d ids", name, len(ids))
				}
				return respond, true
			})
			report, err := client.Bulk.Ban(t.Context(), streamed(20), time.Hour, rcuser.BulkOptions{MaxOutage: -1})
			requireIncomplete(t, report, err)
			require.Equal(t, 20, report.Unknown, name)
			require.LessOrEqual(t, service.calls, 3, name)
		})
	}
}

// TestBulkSplitsWhatWaited: once any call has succeeded, the refusals before it are known to lie in ids.
func TestBulkSplitsWhatWaited(t *testing.T) {
	t.Parallel()
	for _, latency := range []time.Duration{0, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			client, service := newIDService(t, func(_ int, ids []string) (roundTripFunc, bool) {
				if slices.ContainsFunc(ids, func(id string) bool { return strings.HasSuffix(id, "7") }) {
					return reply(400, `{"code":1002}`), false
				}
				return nil, true
			}, defaultLimiter)
			service.latency = latency
			report, err := client.Bulk.Ban(t.Context(), streamed(2000), time.Hour, rcuser.BulkOptions{})
			requireIncomplete(t, report, err)
			require.Equal(t, []int{2000, 1800, 200}, []int{report.Total, report.Done, report.Failed})
			require.True(t, slices.IsSortedFunc(report.Failures, func(a, b rcuser.BulkFailure) int { return a.Position - b.Position }))
			for _, failure := range report.Failures {
				require.Equal(t, fmt.Sprintf("user%d", failure.Position), failure.UserID)
				require.Equal(t, rcuser.BulkFailed, failure.State)
			}
		})
	}
}

// TestBulkTriesThreeBatches: the first two are all bad ids, the third isn't.
func TestBulkTriesThreeBatches(t *testing.T) {
	t.Parallel()
	for bad, done := range map[int]int{40: 9960, 59: 9941, 60: 0} {
		synctest.Test(t, func(t *testing.T) {
			client, _ := newIDService(t, func(_ int, ids []string) (roundTripFunc, bool) {
				if slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(userIDs(bad), id) }) {
					return reply(400, `{"code":1002}`), false
				}
				return nil, true
			})
			report, err := client.Bulk.Ban(t.Context(), streamed(10_000), time.Hour, rcuser.BulkOptions{})
			requireIncomplete(t, report, err)
			require.GreaterOrEqual(t, report.Done, done, bad)
		})
	}
}

// TestBulkRemembersLostAnswers: the answer of a batch is lost, and what follows is refused.
func TestBulkRemembersLostAnswers(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]roundTripFunc{
		"1002": reply(400, `{"code":1002}`), "1004": reply(401, `{"code":1004}`), "403": reply(403, html), "no connection": failWith(refusedDial()),
	} {
		synctest.Test(t, func(t *testing.T) {
			client, service := newIDService(t, func(call int, _ []string) (roundTripFunc, bool) {
				if call == 1 {
					return failWith(connReset()), true
				}
				return second, false
			}, once)
			report, err := client.Bulk.Block(t.Context(), "owner", streamed(2), rcuser.BulkOptions{})
			requireIncomplete(t, report, err)
			require.Equal(t, 2, report.Unknown, name)
			require.NotZero(t, service.calls)
			for _, failure := range report.Failures {
				require.Equal(t, rcuser.BulkUnknown, failure.State, name)
				if rcErr, ok := errors.AsType[*rcuser.Error](failure.Err); ok {
					require.Equal(t, rcuser.Unknown, rcErr.Outcome, name)
				}
			}
		})
	}
}

// TestBulkLostAnswersThatALaterCallConfirms: the answer to a batch is lost. Of the calls that follow, RC refuses those with
// user7 and confirms the others, whose ids are done.
func TestBulkLostAnswersThatALaterCallConfirms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newIDService(t, func(call int, ids []string) (roundTripFunc, bool) {
			switch {
			case call == 1:
				return failWith(connReset()), true
			case slices.Contains(ids, "user7"):
				return reply(400, `{"code":1002}`), false
			}
			return nil, true
		}, once)
		report, err := client.Bulk.Ban(t.Context(), streamed(20), time.Hour, rcuser.BulkOptions{})
		requireIncomplete(t, report, err)
		require.Equal(t, []int{19, 1}, []int{report.Done, report.Unknown})
		require.Equal(t, "user7", report.Failures[0].UserID)
	})
}

// TestBulkWaitsForTheFirstSuccess: the first call succeeds, but only after many others were refused.
func TestBulkWaitsForTheFirstSuccess(t *testing.T) {
	t.Parallel()
	slowFirst := func(_ int, ids []string) (roundTripFunc, bool) {
		if !slices.Contains(ids, "user0") {
			return reply(400, `{"code":1002}`), false
		}
		return func(req *http.Request) (*http.Response, error) {
			time.Sleep(3 * time.Second)
			return reply(200, `{"code":200,"status":"1"}`)(req)
		}, true
	}
	synctest.Test(t, func(t *testing.T) {
		client, _ := newIDService(t, slowFirst, defaultLimiter)
		report, err := client.Bulk.Ban(t.Context(), streamed(400), time.Hour, rcuser.BulkOptions{})
		requireIncomplete(t, report, err)
		require.Equal(t, []int{400, 20, 380}, []int{report.Total, report.Done, report.Failed})
		done, failed := 0, 0
		for result := range client.Bulk.Online(t.Context(), streamed(400), rcuser.BulkOptions{}) {
			if result.Err == nil {
				done++
			} else {
				failed++
			}
		}
		require.Equal(t, []int{1, 399}, []int{done, failed})
	})
}

// TestBulkEndsWithABadCertificate at once: it is no outage that would end by itself.
func TestBulkEndsWithABadCertificate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, service := newIDService(t, func(int, []string) (roundTripFunc, bool) {
			return failWith(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), false
		}, defaultLimiter)
		start := time.Now()
		report, err := client.Bulk.Ban(t.Context(), streamed(10_000), time.Hour, rcuser.BulkOptions{})
		require.ErrorAs(t, requireIncomplete(t, report, err)[0], new(x509.UnknownAuthorityError))
		require.LessOrEqual(t, service.calls, 12)
		require.Less(t, time.Since(start), time.Second)
	})
}
