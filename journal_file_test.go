package rcuser_test

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/f0207b22/rcuser"
)

func openJournal(t require.TestingT, path string) *rcuser.FileJournal {
	journal, err := rcuser.OpenJournal(path)
	require.NoError(t, err)
	return journal
}

// beginJournal opens a journal and begins work.
func beginJournal(t require.TestingT, path string) *rcuser.FileJournal {
	journal := openJournal(t, path)
	require.NoError(t, journal.Begin("ban 1h0m0s"))
	return journal
}

// writeJournal writes a journal with these runs and returns its bytes.
func writeJournal(t *testing.T, path string, runs ...[]string) []byte {
	t.Helper()
	journal := beginJournal(t, path)
	for _, run := range runs {
		require.NoError(t, journal.Record(run))
	}
	require.NoError(t, journal.Close())
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	return written
}

func isDone(t require.TestingT, journal rcuser.Journal, ids ...string) bool {
	done, err := journal.Done(ids)
	require.NoError(t, err)
	return done
}

// TestJournalKnowsRunsOnly: ids are done only as they were recorded together.
func TestJournalKnowsRunsOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	writeJournal(t, path, []string{"a", "b", "c"}, []string{"d"}, []string{"a", "x"}, []string{"ab", "c"}, []string{"r", "r"})
	journal := beginJournal(t, path)
	for _, run := range [][]string{{"a", "b", "c"}, {"d"}, {"a", "x"}, {"ab", "c"}, {"r", "r"}} {
		require.True(t, isDone(t, journal, run...), run)
	}
	for _, other := range [][]string{
		{},
		{""},
		{"a"},
		{"b"},
		{"c"},
		{"a", "b"},
		{"b", "c"},
		{"a", "c", "b"},
		{"c", "b", "a"},
		{"a", "b", "c", "d"},
		{"a", "b", "x", "c"},
		{"a", "b", "b", "c"},
		{"d", "d"},
		{"x"},
		{"x", "a"},
		{"a", "bc"},
		{"abc"},
		{"a", "b", "c", ""},
		{"r"},
		{"r", "r", "r"},
		manyIDs(101),
	} {
		require.False(t, isDone(t, journal, other...), other)
	}
	require.Equal(t, []int{2, 0, 1, 2, 2}, []int{
		journal.Recorded("a"), journal.Recorded("b"), journal.Recorded("d"), journal.Recorded("ab"), journal.Recorded("r"),
	}, "the latest run counts")
	require.NoError(t, journal.Close())
}

// TestJournalFormat: files of today must be readable by later versions.
func TestJournalFormat(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	written := writeJournal(t, path, []string{"user1", "user2"}, []string{"é\n"})
	require.Equal(t, `rcuser-journal 2 "ban 1h0m0s" 73b7bfaa
2 0a041b9462caa4a3 142316a9e598ab086cd83dd1dce928 c7ecec62
1 edd3a863872a0423 3a64dcbf32a94f97ca449099f7e1f9 1ed4464d
`, string(written)) // computed by another program
}

// TestJournalResumesWithoutReopening: Begin takes over what earlier calls of the process recorded.
func TestJournalResumesWithoutReopening(t *testing.T) {
	t.Parallel()
	journal := beginJournal(t, filepath.Join(t.TempDir(), "journal"))
	for i := range 3 {
		require.NoError(t, journal.Record([]string{fmt.Sprint(i), "x"}))
		require.Zero(t, journal.Recorded(fmt.Sprint(i)), "nothing is kept in memory until then")
		require.NoError(t, journal.Begin("ban 1h0m0s"))
		for done := range i + 1 {
			require.True(t, isDone(t, journal, fmt.Sprint(done), "x"))
		}
	}
	require.NoError(t, journal.Close())
}

// TestJournalOfOtherWork is refused as often as it is tried, and stays as it is.
func TestJournalOfOtherWork(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	before := writeJournal(t, path, []string{"a"})
	journal := openJournal(t, path)
	for range 2 {
		for _, other := range []string{"unban", "", "ban 1h0m0s ", "ban 1h0m0", "ban 1h0m0s\n"} {
			require.ErrorContains(t, journal.Begin(other), path+": it belongs to other work: ban 1h0m0s, not "+other)
		}
	}
	require.NoError(t, journal.Begin("ban 1h0m0s"))
	require.True(t, isDone(t, journal, "a"))
	require.NoError(t, journal.Close())
	requireUnchanged(t, path, before)

	name := "block \"o\n\x00\xffé\" 2" // any text
	path = filepath.Join(t.TempDir(), "journal")
	for range 2 {
		journal := openJournal(t, path)
		require.NoError(t, journal.Begin(name))
		require.Error(t, journal.Begin("unban"))
		require.NoError(t, journal.Begin(name))
		require.NoError(t, journal.Close())
	}
	journal = openJournal(t, filepath.Join(t.TempDir(), "journal"))
	require.ErrorContains(t, journal.Begin(strings.Repeat("w", 5000)), "5000 bytes, which is too long")
	require.NoError(t, journal.Begin("unban"), "the journal is still new")
	require.NoError(t, journal.Close())
}

func requireUnchanged(t require.TestingT, path string, before []byte) {
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}

