package rcuser_test

import (
	"math"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

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
