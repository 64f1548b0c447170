package rcuser_test

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// TestBulkKeepsFailures: as many as KeepFailures says, in the stream's order; OnFailure gets all.
func TestBulkKeepsFailures(t *testing.T) {
	t.Parallel()
	for keep, kept := range map[int]int{0: 10_000, -1: 0, 7: 7, 1 << 20: 12_000} {
		client, service := newIDService(t, nil)
		told := 0
		ids := slices.Concat(make([]string, 12_000), userIDs(20))
		report, err := client.Bulk.Ban(t.Context(), streamOf(ids...), time.Hour, rcuser.BulkOptions{
			KeepFailures: keep, OnFailure: func(rcuser.BulkFailure) { told++ },
		})
		causes := requireIncomplete(t, report, err)
		require.Equal(t, []int{12_020, 20, 12_000}, []int{report.Total, report.Done, report.Failed})
		require.Equal(t, 12_000, told)
		require.Len(t, report.Failures, kept)
		for i, failure := range report.Failures {
			require.Equal(t, i, failure.Position)
		}
		require.Len(t, causes, 1)
		require.Equal(t, 1, service.calls)
	}
}

// TestBulkCausesAreDistinct: what ended the work, and then one error of each kind, at most 16 in all.
func TestBulkCausesAreDistinct(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newIDService(t, func(call int, _ []string) (roundTripFunc, bool) {
			if call > 1 {
				return reply(400, fmt.Sprintf(`{"code":%d}`, 3000+call%20)), false
			}
			return nil, true
		}, defaultLimiter)
		results := slices.Collect(client.Bulk.Register(t.Context(), registrations(streamed(1000)), rcuser.BulkOptions{StopAfter: 290}))
		bulk, ok := errors.AsType[*rcuser.BulkError](results[len(results)-1].Err)
		require.True(t, ok)
		require.Len(t, bulk.Causes, 16)
		require.Equal(t, rcuser.ErrStopped, bulk.Causes[0])
		require.ErrorIs(t, bulk, rcuser.ErrorCode(3002))
		require.Equal(t, 1, bulk.Report.Done)
		require.GreaterOrEqual(t, bulk.Report.Failed, 290)
		require.LessOrEqual(t, bulk.Report.Failed, 292, "a call or two may be in flight")
		require.Regexp(t, "^rcuser: register: 1 of [0-9]+ ids done, 29[0-2] failed, 0 unknown, [0-9]+ not started: "+
			"stopped after BulkOptions.StopAfter failures$", bulk.Error())
	})
}

// TestBulkMemoryWithFailures: 60,000 ids of which all fail, a third of them by calls. BenchmarkBulkFailures does it with
// more; the memory is the same.
func TestBulkMemoryWithFailures(t *testing.T) { require.Less(t, failMany(t, 60_000), 32.0) }

// BenchmarkBulkFailures lets b.N ids fail and reports the largest live heap seen. 10,000,000 of them:
//
//	go test -run '^$' -bench BulkFailures -benchtime 10000000x
func BenchmarkBulkFailures(b *testing.B) { b.ReportMetric(failMany(b, b.N), "MiB-live") }

// failMany lets n ids fail, a third of them before they are sent, and returns the largest live heap in MiB. The first
// batch succeeds, so that the work goes on.
func failMany(t testing.TB, n int) float64 {
	var largest uint64
	calls := 0
	client, service := newIDService(t, func(int, []string) (roundTripFunc, bool) {
		if calls++; calls == 1 {
			return nil, false
		}
		return reply(400, `{"code":1002,"errorMessage":"`+strings.Repeat("x", 900)+`"}`), false
	})
	ids := func(yield func(string, error) bool) {
		for i := range n {
			id := fmt.Sprintf("user%d", i)
			if i > 20 && i%3 != 0 {
				id += "\n"
			}
			if i%20_000 == 19_999 {
				service.mu.Lock()
				service.at = nil
				service.mu.Unlock()
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				largest = max(largest, m.HeapAlloc)
			}
			if !yield(id, nil) {
				return
			}
		}
	}
	report, err := client.Bulk.Ban(t.Context(), ids, time.Hour, rcuser.BulkOptions{})
	require.Equal(t, report.Done == n, err == nil)
	require.Equal(t, n, report.Total)
	require.Equal(t, n, report.Done+report.Failed)
	return float64(largest) / (1 << 20)
}

