package rcuser_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// The runs of journals that tests damage.
var (
	run1 = []string{"a", "b", "c"}
	run2 = []string{"d"}
	run3 = []string{"a", "x"}
)

// TestJournalCutShort cuts a journal at every byte, as a crash while writing does. What is intact counts, and it can be
// written on.
func TestJournalCutShort(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	whole := writeJournal(t, path, run1, run2, run3)
	for size := range len(whole) + 1 {
		require.NoError(t, os.WriteFile(path, whole[:size], 0o600))
		lines := strings.Count(string(whole[:size]), "\n")
		for _, more := range []bool{true, false} { // written on, and read again
			journal := beginJournal(t, path)
			require.Equal(t, []bool{lines >= 2, lines >= 3, lines >= 4},
				[]bool{isDone(t, journal, run1...), isDone(t, journal, run2...), isDone(t, journal, run3...)}, size)
			if more {
				require.NoError(t, journal.Record([]string{"more"}))
			} else {
				require.True(t, isDone(t, journal, "more"), size)
			}
			require.NoError(t, journal.Close())
		}
	}
}

// TestJournalTornEnd: whatever follows the last line break is cut off, such as the zeros that a power failure leaves.
func TestJournalTornEnd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	whole := writeJournal(t, path, run1)
	for _, end := range []string{"\x00", strings.Repeat("\x00", 5000), strings.Repeat("\x00", 1<<20), "3", "\r", " ", "noise"} {
		require.NoError(t, os.WriteFile(path, append(bytes.Clone(whole), end...), 0o600))
		require.NoError(t, openJournal(t, path).Close())
		requireUnchanged(t, path, whole)
	}
}

// TestJournalFlippedBits: a damaged byte is an error, or some ids are no longer done, but never others. No error changes the file.
func TestJournalFlippedBits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	whole := writeJournal(t, path, run1, run2, run3)
	for at := range whole {
		for _, flip := range []byte{0x01, 0x20, 0x80, 0xff, whole[at] ^ '\n', whole[at]} {
			damaged := bytes.Clone(whole)
			if damaged[at] ^= flip; flip == 0 {
				continue
			}
			require.NoError(t, os.WriteFile(path, damaged, 0o600))
			journal, err := rcuser.OpenJournal(path)
			if err != nil {
				requireUnchanged(t, path, damaged)
				continue
			}
			require.Equal(t, len(whole)-1, at, "only the last line break may be missing")
			require.NoError(t, journal.Begin("ban 1h0m0s"))
			require.True(t, isDone(t, journal, run1...) && isDone(t, journal, run2...))
			for _, other := range [][]string{run3, {"a"}, {"a", "b"}, {"x"}} {
				require.False(t, isDone(t, journal, other...))
			}
			require.NoError(t, journal.Close())
		}
	}
}

// TestJournalDamagedLine: the error says which line it is, and the file stays as it is.
func TestJournalDamagedLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	lines := strings.SplitAfter(string(writeJournal(t, path, run1, run2, run3)), "\n")
	for content, want := range map[string]string{
		lines[0] + lines[1][:20] + lines[2] + lines[3]:                 "line 2 is damaged",
		lines[0] + lines[1] + "\n" + lines[2]:                          "line 3 is damaged",
		lines[0] + lines[1] + lines[2] + lines[0]:                      "line 4 is damaged",
		strings.ReplaceAll(lines[0]+lines[1], "\n", "\r\n"):            "first line is damaged",
		lines[0] + strings.Repeat("\x00", 1<<20) + "\n" + lines[1]:     "line 2 is damaged",
		lines[0] + strings.ToUpper(lines[1]):                           "line 2 is damaged",
		lines[0] + "0 0123456789abcdef " + zeros(30) + " df1ec55b\n":   "line 2 is damaged",
		lines[0] + "101 0123456789abcdef " + zeros(30) + " ac969856\n": "line 2 is damaged",
		"\n" + lines[0] + lines[1]:                                     "isn't a journal",
		lines[1] + lines[2]:                                            "isn't a journal",
	} {
		requireNotOpened(t, path, []byte(content), want)
	}
}

func zeros(n int) string { return strings.Repeat("0", n) }

// requireNotOpened requires that a file is refused for this reason and stays as it is.
func requireNotOpened(t *testing.T, path string, content []byte, reason string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, content, 0o600))
	for range 2 {
		_, err := rcuser.OpenJournal(path)
		require.ErrorContains(t, err, "rcuser: journal "+path+": ", "%.100q", content)
		require.ErrorContains(t, err, reason, "%.100q", content)
		requireUnchanged(t, path, content)
	}
}

// TestJournalOfOtherVersions: the error names the version.
func TestJournalOfOtherVersions(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	version1 := "work \"ban 1h0m0s\" 3ca43a4c\ndone 0 19 1ca93b02 d9abf8d9 89cbd157\n"
	requireNotOpened(t, path, []byte(version1), "it is a journal of version 1, and only version 2 can be read")
	requireNotOpened(t, path, []byte(version1[:28]+"done"), "version 1")
	requireNotOpened(t, path, []byte("rcuser-journal 3 {\"work\":\"ban\"} 0607a0f8\n"), "version 3")
}

