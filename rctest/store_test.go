package rctest_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// liveHeap returns how many bytes are in use.
func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // frees what the first one made unreachable by running cleanups
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

const manyUsers = 100_000

// heapPerUser imports many users and returns how many bytes each takes after the action.
func heapPerUser(t *testing.T, user func(i int) string, action func(*fake)) float64 {
	var export strings.Builder
	export.WriteString(strings.TrimSuffix(exportOf(), "]}"))
	for i := range manyUsers {
		if i > 0 {
			export.WriteString(",")
		}
		export.WriteString(user(i))
	}
	export.WriteString("]}")
	saved := export.String()
	before := liveHeap()
	f := setup(t)
	f.load(saved)
	action(f)
	after := liveHeap()
	require.Equal(t, fmt.Sprintf("user%06d", manyUsers/2), f.User(fmt.Sprintf("user%06d", manyUsers/2)).ID)
	runtime.KeepAlive(saved)
	return float64(after-before) / manyUsers
}

func portraitOf(i int) string { return fmt.Sprintf("https://cdn.example.com/p/%06d.png", i) }

// A user takes at most 170 bytes. The margin is there because maps grow by leaps.
//
//nolint:paralleltest // it measures the heap of the process
func TestMemoryOfRegisteredUsers(t *testing.T) {
	got := heapPerUser(t, func(i int) string {
		return fmt.Sprintf(`{"id":"user%06d","createdAt":1,"name":"Ann %d","portraitUri":"%s"}`, i, i, portraitOf(i))
	}, func(*fake) {})
	require.Less(t, got, 1.3*170)
}

// State that most users don't have costs nothing once it is gone.
//
//nolint:paralleltest // it measures the heap of the process
func TestMemoryAfterBans(t *testing.T) {
	end := time.Now().Add(time.Hour).UnixMilli()
	got := heapPerUser(t, func(i int) string {
		return fmt.Sprintf(`{"id":"user%06d","bannedUntil":%d}`, i, end+int64(i%1000))
	}, func(f *fake) {
		f.ok(unblockPath, "userId=user000000&userId=user000001")
		f.Advance(2 * time.Hour)
		for range manyUsers / 100 {
			f.User("x") // every use removes some of the bans that have ended
		}
	})
	require.Less(t, got, 100.0)
}

// logged is a number of calls after which the log of requests is as large as before.
const logged = 20_000

// heapPerCall makes the calls twice, and returns how many bytes each call of the second time has added.
func (f *fake) heapPerCall(calls func(first int)) float64 {
	calls(0)
	before := liveHeap()
	calls(logged)
	after := liveHeap()
	runtime.KeepAlive(f)
	return float64(after-before) / logged
}

// What is stored isn't part of the request that it came in: that would keep the whole request.
//
//nolint:paralleltest // it measures the heap of the process
func TestMemoryOfListsFromLargeRequests(t *testing.T) {
	f := setup(t)
	padding := "&x=" + strings.Repeat("x", 10_000)
	got := f.heapPerCall(func(first int) {
		for i := range logged / 10 {
			f.ok(blacklistAddPath, fmt.Sprintf("userId=user%d&blackUserId=member%d", first+i, first+i)+padding)
		}
		for range logged - logged/10 {
			f.ok(blockQueryPath, "page=1&size=1")
		}
	})
	require.Less(t, got, 300.0, "a tenth of the calls begins a list")
}

// Tokens aren't stored.
//
//nolint:paralleltest // it measures the heap of the process
func TestMemoryOfTokens(t *testing.T) {
	f := setup(t)
	got := f.heapPerCall(func(int) {
		for range logged {
			f.register("a")
		}
	})
	require.Less(t, got, 100.0)
	require.Less(t, len(f.export()), 1000)
}