// TestBulkMemoryWithLongErrors: 300 ids whose refusals have texts of 100 KB, and 300 owners of whom each has 3000 ids that are
// refused or not sent.
func TestBulkMemoryWithLongErrors(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	var calls atomic.Int32
	client, _ := newClient(t, func(req *http.Request) (*http.Response, error) {
		switch call := calls.Add(1); {
		case call == 1:
			return reply(200, success)(req)
		case strings.HasSuffix(req.URL.Path, "/query.json"):
			return reply(200, `{"code":200,"users":[]}`)(req)
		case strings.HasPrefix(req.URL.Path, "/user/whitelist"):
			return reply(400, `{"code":20005}`)(req)
		}
		return reply(400, `{"code":20005,"errorMessage":"`+long+`"}`)(req)
	}, func(c *rcuser.Config) {
		c.HTTPClient = &http.Client{Transport: c.HTTPClient.Transport.(*wiretap).respond}
	})
	report, err := client.Bulk.Unban(t.Context(), streamed(320), rcuser.BulkOptions{})
	require.Error(t, err)
	require.Len(t, report.Failures, 300)
	require.Less(t, liveMemory(), 16.0)
	calls.Store(0)
	lists := func(yield func(rcuser.OwnedList, error) bool) {
		_ = yield(rcuser.OwnedList{OwnerID: "first"}, nil)
		for list, err := range ownedLists(300, userIDs(3000)...) {
			_ = yield(list, err)
		}
	}
	results := 0
	for result := range client.Bulk.ReplaceAllowlists(t.Context(), lists, rcuser.BulkOptions{}) {
		if bulk, ok := errors.AsType[*rcuser.BulkError](result.Err); ok {
			require.Len(t, bulk.Report.Failures, 3000)
		}
		if results++; results == 301 {
			require.Less(t, liveMemory(), 16.0)
		}
	}
	require.Equal(t, 301, results)
}

// liveMemory returns the live heap in MiB.
func liveMemory() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// TestBulkProgress: Progress is called 4 times a second, and at the end.
func TestBulkProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _, _ := newLimited(t, slidingWindow(), 5*time.Millisecond)
		var shown []rcuser.BulkProgress
		start := time.Now()
		_, err := client.Bulk.Ban(t.Context(), streamed(9800), time.Hour, rcuser.BulkOptions{
			Expected: 9800, Progress: func(p rcuser.BulkProgress) { shown = append(shown, p) },
		})
		took := time.Since(start)
		require.NoError(t, err)
		require.InDelta(t, 4*took.Seconds(), len(shown), 3)
		require.Equal(t, 9800, shown[len(shown)-1].Done)
		require.Zero(t, shown[len(shown)-1].Left)
		middle := shown[len(shown)/2]
		require.InDelta(t, 98*20, middle.Rate, 60)
		require.InDelta(t, (took / 2).Seconds(), middle.Left.Seconds(), 0.5)
	})
}

// TestBulkProgressCountsFailures, of results and of ids.
func TestBulkProgressCountsFailures(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	server.Inject(rctest.Fault{Code: 1002, Every: 3, Times: rctest.Always})
	var last rcuser.BulkProgress
	failed := 0
	opts := rcuser.BulkOptions{Progress: func(p rcuser.BulkProgress) { last = p }}
	for result := range client.Bulk.Online(t.Context(), streamed(60), opts) {
		if result.Err != nil {
			require.ErrorIs(t, result.Err, rcuser.ErrParameter)
			failed++
		}
	}
	require.Equal(t, 20, failed)
	require.Equal(t, []int{40, 20}, []int{last.Done, last.Failed})
	server.ClearFaults()
	server.Inject(rctest.Fault{Code: 1009, Every: 3})
	report, err := client.Bulk.Unban(t.Context(), streamed(60), opts)
	require.ErrorIs(t, err, rcuser.ErrNotEnabled)
	require.Equal(t, 20, report.Failed)
	require.Equal(t, []int{40, 20}, []int{last.Done, last.Failed})
}

// TestBulkProgressWhileResuming: it is called 4 times a second from the first id on, and the time left is never negative.
func TestBulkProgressWhileResuming(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal")
		client, _ := newIDService(t, nil)
		_, err := banWithJournal(t, client, path, userIDs(200))
		require.NoError(t, err)
		journal := openJournal(t, path)
		var done []int
		ids := func(yield func(string, error) bool) {
			for _, id := range userIDs(201) {
				time.Sleep(50 * time.Millisecond)
				if !yield(id, nil) {
					return
				}
			}
		}
		_, err = client.Bulk.Ban(t.Context(), ids, time.Hour, rcuser.BulkOptions{
			Journal: journal, Expected: math.MaxInt, Progress: func(p rcuser.BulkProgress) {
				done = append(done, p.Done)
				require.GreaterOrEqual(t, p.Left, time.Duration(0))
			},
		})
		require.NoError(t, err)
		require.NoError(t, journal.Close())
		require.Len(t, done, 11, "once for each recorded run of 20, after 1 s each, and at the end")
		require.Equal(t, []int{20, 40, 201}, []int{done[0], done[1], done[10]})
	})
}
