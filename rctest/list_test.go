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

// listCase is the blocklist or the allowlist, which share their behaviour.
type listCase struct {
	add, remove, query, field string
	get                       func(rctest.User) []string
}

func forBothLists(t *testing.T, test func(*testing.T, listCase)) {
	t.Parallel()
	for name, l := range map[string]listCase{
		"blocklist": {blacklistAddPath, blacklistRemovePath, blacklistQueryPath, "blackUserId", func(u rctest.User) []string { return u.Blocklist }},
		"allowlist": {whitelistAddPath, whitelistRemovePath, whitelistQueryPath, "whiteUserId", func(u rctest.User) []string { return u.Allowlist }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, l)
		})
	}
}

func TestList(t *testing.T) {
	forBothLists(t, func(t *testing.T, l listCase) {
		f := setup(t)
		require.Equal(t, map[string]any{"users": []any{}}, f.ok(l.query, "userId=o"))
		f.ok(l.remove, "userId=o&"+l.field+"=a")
		f.ok(l.add, "userId=o&"+l.field+"=a&"+l.field+"=b")
		f.ok(l.add, "userId=o&"+l.field+"=c&"+l.field+"=a&"+l.field+"=o&"+l.field+"=c")
		require.Equal(t, map[string]any{"users": []any{"o", "c", "b", "a"}}, f.ok(l.query, "userId=o"))
		require.Equal(t, []string{"o", "c", "b", "a"}, l.get(f.User("o")))
		f.ok(l.remove, "userId=o&"+l.field+"=c&"+l.field+"=x&"+l.field+"=c")
		require.Equal(t, []string{"o", "b", "a"}, l.get(f.User("o")))
		require.Empty(t, l.get(f.User("a")), "lists work one way")
		f.ok(l.add, "userId=o&"+l.field+"=c%2Cd")
		require.Equal(t, "c,d", l.get(f.User("o"))[0], "commas don't separate ids here")
	})
}

func TestListPages(t *testing.T) {
	forBothLists(t, func(t *testing.T, l listCase) {
		f := setup(t)
		f.ok(l.add, "userId=o&"+ids(l.field, 9))
		page := f.ok(l.query, "userId=o&size=4")
		require.Equal(t, []any{"u8", "u7", "u6", "u5"}, page["users"])
		next := url.QueryEscape(page["next"].(string))
		f.ok(l.remove, "userId=o&"+l.field+"=u5&"+l.field+"=u3&"+l.field+"=u7")
		f.ok(l.add, "userId=o&"+l.field+"=new&"+l.field+"=u7")
		page = f.ok(l.query, "userId=o&size=4&pageToken="+next)
		require.Equal(t, map[string]any{"users": []any{"u4", "u2", "u1", "u0"}}, page, "the last page has no next")
		require.Equal(t, []any{"u7", "new"}, f.ok(l.query, "userId=o&size=2&pageToken=")["users"])

		f.ok(l.add, "userId=p&"+ids(l.field, 9))
		for _, token := range []string{"x", "COIB", "AAAA", next[:len(next)-4], next + "AAAA", "%00", "AAAAAAAAAAAAAAAA"} {
			f.refused(l.query, "userId=o&pageToken="+token, 400, 1002)
		}
		f.refused(l.query, "userId=p&pageToken="+next, 400, 1002)
		f.refused(l.query, "userId=nobody&pageToken="+next, 400, 1002)
	})
}

func TestListLimit(t *testing.T) {
	forBothLists(t, func(t *testing.T, l listCase) {
		f := setup(t)
		for i := range 150 {
			f.ok(l.add, "userId=o&"+strings.ReplaceAll(ids(l.field, 20), "=u", fmt.Sprintf("=%d.", i)))
		}
		f.refused(l.add, "userId=o&"+l.field+"=1.1&"+l.field+"=more", 400, 1002)
		f.ok(l.add, "userId=o&"+l.field+"=1.1")
		f.ok(l.remove, "userId=o&"+l.field+"=1.1")
		f.refused(l.add, "userId=o&"+l.field+"=more&"+l.field+"=1.1", 400, 1002)
		require.Len(t, l.get(f.User("o")), 2999, "refused as a whole")
		f.ok(l.add, "userId=o&"+l.field+"=more&"+l.field+"=more")
		page, seen := f.ok(l.query, "userId=o"), 0
		for ; page["next"] != nil; seen += 1000 {
			require.Len(t, page["users"], 1000)
			page = f.ok(l.query, "userId=o&pageToken="+url.QueryEscape(page["next"].(string)))
		}
		require.Equal(t, 3000, seen+len(page["users"].([]any)))
	})
}

func TestPageTokenAfterDeactivation(t *testing.T) {
	forBothLists(t, func(t *testing.T, l listCase) {
		f := setup(t)
		f.ok(l.add, "userId=o&"+ids(l.field, 3))
		next := url.QueryEscape(f.ok(l.query, "userId=o&size=1")["next"].(string))
		f.ok(deactivatePath, "userId=o")
		f.Advance(time.Hour)
		f.ok(reactivatePath, "userId=o")
		f.ok(l.add, "userId=o&"+ids(l.field, 9))
		require.Equal(t, map[string]any{"users": []any{}}, f.ok(l.query, "userId=o&pageToken="+next))
	})
}
