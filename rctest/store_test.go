package rctest_test

import (
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// liveHeap returns how many bytes are in use.
func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // frees what the first one made unreachable by running cleanups
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // a heap is smaller
}

// logged is a number of calls after which the log of requests is as large as before, whatever was in it.
const logged = 20_000

// heapPerUser makes calls for n users twice, and returns how many bytes each user of the second round has added. A round
// is a multiple of logged.
func (f *fake) heapPerUser(n int, calls func(first, n int)) float64 {
	calls(0, n)
	before := liveHeap()
	calls(n, n)
	after := liveHeap()
	runtime.KeepAlive(f)
	return float64(after-before) / float64(n)
}

// query makes calls that change nothing.
func (f *fake) query(calls int) {
	for range calls {
		f.ok(blockQueryPath, "page=1&size=1")
	}
}

func (f *fake) registerMany(first, n int) {
	for i := first; i < first+n; i++ {
		f.ok(getTokenPath, fmt.Sprintf("userId=user%06d&name=Ann+%d&portraitUri=", i, i)+url.QueryEscape(portraitOf(i)))
	}
}

func portraitOf(i int) string { return fmt.Sprintf("https://cdn.example.com/p/%06d.png", i) }

// A user takes at most 170 bytes. The margin is there because maps grow by leaps.
//
//nolint:paralleltest // it measures the heap of the process
func TestMemoryOfRegisteredUsers(t *testing.T) {
	f := setup(t)
	require.Less(t, f.heapPerUser(2*logged, f.registerMany), 1.3*170)
	require.Equal(t, portraitOf(7), f.User("user000007").PortraitURI)
}

// State that most users don't have costs nothing once it is gone.
//
//nolint:paralleltest // it measures the heap of the process
func TestMemoryOfUsersUnbanned(t *testing.T) {
	f := setup(t)
	got := f.heapPerUser(2*logged, func(first, n int) {
		for i := first; i < first+n; i += 20 {
			f.ok(blockPath, idsFrom("userId", i, 20)+"&minute=1")
			f.ok(unblockPath, idsFrom("userId", i, 20))
		}
		f.query(logged - n/10)
	})
	require.Less(t, got, 100.0)
}

// What is stored isn't part of the request that it came in: that would keep the whole request.
//
//nolint:paralleltest // it measures the heap of the process
func TestMemoryOfListsFromLargeRequests(t *testing.T) {
	f := setup(t)
	padding := "&x=" + strings.Repeat("x", 10_000)
	got := f.heapPerUser(2*logged, func(first, n int) {
		for i := first; i < first+n/10; i++ {
			f.ok(blacklistAddPath, fmt.Sprintf("userId=user%06d&blackUserId=member%06d", i, i)+padding)
		}
		f.query(logged - n/10)
	})
t.Log(got); 	require.Less(t, got, 200.0, "a tenth of the users has a list")
}

// Tokens aren't stored.
//
//nolint:paralleltest // it measures the heap of the process
func TestMemoryOfTokens(t *testing.T) {
	f := setup(t)
	got := f.heapPerUser(2*logged, func(_, n int) {
		for range n {
			f.register("a")
		}
	})
	require.Less(t, got, 10.0)
}
