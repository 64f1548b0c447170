package rctest_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// kind is one of the two lists, which behave alike.
type kind struct {
	add, remove, query, field string
	view                      func(rctest.User) []string
}

func eachKind(t *testing.T, test func(*testing.T, kind)) {
	t.Parallel()
	for name, k := range map[string]kind{
		"blocklist": {blacklistAdd, blacklistRemove, blacklistQuery, "blackUserId", func(u rctest.User) []string { return u.Blocklist }},
		"allowlist": {whitelistAdd, whitelistRemove, whitelistQuery, "whiteUserId", func(u rctest.User) []string { return u.Allowlist }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, k)
		})
	}
}

func TestList(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		f := setup(t)
		require.Equal(t, map[string]any{"users": []any{}}, f.ok(k.query, "userId=o"))
		f.ok(k.remove, "userId=o&"+k.field+"=a")
		f.ok(k.add, "userId=o&"+k.field+"=a&"+k.field+"=b")
		f.ok(k.add, "userId=o&"+k.field+"=c&"+k.field+"=a&"+k.field+"=o&"+k.field+"=c")
		require.Equal(t, map[string]any{"users": []any{"o", "c", "b", "a"}}, f.ok(k.query, "userId=o"))
		require.Equal(t, []string{"o", "c", "b", "a"}, k.view(f.User("o")))
		f.ok(k.remove, "userId=o&"+k.field+"=c&"+k.field+"=x&"+k.field+"=c")
		require.Equal(t, []string{"o", "b", "a"}, k.view(f.User("o")))
		require.Empty(t, k.view(f.User("a")), "it is one way")
		f.ok(k.add, "userId=o&"+k.field+"=c%2Cd")
		require.Equal(t, "c,d", k.view(f.User("o"))[0], "a comma is a character like any other")
	})
}

func TestListPages(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		f := setup(t)
		f.ok(k.add, "userId=o&"+ids(k.field, 9))
		page := f.ok(k.query, "userId=o&size=4")
		require.Equal(t, []any{"u8", "u7", "u6", "u5"}, page["users"])
		next := url.QueryEscape(page["next"].(string))
		f.ok(k.remove, "userId=o&"+k.field+"=u5&"+k.field+"=u3&"+k.field+"=u7")
		f.ok(k.add, "userId=o&"+k.field+"=new&"+k.field+"=u7")
		page = f.ok(k.query, "userId=o&size=4&pageToken="+next)
		require.Equal(t, map[string]any{"users": []any{"u4", "u2", "u1", "u0"}}, page, "the last page has no next")
		require.Equal(t, []any{"u7", "new"}, f.ok(k.query, "userId=o&size=2&pageToken=")["users"])

		f.ok(k.add, "userId=p&"+ids(k.field, 9))
		for _, token := range []string{"x", "COIB", "AAAA", next[:len(next)-4], next + "AAAA", "%00", "AAAAAAAAAAAAAAAA"} {
			f.refused(k.query, "userId=o&pageToken="+token, 400, 1002)
		}
		f.refused(k.query, "userId=p&pageToken="+next, 400, 1002)
		f.refused(k.query, "userId=nobody&pageToken="+next, 400, 1002)
	})
}

func TestListIsFull(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		f := setup(t)
		for i := range 150 {
			f.ok(k.add, "userId=o&"+strings.ReplaceAll(ids(k.field, 20), "=u", fmt.Sprintf("=%d.", i)))
		}
		f.refused(k.add, "userId=o&"+k.field+"=1.1&"+k.field+"=more", 400, 1002)
		f.ok(k.add, "userId=o&"+k.field+"=1.1")
		f.ok(k.remove, "userId=o&"+k.field+"=1.1")
		f.refused(k.add, "userId=o&"+k.field+"=more&"+k.field+"=1.1", 400, 1002)
		require.Len(t, k.view(f.User("o")), 2999, "refused as a whole")
		f.ok(k.add, "userId=o&"+k.field+"=more&"+k.field+"=more")
		page, seen := f.ok(k.query, "userId=o"), 0
		for ; page["next"] != nil; seen += 1000 {
			require.Len(t, page["users"], 1000)
			page = f.ok(k.query, "userId=o&pageToken="+url.QueryEscape(page["next"].(string)))
		}
		require.Equal(t, 3000, seen+len(page["users"].([]any)))
	})
}

