//go:build linux && amd64

package rcuser_test

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// TestJournalThatCannotBeCut: if part of a line can't be removed, the journal can't be used any more.
func TestJournalThatCannotBeCut(t *testing.T) {
	t.Parallel()
	requireChild(t, "TestJournalChildWithoutCuts", "in memory")
}

// TestJournalChildWithoutCuts has its journal in a file that can't shrink, and of which only the first 150 bytes can be
// written: the first line, one run, and half of the next.
func TestJournalChildWithoutCuts(t *testing.T) {
	journalOfChild(t)
	signal.Ignore(syscall.SIGXFSZ)
	path := fileThatCannotShrink(t)
	journal := beginJournal(t, path)
	limitFileSize(t, 150)
	require.NoError(t, journal.Record(run1))
	for range 2 {
		err := journal.Record(run2)
		require.ErrorIs(t, err, syscall.EFBIG)
		require.ErrorContains(t, err, "it can't be used any more: part of a line can't be removed")
		require.ErrorContains(t, journal.Begin("ban 1h0m0s"), "can't be used any more")
		_, err = journal.Done(run1)
		require.ErrorContains(t, err, "can't be used any more")
	}
	limitFileSize(t, 1<<40)
	require.ErrorContains(t, journal.Record(run3), "can't be used any more", "though there is room again")
	require.NoError(t, journal.Close())
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, written, 150)
}

// fileThatCannotShrink returns the path of a file in memory with the seal F_SEAL_SHRINK.
func fileThatCannotShrink(t *testing.T) string {
	t.Helper()
	const memfdCreate, allowSealing, addSeals, sealShrink = 319, 2, 1033, 2
	name := []byte("journal\x00")
	fd, _, errno := syscall.Syscall(memfdCreate, uintptr(unsafe.Pointer(&name[0])), allowSealing, 0)
	require.Zero(t, errno)
	file := os.NewFile(fd, "journal")
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	_, _, errno = syscall.Syscall(syscall.SYS_FCNTL, fd, addSeals, sealShrink)
	require.Zero(t, errno)
	return fmt.Sprintf("/proc/self/fd/%d", fd)
}
