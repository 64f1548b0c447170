//go:build linux || darwin

package rcuser_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// childPath is the environment variable in which the tests of other processes get the journal's path.
const childPath = "RCUSER_TEST_JOURNAL"

// startChild runs a test, which calls journalOfChild, in another process, and returns a reader of what it prints.
func startChild(t *testing.T, name, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+name+"$", "-test.v")
	child.Env = append(os.Environ(), childPath+"="+path)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	child.Stderr = child.Stdout
	require.NoError(t, child.Start())
	return child, bufio.NewScanner(out)
}

// requireChild requires that a test passes in another process.
func requireChild(t *testing.T, name, path string) {
	t.Helper()
	child, out := startChild(t, name, path)
	var printed strings.Builder
	for out.Scan() {
		fmt.Fprintln(&printed, out.Text())
	}
	require.NoError(t, child.Wait(), printed.String())
	require.Contains(t, printed.String(), "--- PASS: "+name)
}

// journalOfChild returns the path that startChild gave.
func journalOfChild(t *testing.T) string {
	t.Helper()
	path := os.Getenv(childPath)
	if path == "" {
		t.Skip("is run by another test in a process of its own")
	}
	return path
}

// TestJournalChildRecords prints the number of each run once it is recorded, until the process is killed.
func TestJournalChildRecords(t *testing.T) {
	journal := beginJournal(t, journalOfChild(t))
	for i := 0; ; i++ {
		require.NoError(t, journal.Record([]string{fmt.Sprint(i), "x"}))
		fmt.Println("recorded", i)
	}
}

// TestJournalOfAKilledProcess: meanwhile nobody else can open it, afterwards at once, and all that was recorded is done.
func TestJournalOfAKilledProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	for range 3 {
		child, out := startChild(t, "TestJournalChildRecords", path)
		last := -1
		for last < 2000 && out.Scan() {
			_, _ = fmt.Sscanf(out.Text(), "recorded %d", &last)
			if last == 1000 {
				_, err := rcuser.OpenJournal(path)
				require.ErrorContains(t, err, "it is in use")
			}
		}
		require.NoError(t, child.Process.Kill())
		for out.Scan() {
			_, _ = fmt.Sscanf(out.Text(), "recorded %d", &last)
		}
		require.Error(t, child.Wait())
		require.GreaterOrEqual(t, last, 2000)
		journal := beginJournal(t, path)
		for i := range last {
			require.True(t, isDone(t, journal, fmt.Sprint(i), "x"))
		}
		require.NoError(t, journal.Close())
	}
}

// TestJournalOnAFullDisk runs its other half where files can't grow above a limit, as on a full disk.
func TestJournalOnAFullDisk(t *testing.T) {
	t.Parallel()
	requireChild(t, "TestJournalChildBelowLimits", filepath.Join(t.TempDir(), "journal"))
}

// TestJournalChildBelowLimits writes a journal up to every possible size. What couldn't be written leaves nothing behind,
// and the journal can be used once there is room again.
func TestJournalChildBelowLimits(t *testing.T) {
	path := journalOfChild(t)
	signal.Ignore(syscall.SIGXFSZ)
	for limit := range uint64(250) {
		require.NoError(t, os.RemoveAll(path))
		journal := openJournal(t, path)
		limitFileSize(t, limit)
		began := journal.Begin("ban 1h0m0s") == nil
		var recorded [4]bool
		for i := range recorded {
			err := journal.Record([]string{fmt.Sprint(i), "x"})
			if recorded[i] = err == nil; began && !recorded[i] {
				require.ErrorIs(t, err, syscall.EFBIG)
			}
		}
		written, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, len(written) == 0 || written[len(written)-1] == '\n', "no part of a line is left")
		limitFileSize(t, 1<<40)
		require.NoError(t, journal.Begin("ban 1h0m0s"))
		require.NoError(t, journal.Record([]string{"later"}))
		require.NoError(t, journal.Close())

		journal = beginJournal(t, path)
		require.True(t, isDone(t, journal, "later"), limit)
		for i, want := range recorded {
			require.Equal(t, want, isDone(t, journal, fmt.Sprint(i), "x"), limit)
		}
		require.NoError(t, journal.Close())
	}
}

func limitFileSize(t *testing.T, size uint64) {
	t.Helper()
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	limit.Cur = min(size, limit.Max)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
}

// TestJournalRefusesPipesAndDevices: none of them blocks or is written to.
func TestJournalRefusesPipesAndDevices(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	require.NoError(t, os.Symlink("/dev/zero", filepath.Join(dir, "zero")))
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "directory")))
	for _, path := range []string{"/dev/null", "/dev/zero", "/dev/tty", filepath.Join(dir, "pipe"), filepath.Join(dir, "zero"), filepath.Join(dir, "directory")} {
		done := make(chan error, 1)
		go func() {
			_, err := rcuser.OpenJournal(path)
			done <- err
		}()
		select {
		case err := <-done:
			require.ErrorContains(t, err, "rcuser: journal "+path+": it isn't a regular file: ")
		case <-time.After(10 * time.Second):
			require.Fail(t, "blocks", path)
		}
	}
}

// TestJournalThroughASymbolicLink: the file behind it is created and locked.
func TestJournalThroughASymbolicLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	require.NoError(t, os.Symlink("target", link))
	writeJournal(t, link, run1)
	journal := beginJournal(t, target)
	require.True(t, isDone(t, journal, run1...))
	_, err := rcuser.OpenJournal(link)
	require.ErrorContains(t, err, "it is in use")
	require.NoError(t, journal.Close())
}

// TestJournalWithoutPermission: a file that can't be written isn't opened.
func TestJournalWithoutPermission(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	before := writeJournal(t, path, run1)
	require.NoError(t, os.Chmod(path, 0o400))
	if os.Geteuid() == 0 {
		t.Skip("root may write any file")
	}
	_, err := rcuser.OpenJournal(path)
	require.ErrorIs(t, err, os.ErrPermission)
	requireUnchanged(t, path, before)
}