func TestListTokenAfterRemoval(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		f := setup(t)
		f.ok(k.add, "userId=o&"+ids(k.field, 3))
		next := url.QueryEscape(f.ok(k.query, "userId=o&size=1")["next"].(string))
		f.ok(deactivate, "userId=o")
		f.Advance(time.Hour)
		f.ok(reactivate, "userId=o")
		f.ok(k.add, "userId=o&"+ids(k.field, 9))
		require.Equal(t, map[string]any{"users": []any{}}, f.ok(k.query, "userId=o&pageToken="+next))
	})
}

func TestAllowlistSwitch(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.ok(settingSet, "userId=98&userId=99&whiteSetting=1")
	f.ok(settingSet, "userId=99&whiteSetting=0")
	require.Equal(t, []any{
		map[string]any{"userId": "98", "whiteSetting": "1"},
		map[string]any{"userId": "99", "whiteSetting": "0"},
		map[string]any{"userId": "nobody", "whiteSetting": "0"},
	}, f.ok(settingQuery, "userId=98&userId=99&userId=nobody")["users"])
	require.True(t, f.User("98").AllowlistEnabled)
	require.False(t, f.User("99").AllowlistEnabled)
}

func TestAllowlistForAll(t *testing.T) {
	t.Parallel()
	f := setup(t, rctest.AllowlistForAll())
	require.True(t, f.User("a").AllowlistEnabled)
	f.ok(settingSet, "userId=a&whiteSetting=1")
	f.refused(settingSet, "userId=a&whiteSetting=0", 400, 1002)
	require.Equal(t, []any{map[string]any{"userId": "b", "whiteSetting": "1"}}, f.ok(settingQuery, "userId=b")["users"])
	require.False(t, f.CanMessage("b", "c"))
	f.ok(whitelistAdd, "userId=c&whiteUserId=b")
	require.True(t, f.CanMessage("b", "c"))
	require.False(t, f.CanMessage("c", "b"), "it is one way")
}

func TestCanMessage(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.True(t, f.CanMessage("b", "a"))
	f.ok(blacklistAdd, "userId=a&blackUserId=b&blackUserId=c")
	f.ok(whitelistAdd, "userId=a&whiteUserId=c")
	require.False(t, f.CanMessage("b", "a"))
	require.False(t, f.CanMessage("c", "a"), "the allowlist is off")
	require.True(t, f.CanMessage("a", "b"), "it is one way")
	f.ok(settingSet, "userId=a&whiteSetting=1")
	require.True(t, f.CanMessage("c", "a"), "who is on both counts as allowed")
	require.False(t, f.CanMessage("d", "a"))
	f.ok(settingSet, "userId=a&whiteSetting=0")
	require.False(t, f.CanMessage("c", "a"), "the blocklist was kept")
	f.ok(deactivate, "userId=d")
	require.False(t, f.CanMessage("d", "b"))
	require.True(t, f.CanMessage("b", "d"))
}

func TestPresence(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.Equal(t, map[string]any{"status": "0"}, f.ok(checkOnline, "userId=a"))
	f.SetOnline("a", false)
	f.SetOnline("a", true)
	require.Equal(t, map[string]any{"status": "1"}, f.ok(checkOnline, "userId=a"))
	f.SetOnline("a", false)
	require.Equal(t, map[string]any{"status": "0"}, f.ok(checkOnline, "userId=a"))
	f.refused(checkOnline, "userId=a&userId=b", 400, 1002)
}
