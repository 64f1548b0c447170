package main

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSpoolKeepsLines(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	for _, n := range []int{0, 1, 1000, 600_000} { // the last are more than maxSpoolMemory
		s := newSpool()
		for i := range n {
			require.NoError(t, s.add(fmt.Sprintf("user%07d", i)))
		}
		require.Equal(t, n == 600_000, s.file != nil)
		require.Equal(t, n, s.count)
		for range 2 { // it can be read again
			i := 0
			for text, err := range s.lines() {
				require.NoError(t, err)
				if want := fmt.Sprintf("user%07d", i); text != want {
					require.Equal(t, want, text)
				}
				i++
			}
			require.Equal(t, n, i)
		}
		s.close()
		rest, err := os.ReadDir(folder)
		require.NoError(t, err)
		require.Empty(t, rest)
	}
}

func TestSpoolChecksum(t *testing.T) {
	sum := func(lines ...string) string {
		s := newSpool()
		for _, text := range lines {
			require.NoError(t, s.add(text))
		}
		return s.checksum()
	}
	require.Equal(t, sum("a", "b"), sum("a", "b"))
	for _, other := range [][]string{{"b", "a"}, {"ab"}, {"a"}, {"a", "b", ""}, {}} {
		require.NotEqual(t, sum("a", "b"), sum(other...))
	}
}

func TestSpoolWithoutAFolder(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/missing")
	s := newSpool()
	var err error
	for i := 0; err == nil && i < 1_000_000; i++ {
		err = s.add(fmt.Sprintf("user%07d", i))
	}
	require.ErrorContains(t, err, "keeping the ids in a temporary file (TMPDIR names its folder): ")
}

// TestSpoolMemory keeps a million ids, whose text is 12 MB.
func TestSpoolMemory(t *testing.T) {
	s := newSpool()
	defer s.close()
	before := heap()
	for i := range 1_000_000 {
		require.NoError(t, s.add(fmt.Sprintf("user%07d", i)))
	}
	require.Less(t, heap()-before, 1.0, "MiB")
	runtime.KeepAlive(s)
}

// heap returns the memory in use, in MiB.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}