// TestJournalMisuse: arguments and an order of calls that a wrong program could have.
func TestJournalMisuse(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	journal := openJournal(t, path)
	require.ErrorContains(t, journal.Record([]string{"a"}), "before Begin")
	require.NoError(t, journal.Begin("ban 1h0m0s"))
	require.ErrorContains(t, journal.Record(nil), "0 ids")
	require.ErrorContains(t, journal.Record(manyIDs(101)), "101 ids")
	require.NoError(t, journal.Record(manyIDs(100)))
	require.NoError(t, journal.Close())
	require.NoError(t, journal.Close())
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	require.ErrorContains(t, journal.Begin("ban 1h0m0s"), path+": the journal is closed")
	require.ErrorContains(t, journal.Record([]string{"a"}), "closed")
	_, err = journal.Done([]string{"a"})
	require.ErrorContains(t, err, "closed")
	require.Zero(t, journal.Recorded("u1"))
	requireUnchanged(t, path, before)
}

// TestJournalIsConcurrent: lines of concurrent calls don't mix.
func TestJournalIsConcurrent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	journal := beginJournal(t, path)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 50 {
				_ = journal.Record([]string{fmt.Sprint(worker), fmt.Sprint(i)})
				journal.Recorded("0")
				_, _ = journal.Done([]string{"0", "0"})
				if i%25 == 0 {
					_ = journal.Begin("ban 1h0m0s")
				}
			}
		})
	}
	group.Wait()
	require.NoError(t, journal.Close())
	journal = beginJournal(t, path)
	for worker := range 8 {
		for i := range 50 {
			require.True(t, isDone(t, journal, fmt.Sprint(worker), fmt.Sprint(i)))
		}
	}
	require.NoError(t, journal.Close())
}

// TestJournalModel records random runs, opens the file again and again, and asks for what was recorded and for what
// became of it when the stream was changed.
func TestJournalModel(t *testing.T) {
	t.Parallel()
	dir, number := t.TempDir(), 0
	rapid.Check(t, func(r *rapid.T) {
		number++
		path := filepath.Join(dir, fmt.Sprint(number))
		var recorded [][]string
		id := rapid.SampledFrom([]string{"a", "b", "ab", "", "c", "é", "\n", "a b", "0", "00"})
		run := rapid.SliceOfN(id, 1, 8)
		for range rapid.IntRange(1, 4).Draw(r, "sessions") {
			journal := beginJournal(r, path)
			for range rapid.IntRange(0, 12).Draw(r, "records") {
				ids := run.Draw(r, "run")
				require.NoError(r, journal.Record(ids))
				recorded = append(recorded, ids)
			}
			require.NoError(r, journal.Begin("ban 1h0m0s"))
			for _, ids := range append(rapid.SliceOf(run).Draw(r, "asked"), changedRuns(r, recorded)...) {
				wanted := slices.ContainsFunc(recorded, func(run []string) bool { return slices.Equal(run, ids) })
				require.Equal(r, wanted, isDone(r, journal, ids...), "%q", ids)
				require.Equal(r, latestRun(recorded, ids[0]), journal.Recorded(ids[0]), "%q", ids[0])
			}
			require.NoError(r, journal.Close())
		}
	})
}

// changedRuns returns the runs, and each with one id inserted, repeated, removed or moved.
func changedRuns(r *rapid.T, runs [][]string) (all [][]string) {
	for _, ids := range runs {
		at := rapid.IntRange(0, len(ids)-1).Draw(r, "at")
		swapped := slices.Clone(ids)
		swapped[0], swapped[at] = swapped[at], swapped[0]
		all = append(all, ids, slices.Insert(slices.Clone(ids), at, "new"), slices.Insert(slices.Clone(ids), at, ids[at]), swapped)
		if len(ids) > 1 {
			all = append(all, slices.Delete(slices.Clone(ids), at, at+1))
		}
	}
	return all
}

func latestRun(runs [][]string, first string) (ids int) {
	for _, run := range runs {
		if run[0] == first {
			ids = len(run)
		}
	}
	return ids
}

// TestJournalMemory: a journal of 10,000,000 ids in batches of 20 has less than 16 MiB in memory, and recording keeps none.
func TestJournalMemory(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("is slow, and has no goroutines")
	}
	path := filepath.Join(t.TempDir(), "journal")
	runs := 500_000
	var file bytes.Buffer
	line := `rcuser-journal 2 "ban 1h0m0s"`
	fmt.Fprintf(&file, "%s %08x\n", line, crc32.ChecksumIEEE([]byte(line)))
	for i := range runs {
		line := fmt.Sprintf("20 %016x %030x", uint64(i)*0x9e3779b97f4a7c15, i)
		fmt.Fprintf(&file, "%s %08x\n", line, crc32.ChecksumIEEE([]byte(line)))
	}
	require.NoError(t, os.WriteFile(path, file.Bytes(), 0o600))
	file = bytes.Buffer{}
	before := liveHeap()
	journal := beginJournal(t, path)
	ids := manyIDs(20)
	for range 1000 {
		require.NoError(t, journal.Record(ids))
	}
	require.Less(t, liveHeap()-before, int64(16<<20))
	require.NoError(t, journal.Begin("ban 1h0m0s"))
	require.True(t, isDone(t, journal, ids...))
	require.Less(t, liveHeap()-before, int64(16<<20))
	require.NoError(t, journal.Close())
}

func liveHeap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
