package rcuser_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/f0207b22/rcuser"
)

// banWithJournal bans ids with the journal of a path.
func banWithJournal(t require.TestingT, client *rcuser.Client, path string, ids []string) (rcuser.BulkReport, error) {
	journal := openJournal(t, path)
	defer func() { require.NoError(t, journal.Close()) }()
	return client.Bulk.Ban(context.Background(), streamOf(ids...), time.Hour, rcuser.BulkOptions{Journal: journal})
}

// TestBulkResumesAnotherStream: no id of a changed stream counts as done that wasn't confirmed.
func TestBulkResumesAnotherStream(t *testing.T) {
	t.Parallel()
	ids := userIDs(60)
	for name, tc := range map[string]struct {
		ids  []string
		sent []string // at least; and of the old ones at most one batch
	}{
		"one deleted, one inserted": {slices.Insert(slices.Delete(slices.Clone(ids), 29, 30), 40, "new"), []string{"new"}},
		"one in front":              {append([]string{"new"}, ids...), []string{"new"}},
		"one at the end":            {append(slices.Clone(ids), "new"), []string{"new"}},
		"one less":                  {slices.Delete(slices.Clone(ids), 25, 26), nil},
		"batches in another order":  {slices.Concat(ids[40:], ids[:20], ids[20:40]), nil},
		"again":                     {slices.Concat(ids, ids), nil},
	} {
		path := filepath.Join(t.TempDir(), "journal")
		client, service := newIDService(t, nil)
		_, err := banWithJournal(t, client, path, ids)
		require.NoError(t, err)
		later, again := newIDService(t, nil)
		report, err := banWithJournal(t, later, path, tc.ids)
		require.NoError(t, err, name)
		require.Equal(t, []int{len(tc.ids), len(tc.ids)}, []int{report.Total, report.Done}, name)
		for _, id := range tc.sent {
			require.Contains(t, again.confirmed, id, name)
		}
		require.LessOrEqual(t, len(again.confirmed), 40+len(tc.sent), name)
		require.Equal(t, len(tc.ids)-report.Resumed, len(again.confirmed), name)
		require.Len(t, service.confirmed, 60)
	}
}

// TestBulkResumesCompleteWork: nothing is sent, and the report says so.
func TestBulkResumesCompleteWork(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	client, service := newIDService(t, nil)
	for _, resumed := range []int{0, 110} {
		report, err := banWithJournal(t, client, path, userIDs(110))
		require.NoError(t, err)
		require.Equal(t, rcuser.BulkReport{Total: 110, Done: 110, Resumed: resumed}, report)
	}
	require.Equal(t, 6, service.calls)
}

// TestBulkResumesAnyStream changes streams at random between two runs of which the first is incomplete.
func TestBulkResumesAnyStream(t *testing.T) {
	t.Parallel()
	dir, run := t.TempDir(), 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		path := filepath.Join(dir, fmt.Sprint(run))
		id := rapid.SampledFrom(append(userIDs(50), "", "a\nb"))
		ids := rapid.SliceOfN(id, 0, 120).Draw(r, "ids")
		bad := rapid.SampledFrom(userIDs(50)).Draw(r, "refused")
		refuse := func(_ int, ids []string) (roundTripFunc, bool) {
			if slices.Contains(ids, bad) {
				return reply(400, `{"code":1002}`), false
			}
			return nil, true
		}
		client, before := newIDService(t, refuse)
		report, _ := banWithJournal(r, client, path, ids)
		requireSum(r, report)
		for range rapid.IntRange(0, 6).Draw(r, "changes") {
			at := rapid.IntRange(0, len(ids)).Draw(r, "at")
			if rapid.Bool().Draw(r, "insert") {
				ids = slices.Insert(ids, at, id.Draw(r, "id"))
			} else if at < len(ids) {
				ids = slices.Delete(ids, at, at+1)
			}
		}
		client, after := newIDService(t, refuse)
		report, err := banWithJournal(r, client, path, ids)
		requireSum(r, report)
		require.Equal(r, len(ids), report.Total)
		failed := map[int]bool{}
		for _, failure := range report.Failures {
			failed[failure.Position] = true
		}
		for position, id := range ids {
			if !failed[position] {
				require.True(r, before.confirmed[id] || after.confirmed[id], "%q at %d is done", id, position)
			}
		}
		require.Equal(r, report.Done == report.Total, err == nil)
	})
}

// countingJournal counts the ids that it is asked to record at once.
type countingJournal struct {
	failingJournal
	longest, ids int
}

func (j *countingJournal) Recorded(string) int { return 1 << 30 } // as a broken one may say
func (j *countingJournal) Record(ids []string) error {
	j.longest, j.ids = max(j.longest, len(ids)), j.ids+len(ids)
	return nil
}

// TestBulkRecordsAtMostABatch at once, also of an id that is given again and again, and isn't misled by a journal that
// says that it has more.
func TestBulkRecordsAtMostABatch(t *testing.T) {
	t.Parallel()
	client, service := newIDService(t, nil)
	journal := new(countingJournal)
	ids := func(yield func(string, error) bool) {
		for i := range 10_000 {
			if !yield(fmt.Sprintf("user%d", i/5000), nil) {
				return
			}
		}
		for service.count() == 0 { // nothing is held back until the stream ends
			runtime.Gosched()
		}
	}
	report, err := client.Bulk.Ban(t.Context(), ids, time.Hour, rcuser.BulkOptions{Journal: journal})
	require.NoError(t, err)
	require.Equal(t, rcuser.BulkReport{Total: 10_000, Done: 10_000}, report)
	require.Equal(t, []int{20, 10_000}, []int{journal.longest, journal.ids})
	require.Equal(t, 10, service.calls, "a call for every 1000 repeats")
}
