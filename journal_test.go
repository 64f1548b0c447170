package rcuser_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

func openJournal(t require.TestingT, path string) *rcuser.FileJournal {
	journal, err := rcuser.OpenJournal(path)
	require.NoError(t, err)
	return journal
}

// positionIDs returns the positions from first to last as ids.
func positionIDs(first, last int) (ids []string) {
	for i := first; i <= last; i++ {
		ids = append(ids, fmt.Sprint(i))
	}
	return ids
}

func isDone(t *testing.T, journal *rcuser.FileJournal, position int) bool {
	t.Helper()
	done, err := journal.Done(position, fmt.Sprint(position))
	require.NoError(t, err)
	return done
}

// TestBulkNoticesOtherIDs: if the journal has other ids, nothing is sent.
func TestBulkNoticesOtherIDs(t *testing.T) {
	t.Parallel()
	ids := slices.Collect(streamed(100))
	for name, others := range map[string][]string{
		"one more": append([]string{"new"}, ids...), "one less": ids[1:],
		"one less in the middle": append(slices.Clone(ids[:50]), ids[51:]...), "reversed": reversed(ids),
	} {
		client, server := newBulk(t)
		journal := openJournal(t, filepath.Join(t.TempDir(), "journal"))
		_, err := client.Bulk.Unban(t.Context(), slices.Values(ids), rcuser.BulkOptions{Journal: journal})
		require.NoError(t, err)
		sent := len(server.Requests())
		report, err := client.Bulk.Unban(t.Context(), slices.Values(append(others, "more")), rcuser.BulkOptions{Journal: journal})
		require.ErrorContains(t, err, "the ids or their order have changed", name)
		requireSum(t, report)
		require.Len(t, server.Requests(), sent, name)
		require.NoError(t, journal.Close())
	}
}

func reversed(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Reverse(ids)
	return ids
}

// TestJournalIsPersistent opens it several times, and compares it with a set.
func TestJournalIsPersistent(t *testing.T) {
	t.Parallel()
	dir, run := t.TempDir(), 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		path := filepath.Join(dir, fmt.Sprint(run))
		done := map[int]bool{}
		for range rapid.IntRange(1, 4).Draw(r, "sessions") {
			journal := openJournal(r, path)
			require.NoError(r, journal.Begin("work"))
			for range rapid.IntRange(0, 12).Draw(r, "records") {
				first := rapid.IntRange(0, 60).Draw(r, "first")
				last := first + rapid.IntRange(0, 9).Draw(r, "more")
				require.NoError(r, journal.Record(first, positionIDs(first, last)))
				for i := first; i <= last; i++ {
					done[i] = true
				}
			}
			for i := range 75 {
				got, err := journal.Done(i, fmt.Sprint(i))
				require.NoError(r, err)
				require.Equal(r, done[i], got, i)
			}
			require.NoError(r, journal.Close())
		}
	})
}

// TestJournalCutShort truncates a journal at every byte, as a crash while writing does.
func TestJournalCutShort(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	journal := openJournal(t, path)
	require.NoError(t, journal.Begin(`ban "x" 1h`))
	require.NoError(t, journal.Record(0, positionIDs(0, 9)))
	require.NoError(t, journal.Record(20, positionIDs(20, 29)))
	require.NoError(t, journal.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for size := range len(whole) + 1 {
		require.NoError(t, os.WriteFile(path, whole[:size], 0o600))
		journal := openJournal(t, path)
		lines := strings.Count(string(whole[:size]), "\n")
		require.Equal(t, lines >= 2, isDone(t, journal, 9), size)
		require.Equal(t, lines >= 3, isDone(t, journal, 20), size)
		require.NoError(t, journal.Begin(`ban "x" 1h`))
		require.NoError(t, journal.Record(50, positionIDs(50, 50)))
		require.NoError(t, journal.Close())
		journal = openJournal(t, path)
		require.Equal(t, lines >= 2, isDone(t, journal, 0), size)
		require.True(t, isDone(t, journal, 50), size)
		require.Error(t, journal.Begin("unban"), "the journal is of other work")
		require.NoError(t, journal.Close())
	}
}

// TestJournalRefusesOtherFiles: they stay unchanged.
func TestJournalRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ids.txt")
	for _, content := range []string{"user1\nuser2\n", "user1", "done 0 9 00000000\n", "\n"} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := rcuser.OpenJournal(path)
		require.ErrorContains(t, err, "line 1 is not a journal entry", content)
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, content, string(kept))
	}
	_, err := rcuser.OpenJournal(filepath.Join(path, "none"))
	require.Error(t, err)
}

