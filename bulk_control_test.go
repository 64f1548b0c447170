package rcuser_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// TestBulkIsCancelled in the middle: every id that was taken has an outcome, and no more are taken.
func TestBulkIsCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, service, _ := newLimited(t, slidingWindow(), 300*time.Millisecond)
		taken := 0
		ids := func(yield func(string) bool) {
			for id := range streamed(1_000_000) {
				if taken++; !yield(id) {
					return
				}
			}
		}
		cause := errors.New("lunch")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(2*time.Second, func() { cancel(cause) })
		start := time.Now()
		report, err := client.Bulk.Ban(ctx, ids, time.Hour, rcuser.BulkOptions{})
		require.Equal(t, 2*time.Second, time.Since(start), "at once")
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		requireSum(t, report)
		require.Equal(t, taken, report.Total)
		require.NotEmpty(t, report.Unknown, "those in flight")
		require.NotEmpty(t, report.NotStarted)
		require.InDelta(t, 98*2*20, report.Total, 100)
		require.LessOrEqual(t, int64(report.Done), service.accepted.Load()*20)
	})
}

// TestBulkWithAnEndedContext takes nothing, or one batch, and sends nothing.
func TestBulkWithAnEndedContext(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	report, err := client.Bulk.Ban(ctx, streamed(1000), time.Hour, rcuser.BulkOptions{})
	require.ErrorIs(t, err, context.Canceled)
	requireSum(t, report)
	require.Len(t, report.NotStarted, report.Total)
	require.LessOrEqual(t, report.Total, 20)
	require.Empty(t, server.Requests())
}

// TestBulkThatIsDoneHasNoError, even if its context ends with its last call.
func TestBulkThatIsDoneHasNoError(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	ctx, cancel := context.WithCancel(t.Context())
	report, err := client.Bulk.Unban(ctx, streamed(50), rcuser.BulkOptions{Progress: func(p rcuser.BulkProgress) {
		if p.Done == 50 {
			cancel()
		}
	}})
	cancel()
	require.NoError(t, err)
	require.Equal(t, rcuser.BulkReport{Total: 50, Done: 50}, report)
	require.Len(t, server.Requests(), 3)
}

// TestBulkStopsAfterFailures lets what is in flight end.
func TestBulkStopsAfterFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, service, server := newLimited(t, slidingWindow(), 100*time.Millisecond)
		server.Inject(rctest.Fault{Code: 1009, Times: rctest.Always})
		report, err := client.Bulk.Ban(t.Context(), streamed(40_000), time.Hour, rcuser.BulkOptions{StopAfter: 30})
		require.ErrorIs(t, err, rcuser.ErrNotEnabled)
		require.ErrorContains(t, err, "StopAfter")
		requireSum(t, report)
		require.GreaterOrEqual(t, len(report.Failed), 30)
		require.Less(t, service.accepted.Load(), int64(20))
		require.Less(t, report.Total, 500)
	})
}

// TestBulkStopsWhenNobodyIsReached, as going through the whole stream wouldn't help.
func TestBulkStopsWhenNobodyIsReached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _, server := newLimited(t, slidingWindow(), 0)
		server.Inject(rctest.Fault{Kind: rctest.RefuseConnection, Times: rctest.Always})
		report, err := client.Bulk.Ban(t.Context(), streamed(40_000), time.Hour, rcuser.BulkOptions{StopAfter: 5})
		require.ErrorContains(t, err, "StopAfter")
		requireSum(t, report)
		require.Len(t, report.NotStarted, report.Total, "nothing was sent")
		require.Less(t, report.Total, 1000)
	})
}

// TestBulkSplitsWithinReason: a refusal that is about the app isn't an id's fault.
func TestBulkSplitsWithinReason(t *testing.T) {
	t.Parallel()
	for code, requests := range map[int]int{1002: 39, 1005: 39, 4711: 39, 1001: 1, 1004: 1, 1006: 1, 1007: 1, 1009: 1} {
		client, server := newBulk(t)
		server.Inject(rctest.Fault{Code: code, Times: rctest.Always})
		report, err := client.Bulk.Ban(t.Context(), streamed(20), time.Hour, rcuser.BulkOptions{})
		require.ErrorIs(t, err, rcuser.ErrorCode(code))
		require.Len(t, report.Failed, 20)
		require.Len(t, server.Requests(), requests, code)
	}
}

