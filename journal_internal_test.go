package rcuser

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestJournalReplacedWhileOpened: the lock must be one of the file that is written.
func TestJournalReplacedWhileOpened(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	file, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, os.Rename(path, path+".old"))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err = lockJournal(file)
	require.ErrorContains(t, err, "it was replaced while it was opened")
	require.NoError(t, file.Close())
	j, err := OpenJournal(path)
	require.NoError(t, err, "no lock is left behind")
	require.NoError(t, j.Close())
}

// TestJournalOfTheSameRun: what many equal runs cost is that of one.
func TestJournalOfTheSameRun(t *testing.T) {
	t.Parallel()
	j, err := OpenJournal(filepath.Join(t.TempDir(), "journal"))
	require.NoError(t, err)
	require.NoError(t, j.Begin("unban"))
	for range 1000 {
		require.NoError(t, j.Record([]string{"a", "a"}))
	}
	require.NoError(t, j.Record([]string{"a"}))
	require.NoError(t, j.Begin("unban"))
	require.Len(t, j.runs, 2)
	require.Equal(t, 1, j.Recorded("a"))
	for _, run := range [][]string{{"a", "a"}, {"a"}} {
		done, err := j.Done(run)
		require.NoError(t, err)
		require.True(t, done)
	}
	require.NoError(t, j.Close())
}
