package rcuser_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// failingJournal fails after a number of records.
type failingJournal struct{ left int }

var errDisk = errors.New("disk full")

func (*failingJournal) Begin(string) error          { return nil }
func (*failingJournal) Recorded(string) int         { return 0 }
func (*failingJournal) Done([]string) (bool, error) { return false, nil }
func (j *failingJournal) Record([]string) error {
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
	server.Inject(rctest.Fault{Code: 1009, Every: 5})
	report, err := client.Bulk.Unban(context.Background(), streamed(100), rcuser.BulkOptions{Journal: journal})
	require.ErrorIs(t, err, rcuser.ErrNotEnabled)
	require.Equal(t, []int{80, 20}, []int{report.Done, report.Failed})
	server.ClearFaults()
	report, err = client.Bulk.Unban(context.Background(), streamed(100), rcuser.BulkOptions{Journal: journal})
	require.NoError(t, err)
	require.Equal(t, rcuser.BulkReport{Total: 100, Done: 100, Resumed: 80}, report)
	require.Len(t, server.Requests(), 6)
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 6, strings.Count(string(written), "\n"), "the name of the work, and a line a batch")
}
