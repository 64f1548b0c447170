package rcuser_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// FuzzJournal opens any file. It is changed only if it is a journal whose last line is cut off, and only runs that were
// recorded are done.
func FuzzJournal(f *testing.F) {
	line, done := "rcuser-journal 2 \"ban 1h0m0s\" 73b7bfaa\n", "2 0a041b9462caa4a3 142316a9e598ab086cd83dd1dce928 c7ecec62\n" // user1, user2
	for _, seed := range []string{"", "r", line, line + done, line + done + done[:9], line[:30], done, "work \"ban\" 12345678\n", "\x00", line + "\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "journal")
		require.NoError(t, os.WriteFile(path, content, 0o600))
		journal, err := rcuser.OpenJournal(path)
		if err != nil {
			requireUnchanged(t, path, content)
			return
		}
		text := string(content)
		complete := text[:strings.LastIndexByte(text, '\n')+1]
		if complete == "" {
			complete = text // a first line without an end is left to Begin
			n := min(len(text), 18)
			require.Equal(t, "rcuser-journal 2 \""[:n], text[:n])
		}
		requireUnchanged(t, path, []byte(complete))
		if journal.Begin("ban 1h0m0s") == nil {
			require.Equal(t, strings.Contains(complete, "\n"+done), isDone(t, journal, "user1", "user2"))
			require.False(t, isDone(t, journal, "user1"))
			require.False(t, isDone(t, journal, "user2", "user1"))
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(string(after), line) && strings.HasPrefix(string(after), complete))
		}
		require.NoError(t, journal.Close())
	})
}
