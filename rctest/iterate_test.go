package rctest_test

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

func userIDs(users iter.Seq[rctest.User]) []string {
	var ids []string
	for u := range users {
		ids = append(ids, u.ID)
	}
	return ids
}

func TestUsers(t *testing.T) {
	t.Parallel()
	f := setup(t)
	users := f.Users()
	require.Empty(t, userIDs(users))
	f.register("b")
	f.ok(blockPath, "userId=a&minute=5") // never registered
	f.SetOnline("c", true)
	f.register("a")
	require.Equal(t, []string{"b", "a", "c"}, userIDs(users), "in the order of first appearance; a sequence can be used again")
	for u := range users {
		require.Equal(t, f.User(u.ID), u)
		break
	}
	require.Equal(t, []string{"b", "a", "c"}, userIDs(users), "ranged over from the start again")
}

// Queries and calls without an effect store nothing.
func TestUsersAppearByWhatIsStored(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.ok(checkOnlinePath, "userId=a")
	f.ok(unblockPath, "userId=a")
	f.ok(whitesettingSetPath, "userId=a&whiteSetting=0")
	f.ok(expirePath, "userId=a&time=0")
	f.ok(blacklistRemovePath, "userId=a&blackUserId=b")
	f.ok(reactivatePath, "userId=a")
	f.SetOnline("a", false)
	for _, id := range []string{"", "\xff", "a\x00", string(make([]byte, 65))} {
		f.SetOnline(id, true)
		f.RefuseDeactivation(id, "1")
	}
	require.Empty(t, userIDs(f.Users()))
}

// The body of a loop may call the server. Ids that appear meanwhile come at the end.
func TestUsersWhileTheyChange(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for i := range 150 {
		f.ok(blockPath, idsFrom("userId", 20*i, 20)+"&minute=5")
	}
	seen := make(map[string]bool)
	for u := range f.Users() {
		require.False(t, seen[u.ID])
		seen[u.ID] = true
		if len(seen)%100 == 1 && len(seen) < 3000 {
			f.register(fmt.Sprint("new", len(seen)))
		}
	}
	require.Len(t, seen, 3030)
	require.True(t, seen["new1"])
}

// A page with many lists is short, and the next one goes on behind it.
func TestUsersWithLongLists(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for owner := range 5 {
		for i := range 50 {
			f.ok(blacklistAddPath, fmt.Sprintf("userId=o%d&", owner)+idsFrom("blackUserId", 20*i, 20))
		}
	}
	require.Equal(t, []string{"o0", "o1", "o2", "o3", "o4"}, userIDs(f.Users()))
}

func TestUsersEndWithAReset(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for i := range 150 {
		f.ok(blockPath, idsFrom("userId", 20*i, 20)+"&minute=5")
	}
	first := true
	for u := range f.Users() {
		require.Equal(t, "u", u.ID[:1], "of the state that the iteration began with")
		if first {
			f.Reset()
			for i := range 150 {
				f.ok(blockPath, strings.ReplaceAll(idsFrom("userId", 20*i, 20), "=u", "=new")+"&minute=5")
			}
		}
		first = false
	}
	require.Len(t, userIDs(f.Users()), 3000)
}

func TestBans(t *testing.T) {
	t.Parallel()
	f := setup(t)
	bans := f.Bans()
	require.Empty(t, slices.Collect(bans))
	f.ok(blockPath, "userId=b&userId=a&minute=20")
	f.ok(blockPath, "userId=c&minute=30")
	got := slices.Collect(bans)
	require.Equal(t, []string{"c", "a", "b"}, bannedIDs(f, ""))
	require.Equal(t, []rcuser.Ban{
		{UserID: "c", Until: f.User("c").BannedUntil}, {UserID: "a", Until: f.User("a").BannedUntil}, {UserID: "b", Until: f.User("b").BannedUntil},
	}, got)
	f.Advance(20 * time.Minute)
	require.Equal(t, got[:1], slices.Collect(bans))
}