// TestJournalRefusesOtherFiles: a file that isn't a journal is never changed, however it begins.
func TestJournalRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := w.Write([]byte("rcuser-journal 2 \"ban 1h0m0s\" 73b7bfaa\n"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	path := filepath.Join(t.TempDir(), "ids.txt")
	for _, content := range []string{
		"user1\nuser2\n", "user1", "\n", " ", "\x00", strings.Repeat("\x00", 1<<20), "\ufeff", "\ufeffrcuser-journal 2 \"ban\"", "{}", `{"ids":["a"]}` + "\n",
		"work", "work hard", "work \"ban\"", "done 0 9 00000000\n", "RCUSER-JOURNAL 2 \"ban\"", "rcuser-journal is the name of our format",
		"rcuser-journal 2 is the newest", "rcuser-journal 2 \n", "rcuser-journal 2 \"ban 1h0m0s\" 73b7bfab\n",
		"rcuser-journal 2 \"ban 1h0m0s\"\n", "rcuser-journal 22", "rcuser-journal 3", strings.Repeat("x", 1<<20), zipped.String(),
		"rcuser-journal 2 \"" + strings.Repeat("x", 5000),
	} {
		requireNotOpened(t, path, []byte(content), "isn't a journal, or its first line is damaged")
	}
}

// TestJournalRefusesHugeFiles without reading them.
func TestJournalRefusesHugeFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	for content, reason := range map[string]string{"": "isn't a journal", string(writeJournal(t, path, run1)): "line 3 is damaged"} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		require.NoError(t, os.Truncate(path, 1<<40))
		_, err := rcuser.OpenJournal(path)
		require.ErrorContains(t, err, reason)
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, int64(1<<40), info.Size())
	}
}

// TestJournalTornFirstLine: a file that has only the beginning of a first line is left alone until Begin, which completes
// exactly this line or fails.
func TestJournalTornFirstLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	line := "rcuser-journal 2 \"ban 1h0m0s\" 73b7bfaa\n"
	for _, torn := range []string{"", "r", "rcuser-jour", "rcuser-journal 2", line[:18], line[:25], line[:len(line)-1]} {
		require.NoError(t, os.WriteFile(path, []byte(torn), 0o600))
		require.NoError(t, openJournal(t, path).Close())
		requireUnchanged(t, path, []byte(torn))
		require.NoError(t, beginJournal(t, path).Close())
		requireUnchanged(t, path, []byte(line))
	}
	for _, other := range []string{"rcuser-journal 2 \"unban", "rcuser-journal 2 \"my notes", line[:len(line)-2] + "b"} {
		require.NoError(t, os.WriteFile(path, []byte(other), 0o600))
		journal := openJournal(t, path)
		require.ErrorContains(t, journal.Begin("ban 1h0m0s"), fmt.Sprintf("it belongs to other work: it begins with %q", other))
		require.ErrorContains(t, journal.Record(run1), "before Begin")
		require.NoError(t, journal.Close())
		requireUnchanged(t, path, []byte(other))
	}
}

// TestJournalNeedsARegularFile: nothing else is opened.
func TestJournalNeedsARegularFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for path, reason := range map[string]string{
		dir: "it isn't a regular file: d", filepath.Join(dir, "none", "journal"): "no such file", "": "no such file", "a\x00b": "invalid argument",
		os.DevNull: "it isn't a regular file: D",
	} {
		_, err := rcuser.OpenJournal(path)
		require.ErrorContains(t, err, "rcuser: journal "+path+": ")
		require.ErrorContains(t, err, reason)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// TestJournalHasOneOpener, under whatever name, until Close. The second one changes nothing.
func TestJournalHasOneOpener(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "journal")
	journal := beginJournal(t, path)
	require.NoError(t, journal.Record(run1))
	require.NoError(t, os.Symlink(path, filepath.Join(dir, "symbolic")))
	require.NoError(t, os.Link(path, filepath.Join(dir, "hard")))
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, name := range []string{"journal", "symbolic", "hard", "./journal"} {
		_, err := rcuser.OpenJournal(filepath.Join(dir, name))
		require.ErrorContains(t, err, "it is in use", name)
		requireUnchanged(t, path, before)
	}
	require.NoError(t, os.Rename(path, filepath.Join(dir, "moved")))
	_, err = rcuser.OpenJournal(filepath.Join(dir, "moved"))
	require.ErrorContains(t, err, "it is in use")
	require.NoError(t, openJournal(t, path).Close(), "another file of the same name is another journal")
	require.NoError(t, journal.Record(run2))
	require.NoError(t, journal.Close())
	journal = beginJournal(t, filepath.Join(dir, "moved"))
	require.True(t, isDone(t, journal, run1...) && isDone(t, journal, run2...))
	require.NoError(t, journal.Close())
}

// TestJournalChangedWhileOpen: what another program does to the file is an error at the next Begin, or when it is opened.
func TestJournalChangedWhileOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	for _, size := range []int64{0, 10, 40, 45} {
		require.NoError(t, os.RemoveAll(path))
		journal := beginJournal(t, path)
		require.NoError(t, journal.Record(run1))
		require.NoError(t, os.Truncate(path, size))
		require.ErrorContains(t, journal.Begin("ban 1h0m0s"), "it was changed while it was open")
		require.NoError(t, journal.Record(run2), "is written where it belongs, which leaves a gap")
		require.NoError(t, journal.Close())
		_, err := rcuser.OpenJournal(path)
		require.ErrorContains(t, err, "damaged", size)
	}
}

// TestJournalOverwrittenWhileOpen by one of other work that has the same size.
func TestJournalOverwrittenWhileOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, otherPath := filepath.Join(dir, "journal"), filepath.Join(dir, "other")
	journal := beginJournal(t, path)
	require.NoError(t, journal.Record(run1))
	other, err := rcuser.OpenJournal(otherPath)
	require.NoError(t, err)
	require.NoError(t, other.Begin("ban 2h0m0s"))
	require.NoError(t, other.Record(run1))
	require.NoError(t, other.Close())
	content, err := os.ReadFile(otherPath)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	require.ErrorContains(t, journal.Begin("ban 1h0m0s"), "it was changed while it was open")
}
