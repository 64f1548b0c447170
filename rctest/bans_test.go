package rctest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBan(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.SetOnline("a", true)
	f.ok(block, "userId=a&userId=b&minute=30")
	require.WithinDuration(t, f.Now().Add(30*time.Minute), f.User("a").BannedUntil, time.Minute)
	require.False(t, f.User("a").Online)
	f.SetOnline("a", true)
	require.Equal(t, "0", f.ok(checkOnline, "userId=a")["status"])
	require.False(t, f.CanMessage("a", "c"))
	require.True(t, f.CanMessage("c", "a"), "messages are kept for the banned")

	f.Advance(20 * time.Minute)
	f.ok(block, "userId=a&minute=15") // starts anew
	f.Advance(10 * time.Minute)
	require.True(t, f.User("b").BannedUntil.IsZero())
	require.Equal(t, []string{"a"}, bannedIDs(f, ""))
	f.Advance(5 * time.Minute)
	require.True(t, f.User("a").BannedUntil.IsZero())
	require.Empty(t, bannedIDs(f, ""))
	f.SetOnline("a", true)
	require.True(t, f.User("a").Online)
	f.ok(block, "userId=a&minute=1")
	require.Equal(t, []string{"a"}, bannedIDs(f, ""), "again after the end")
}

func TestUnban(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.ok(block, ids("userId", 3)+"&minute=43200")
	f.ok(unblock, "userId=u0&userId=u2&userId=nobody")
	require.Equal(t, []string{"u1"}, bannedIDs(f, ""))
	require.True(t, f.User("u0").BannedUntil.IsZero())
	f.SetOnline("u0", true)
	require.True(t, f.User("u0").Online)
}

func bannedIDs(f *fake, form string) []string {
	f.t.Helper()
	users := []string{}
	for _, u := range f.ok(blockQuery, form)["users"].([]any) {
		users = append(users, u.(map[string]any)["userId"].(string))
	}
	return users
}

func TestBansAreListed(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.Equal(t, map[string]any{"users": []any{}}, f.ok(blockQuery, ""))
	f.ok(block, "userId=b&userId=a&minute=20")
	f.ok(block, "userId=c&minute=30")
	f.ok(block, "userId=d&minute=10")
	require.Equal(t, []string{"c", "a", "b", "d"}, bannedIDs(f, ""))
	require.Equal(t, []string{"b"}, bannedIDs(f, "page=3&size=1"))
	first := f.ok(blockQuery, "page=1&size=1")["users"].([]any)[0]
	end := f.User("c").BannedUntil.UTC().Format("2006-01-02 15:04:05")
	require.Equal(t, map[string]any{"userId": "c", "blockEndTime": end}, first)
}

func TestBanPages(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for i := range 51 {
		f.ok(block, idsFrom("userId", 20*i, 20)+"&minute=5")
	}
	for form, want := range map[string]int{
		"": 1000, "page=0": 1000, "size=10": 1000, "page=1": 50, "page=21": 20, "page=22": 0, "page=2147483647&size=2147483647": 0,
		"page=1&size=10": 10, "page=1&size=5000": 1020, "page=2&size=1000": 20,
	} {
		require.Len(t, bannedIDs(f, form), want, form)
	}
}