// failingJournal fails after a number of records.
type failingJournal struct{ left int }

var errDisk = errors.New("disk full")

func (*failingJournal) Begin(string) error             { return nil }
func (*failingJournal) Done(int, string) (bool, error) { return false, nil }
func (j *failingJournal) Record(int, []string) error {
	if j.left--; j.left < 0 {
		return errDisk
	}
	return nil
}

// TestBulkEndsWhenItsJournalFails, as what is done from then on couldn't be recorded.
func TestBulkEndsWhenItsJournalFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, service, _ := newLimited(t, slidingWindow(), 0)
		report, err := client.Bulk.Unban(t.Context(), streamed(4000), rcuser.BulkOptions{Journal: &failingJournal{left: 3}})
		require.ErrorIs(t, err, errDisk)
		requireSum(t, report)
		require.Less(t, service.accepted.Load(), int64(10))
		require.EqualValues(t, 20*service.accepted.Load(), report.Done)
	})
}

// TestBulkRefusesAJournalOfOtherWork: nothing is sent.
func TestBulkRefusesAJournalOfOtherWork(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	journal := openJournal(t, filepath.Join(t.TempDir(), "journal"))
	t.Cleanup(func() { _ = journal.Close() })
	opts := rcuser.BulkOptions{Journal: journal}
	_, err := client.Bulk.Ban(t.Context(), streamed(5), time.Hour, opts)
	require.NoError(t, err)
	sent := len(server.Requests())
	for _, call := range []func() error{
		func() error { _, err := client.Bulk.Ban(t.Context(), streamed(5), 2*time.Hour, opts); return err },
		func() error { _, err := client.Bulk.Unban(t.Context(), streamed(5), opts); return err },
		func() error { _, err := client.Bulk.Block(t.Context(), "o", streamed(5), opts); return err },
	} {
		require.ErrorContains(t, call(), "other work")
	}
	for result := range client.Bulk.Online(t.Context(), streamed(5), opts) {
		_, ok := errors.AsType[*rcuser.ArgumentError](result.Err)
		require.True(t, ok)
	}
	require.Len(t, server.Requests(), sent)
}

// TestBulkRepeatsFailures: ids that failed are sent again when the work is resumed.
func TestBulkRepeatsFailures(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	path := filepath.Join(t.TempDir(), "journal")
	journal := openJournal(t, path)
	t.Cleanup(func() { _ = journal.Close() })
	server.Inject(rctest.Fault{Code: 1009, Every: 2})
	report, err := client.Bulk.Unban(context.Background(), streamed(100), rcuser.BulkOptions{Journal: journal})
	require.ErrorIs(t, err, rcuser.ErrNotEnabled)
	require.Equal(t, 20, report.Failed)
	server.ClearFaults()
	report, err = client.Bulk.Unban(context.Background(), streamed(100), rcuser.BulkOptions{Journal: journal})
	require.NoError(t, err)
	require.Equal(t, rcuser.BulkReport{Total: 100, Done: 100, Resumed: 80}, report)
	require.Len(t, server.Requests(), 6)
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 6, strings.Count(string(written), "\n"), "the name of the work, and a line a batch")
}