// However many bans end at the same time, no listing shows one of them.
func TestManyBansEnd(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for i := range 50 {
		f.ok(blockPath, idsFrom("userId", 20*i, 20)+"&minute=5")
	}
	f.ok(blockPath, "userId=last&minute=10")
	f.Advance(5 * time.Minute)
	require.Equal(t, []string{"last"}, bannedIDs(f, ""))
	require.Equal(t, []string{"last"}, bannedIDs(f, "page=1&size=7"))
	require.Len(t, slices.Collect(f.Bans()), 1)
	require.Len(t, slices.Collect(f.Pending()), 1)
	require.True(t, f.User("u999").BannedUntil.IsZero())
	f.ok(blockPath, "userId=u999&minute=1")
	require.Equal(t, []string{"last", "u999"}, bannedIDs(f, ""))
}

// Bans that are in force all the time are listed once, whatever happens to others meanwhile.
func TestBansWhileTheyChange(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for i := range 150 {
		f.ok(blockPath, idsFrom("userId", 20*i, 20)+fmt.Sprint("&minute=", 10+i%7))
	}
	seen := make(map[string]int)
	for b := range f.Bans() {
		if seen[b.UserID]++; len(seen)%50 == 1 {
			f.ok(unblockPath, fmt.Sprintf("userId=%s&userId=u%d", b.UserID, len(seen)))
			f.ok(blockPath, fmt.Sprintf("userId=new%d&minute=43200", len(seen)))
		}
	}
	require.Equal(t, 1, slices.Max(slices.Collect(maps.Values(seen))))
	for b := range f.Bans() {
		if b.UserID[0] == 'u' {
			require.Equal(t, 1, seen[b.UserID], b.UserID)
		}
	}
}

func TestPending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		require.Empty(t, slices.Collect(f.Pending()))
		start := f.Now().UTC()
		at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
		f.ok(blockPath, "userId=a&userId=b&minute=30")
		f.ok(blockPath, "userId=c&minute=10")
		f.ok(deactivatePath, "userId=d")
		f.Advance(time.Minute)
		f.RefuseDeactivation("e", "1")
		f.ok(deactivatePath, "userId=e,d")
		f.ok(blockPath, "userId=a&minute=4")
		want := []rctest.Pending{
			{rctest.BanEnds, "a", at(5)},
			{rctest.BanEnds, "c", at(10)},
			{rctest.DeactivationFinishes, "d", at(15)},
			{rctest.DeactivationFinishes, "e", at(16)},
			{rctest.BanEnds, "b", at(30)},
		}
		pending := f.Pending()
		require.Equal(t, want, slices.Collect(pending))
		for len(want) > 0 {
			f.Advance(want[0].Due.Sub(f.Now()))
			want = want[1:]
			require.Equal(t, want, slices.AppendSeq([]rctest.Pending{}, pending))
		}
		require.Empty(t, slices.Collect(pending))
	})
}

// What is pending is in order over many pages, also if the body stops early.
func TestPendingPages(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for i := range 110 {
		f.ok(blockPath, idsFrom("userId", 20*i, 20)+fmt.Sprint("&minute=", 5+(i*7)%23))
		f.ok(deactivatePath, "userId="+fmt.Sprint("d", i)+","+fmt.Sprint("e", i))
		f.Advance(time.Second)
	}
	all := slices.Collect(f.Pending())
	require.Len(t, all, 2200+220)
	require.True(t, slices.IsSortedFunc(all, func(a, b rctest.Pending) int { return a.Due.Compare(b.Due) }))
	seen := make(map[rctest.Pending]bool)
	for _, p := range all {
		require.False(t, seen[p])
		seen[p] = true
	}
	for p := range f.Pending() {
		require.Equal(t, all[0], p)
		break
	}
}

// A body that extends the bans that are about to end doesn't get them again.
func TestPendingEndsWhileBansAreExtended(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		f.ok(blockPath, "userId=a&userId=b&minute=1")
		var got []string
		for p := range f.Pending() {
			require.Less(t, len(got), 2)
			got = append(got, p.UserID)
			time.Sleep(time.Second)
			f.ok(blockPath, "userId="+p.UserID+"&minute=60")
		}
		require.Equal(t, []string{"b", "a"}, got)
		require.Len(t, slices.Collect(f.Pending()), 2, "the next iteration has the new bans")
	})
}
