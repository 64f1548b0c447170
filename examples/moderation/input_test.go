package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// growing appends to a file when something of it has been read.
type growing struct {
	io.Writer
	path string
	t    *testing.T
}

func (g *growing) Write(p []byte) (int, error) {
	if g.path != "" {
		appendLine(g.t, g.path, "latecomer")
		g.path = ""
	}
	return g.Writer.Write(p)
}

func appendLine(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString(text + "\n")
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

func TestFileThatGrowsWhileItIsReadIsRefused(t *testing.T) {
	path := writeFile(t, "alice")
	require.ErrorIs(t, readFile(&growing{io.Discard, path, t}, path), errFileChanged)
	require.NoError(t, readFile(io.Discard, path))

	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	require.ErrorIs(t, copyFile(&growing{io.Discard, path, t}, file), errFileChanged, "as standard input")
}

// TestFileThatGrowsLater appends to the file while the question is open: what was judged is sent.
func TestFileThatGrowsLater(t *testing.T) {
	server := startService(t)
	ids := slices.Collect(fakeIDs(1, 200))
	path := writeFile(t, ids...)
	typed := io.MultiReader(readFunc(func() { appendLine(t, path, "latecomer") }), strings.NewReader("y\n"))
	got, _ := answer(t.Context(), typed, "", "deactivate", "--file", path)
	require.Zero(t, got.status, got.errOut)
	require.Contains(t, got.errOut, "total 200, done 200,")
	sent := strings.Split(strings.Join(sentIDs(server), ","), ",")
	require.Equal(t, ids, slices.Sorted(slices.Values(sent)))
}

// readFunc is called when it is read, and is empty.
type readFunc func()

func (f readFunc) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}

// endless yields the same text again and again.
type endless struct{ text string }

func (e endless) Read(p []byte) (int, error) { return copy(p, e.text), nil }

// TestHugeInput judges a line that never ends, up to 64 MB of it, and many lines, in little memory.
func TestHugeInput(t *testing.T) {
	before := heap()
	j := newJudge("huge")
	require.NoError(t, judgeReader(io.LimitReader(endless{strings.Repeat("x", 1000)}, 64<<20), j))
	require.ErrorContains(t, j.verdict(), "line 1: ")
	j = newJudge("huge")
	require.NoError(t, judgeReader(io.LimitReader(endless{"a b\n"}, 8<<20), j))
	require.ErrorContains(t, j.verdict(), "and 2097142 more")
	require.Less(t, heap()-before, 4.0, "MiB")
	require.Len(t, j.listed, maxListed+1)
}

func TestRepeatsBeyondWhatIsRemembered(t *testing.T) {
	j := newJudge("huge")
	defer j.records.close()
	for i := range maxRemembered + 1000 {
		require.NoError(t, j.line(line{i + 1, fmt.Sprintf("u%d", i), false}))
	}
	require.Zero(t, j.repeated)
	require.NoError(t, j.line(line{1, "u7", false}))
	require.NoError(t, j.line(line{2, fmt.Sprintf("u%d", maxRemembered+7), false}))
	require.Equal(t, 1, j.repeated, "the second isn't remembered")
	require.Equal(t, maxRemembered+1002, j.records.count, "both are sent")
}

func TestFolderAsInput(t *testing.T) {
	startService(t)
	got := do(t, "unban", "--file", filepath.Dir(writeFile(t, "a")))
	require.Equal(t, statusFailed, got.status)
	require.Contains(t, got.errOut, "is a directory")
}
