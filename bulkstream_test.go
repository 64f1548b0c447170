package rcuser_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

var errScan = errors.New("scan failed")

// failingStream yields n ids and then errScan, with an id that doesn't count.
func failingStream(n int) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, id := range userIDs(n) {
			if !yield(id, nil) {
				return
			}
		}
		if yield("half an id", errScan) {
			panic("no id is read after an error")
		}
	}
}

// TestBulkTellsTheStreamsError: what was read before it is sent.
func TestBulkTellsTheStreamsError(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 2, 20, 41} {
		client, service := newIDService(t, nil)
		report, err := client.Bulk.Ban(t.Context(), failingStream(n), time.Hour, rcuser.BulkOptions{})
		causes := requireIncomplete(t, report, err)
		require.ErrorIs(t, causes[0], errScan)
		require.Equal(t, rcuser.BulkReport{Total: n, Done: n}, report)
		require.Len(t, service.confirmed, n)
		require.ErrorContains(t, err, "rcuser: ban 1h0m0s: ")
	}
}

// TestBulkResultsTellTheStreamsError, last.
func TestBulkResultsTellTheStreamsError(t *testing.T) {
	t.Parallel()
	client, _ := newIDService(t, nil)
	for _, n := range []int{0, 3} {
		results := slices.Collect(client.Bulk.Register(t.Context(), registrations(failingStream(n)), rcuser.BulkOptions{}))
		require.Len(t, results, n+1)
		var bulk *rcuser.BulkError
		require.ErrorAs(t, results[n].Err, &bulk)
		require.ErrorIs(t, bulk, errScan)
		require.Empty(t, results[n].UserID)
		require.Equal(t, rcuser.BulkReport{Total: n, Done: n}, bulk.Report)
	}
}

// TestBulkTellsWhatEndedTheStream: it ends by itself because the context ended, as that of a query does.
func TestBulkTellsWhatEndedTheStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, service := newIDService(t, nil)
		cause := errors.New("shutdown")
		ctx, cancel := context.WithCancelCause(t.Context())
		ids := func(yield func(string, error) bool) {
			for _, id := range userIDs(20) {
				yield(id, nil)
			}
			synctest.Wait() // until they are sent
			cancel(cause)
		}
		report, err := client.Bulk.Ban(ctx, ids, time.Hour, rcuser.BulkOptions{})
		requireIncomplete(t, report, err)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		require.Equal(t, rcuser.BulkReport{Total: 20, Done: 20}, report)
		require.Len(t, service.confirmed, 20)

		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		late := func(yield func(string, error) bool) {
			yield("user1", nil)
			<-ctx.Done()
		}
		results := slices.Collect(client.Bulk.Online(ctx, late, rcuser.BulkOptions{}))
		require.ErrorIs(t, results[len(results)-1].Err, context.DeadlineExceeded)
	})
}

// TestBulkNoticesACancelWhenTheStreamYields: the calls in flight are cancelled before.
func TestBulkNoticesACancelWhenTheStreamYields(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newIDService(t, func(int, []string) (roundTripFunc, bool) { return hang, true }, func(c *rcuser.Config) { c.AttemptTimeout = time.Hour })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		taken := 0
		start := time.Now()
		report, err := client.Bulk.Ban(ctx, func(yield func(string, error) bool) {
			for _, id := range userIDs(100) {
				if taken++; taken == 30 {
					time.Sleep(time.Minute)
				}
				if !yield(id, nil) {
					return
				}
			}
		}, time.Hour, rcuser.BulkOptions{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Minute, time.Since(start))
		require.Equal(t, []int{30, 20, 10}, []int{report.Total, report.Unknown, report.NotStarted})
	})
}

// TestBulkStreamEndsItsGoroutine, as t.FailNow does: the calls in flight have ended then.
func TestBulkStreamEndsItsGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, service := newIDService(t, nil)
		service.latency = time.Second
		ended := make(chan time.Time)
		start := time.Now()
		go func() {
			defer func() { ended <- time.Now() }()
			_, _ = client.Bulk.Unban(t.Context(), func(yield func(string, error) bool) {
				for _, id := range userIDs(100) {
					yield(id, nil)
				}
				runtime.Goexit()
			}, rcuser.BulkOptions{})
			t.Error("it returned")
		}()
		require.Equal(t, time.Second, (<-ended).Sub(start))
		require.Equal(t, 5, service.calls)
	})
}

// TestStream: a sequence that can't fail.
func TestStream(t *testing.T) {
	t.Parallel()
	require.Nil(t, rcuser.Stream[string](nil))
	var got []string
	for id, err := range rcuser.Stream(slices.Values([]string{"a", "b", "c"})) {
		require.NoError(t, err)
		if got = append(got, id); id == "b" {
			break
		}
	}
	require.Equal(t, []string{"a", "b"}, got)
}