// TestBulkShowsItsProgress a few times a second, and at the end.
func TestBulkShowsItsProgress(t *testing.T) {
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

// TestBulkResults has each end of a range: complete, left early, cancelled, stopped.
func TestBulkResults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, service, server := newLimited(t, slidingWindow(), 50*time.Millisecond)
		all := client.Bulk.Online(t.Context(), streamed(150), rcuser.BulkOptions{})
		for range 2 { // anew each time
			seen := map[string]bool{}
			for result := range all {
				require.NoError(t, result.Err)
				seen[result.UserID] = true
			}
			require.Len(t, seen, 150)
		}
		before := service.accepted.Load()
		for range all {
			break
		}
		require.Less(t, service.accepted.Load()-before, int64(20))
		require.Panics(t, func() {
			for range all {
				panic("in the range; no goroutine may stay, or the bubble would not end")
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		results := slices.Collect(client.Bulk.Online(ctx, streamed(1000), rcuser.BulkOptions{}))
		require.InDelta(t, 98, len(results), 10)
		require.ErrorIs(t, results[len(results)-1].Err, context.DeadlineExceeded)
		server.Inject(rctest.Fault{Code: 1009, Times: rctest.Always})
		stopped := slices.Collect(client.Bulk.Online(t.Context(), streamed(1000), rcuser.BulkOptions{StopAfter: 5}))
		require.Less(t, len(stopped), 20)
		require.GreaterOrEqual(t, len(stopped), 5)
	})
}

// TestBulkResultsAreCounted as they come.
func TestBulkResultsAreCounted(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	server.Inject(rctest.Fault{Code: 1009, Every: 3, Times: rctest.Always})
	var last rcuser.BulkProgress
	failed := 0
	opts := rcuser.BulkOptions{Progress: func(p rcuser.BulkProgress) { last = p }}
	for result := range client.Bulk.Online(t.Context(), streamed(60), opts) {
		if result.Err != nil {
			require.ErrorIs(t, result.Err, rcuser.ErrNotEnabled)
			failed++
		}
	}
	require.Equal(t, 20, failed)
	require.Equal(t, []int{40, 20}, []int{last.Done, last.Failed})
	server.ClearFaults()
	server.Inject(rctest.Fault{Code: 1009, Every: 2, Times: rctest.Always})
	report, err := client.Bulk.Unban(t.Context(), streamed(80), opts)
	require.ErrorIs(t, err, rcuser.ErrNotEnabled)
	require.Len(t, report.Failed, 40)
	require.Equal(t, []int{40, 40}, []int{last.Done, last.Failed})
}

// TestBulkRefusesBadArguments before it takes an id.
func TestBulkRefusesBadArguments(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	untouched := iter.Seq[string](func(func(string) bool) { t.Error("an id was taken") })
	for name, call := range map[string]func() error{
		"duration": func() error {
			_, err := client.Bulk.Ban(t.Context(), untouched, 90*time.Second, rcuser.BulkOptions{})
			return err
		},
		"before": func() error {
			_, err := client.Bulk.ExpireTokens(t.Context(), untouched, time.Time{}, rcuser.BulkOptions{})
			return err
		},
		"ownerID": func() error {
			_, err := client.Bulk.Block(t.Context(), "", untouched, rcuser.BulkOptions{})
			return err
		},
		"ids": func() error { _, err := client.Bulk.Unban(t.Context(), nil, rcuser.BulkOptions{}); return err },
		"BulkOptions.StopAfter": func() error {
			_, err := client.Bulk.Unban(t.Context(), untouched, rcuser.BulkOptions{StopAfter: -1})
			return err
		},
		"BulkOptions.Expected": func() error {
			_, err := client.Bulk.Unban(t.Context(), untouched, rcuser.BulkOptions{Expected: -1})
			return err
		},
		"Client": func() error {
			_, err := (&rcuser.Client{}).Bulk.Unban(t.Context(), untouched, rcuser.BulkOptions{})
			return err
		},
		"ctx": func() error {
			_, err := client.Bulk.Unban(nil, untouched, rcuser.BulkOptions{}) //nolint:staticcheck // that is the mistake
			return err
		},
	} {
		argument, ok := errors.AsType[*rcuser.ArgumentError](call())
		require.True(t, ok, name)
		require.Equal(t, name, argument.Name)
	}
	require.Empty(t, server.Requests())
}

func ExampleBulkService_Ban() {
	client, rc := connect()
	defer rc.Close()

	ids := func(yield func(string) bool) {
		for i := range 1000 {
			if !yield(fmt.Sprintf("user%d", i)) {
				return
			}
		}
	}
	report, err := client.Bulk.Ban(context.Background(), ids, 24*time.Hour, rcuser.BulkOptions{})
	fmt.Println(report.Done, "of", report.Total, "in", len(rc.Requests()), "calls:", err)
	// Output: 1000 of 1000 in 50 calls: <nil>
}

func ExampleBulkService_Online() {
	client, rc := connect()
	defer rc.Close()

	rc.SetOnline("bob", true)
	for result := range client.Bulk.Online(context.Background(), slices.Values([]string{"alice", "bob"}), rcuser.BulkOptions{}) {
		if result.Err == nil && result.Value {
			fmt.Println(result.UserID, "is online")
		}
	}
	// Output: bob is online
}
