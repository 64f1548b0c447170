package rctest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	blockPath      = "/user/block.json"
	unblockPath    = "/user/unblock.json"
	blockQueryPath = "/user/block/query.json"
)

func TestBan(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.SetOnline("a", true)
	f.ok(blockPath, "userId=a&userId=b&minute=30")
	require.WithinDuration(t, f.Now().Add(30*time.Minute), f.User("a").BannedUntil, time.Minute)
	require.False(t, f.User("a").Online)
	f.SetOnline("a", true)
	require.Equal(t, "0", f.ok(checkOnlinePath, "userId=a")["status"])
	require.False(t, f.CanMessage("a", "c"))
	require.True(t, f.CanMessage("c", "a"), "a banned user can receive messages")

	f.Advance(20 * time.Minute)
	f.ok(blockPath, "userId=a&minute=15") // replaces the first ban
	f.Advance(10 * time.Minute)
	require.True(t, f.User("b").BannedUntil.IsZero())
	require.Equal(t, []string{"a"}, bannedIDs(f, ""))
	f.Advance(5 * time.Minute)
	require.True(t, f.User("a").BannedUntil.IsZero())
	require.Empty(t, bannedIDs(f, ""))
	f.SetOnline("a", true)
	require.True(t, f.User("a").Online)
	f.ok(blockPath, "userId=a&minute=1")
	require.Equal(t, []string{"a"}, bannedIDs(f, ""), "banned again after the first ban ended")
}

func TestUnban(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.ok(blockPath, ids("userId", 3)+"&minute=43200")
	f.ok(unblockPath, "userId=u0&userId=u2&userId=nobody")
	require.Equal(t, []string{"u1"}, bannedIDs(f, ""))
	require.True(t, f.User("u0").BannedUntil.IsZero())
	f.SetOnline("u0", true)
	require.True(t, f.User("u0").Online)
}

func bannedIDs(f *fake, form string) []string {
	f.t.Helper()
	users := []string{}
	for _, u := range f.ok(blockQueryPath, form)["users"].([]any) {
		users = append(users, u.(map[string]any)["userId"].(string))
	}
	return users
}

func TestBanList(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.Equal(t, map[string]any{"users": []any{}}, f.ok(blockQueryPath, ""))
	f.ok(blockPath, "userId=b&userId=a&minute=20")
	f.ok(blockPath, "userId=c&minute=30")
	f.ok(blockPath, "userId=d&minute=10")
	require.Equal(t, []string{"c", "a", "b", "d"}, bannedIDs(f, ""))
	require.Equal(t, []string{"b"}, bannedIDs(f, "page=3&size=1"))
	first := f.ok(blockQueryPath, "page=1&size=1")["users"].([]any)[0]
	end := f.User("c").BannedUntil.UTC().Format("2006-01-02 15:04:05")
	require.Equal(t, map[string]any{"userId": "c", "blockEndTime": end}, first)
}

func TestBanPages(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for i := range 51 {
		f.ok(blockPath, idsFrom("userId", 20*i, 20)+"&minute=5")
	}
	for form, want := range map[string]int{
		"": 1000, "page=0": 1000, "size=10": 1000, "page=1": 50, "page=21": 20, "page=22": 0, "page=2147483647&size=2147483647": 0,
		"page=1&size=10": 10, "page=1&size=5000": 1020, "page=2&size=1000": 20,
	} {
		require.Len(t, bannedIDs(f, form), want, form)
	}
}

func TestBanFields(t *testing.T) {
	checkIDs(t, idField{blockPath, "userId", "&minute=1", 20}, idField{unblockPath, "userId", "&x=1", 20})
	checkRefused(t, blockPath, "userId=a&minute=0", "userId=a&minute=43201", "userId=a", "userId=a&minute=+5", "userId=a&minute=5&minute=5")
	checkRefused(t, blockQueryPath, "page=-1", "page=1&size=0", "size=x")
}
