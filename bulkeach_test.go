package rcuser_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// TestBulkResults ends a range in each way: complete, left early, by a panic, by a deadline, by StopAfter.
func TestBulkResults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, service, server := newLimited(t, slidingWindow(), 50*time.Millisecond)
		all := client.Bulk.Online(t.Context(), streamed(150), rcuser.BulkOptions{})
		for range 2 { // each range starts again
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
				panic("in the range; the synctest bubble would not end if a goroutine stayed")
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

// TestBulkResultsLeftEarly cancels the calls in flight at once.
func TestBulkResultsLeftEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newIDService(t, func(call int, _ []string) (roundTripFunc, bool) {
			if call < 100 {
				return hang, true
			}
			return nil, true
		}, func(c *rcuser.Config) { c.AttemptTimeout = time.Hour })
		start := time.Now()
		for result := range client.Bulk.Register(t.Context(), registrations(streamed(1000)), rcuser.BulkOptions{}) {
			require.NoError(t, result.Err)
			break
		}
		require.Zero(t, time.Since(start))
	})
}
