package rctest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

const (
	getTokenPath        = "/user/getToken.json"
	infoPath            = "/user/info.json"
	refreshPath         = "/user/refresh.json"
	deactivatePath      = "/user/deactivate.json"
	deactivateQueryPath = "/user/deactivate/query.json"
	reactivatePath      = "/user/reactivate.json"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	f := setup(t)
	got := f.ok(getTokenPath, "userId=jlk456j5&name=Ironman&portraitUri=http%3A%2F%2Fabc.com%2Fmyportrait.jpg")
	require.Equal(t, "jlk456j5", got["userId"])
	first := got["token"].(string)
	require.LessOrEqual(t, len(first), 256)
	require.Contains(t, first, "@")
	u := f.User("jlk456j5")
	require.True(t, u.Registered)
	require.Equal(t, "Ironman", u.Name)
	require.Equal(t, "http://abc.com/myportrait.jpg", u.PortraitURI)
	require.WithinDuration(t, time.Now(), u.CreatedAt, time.Minute)

	f.Advance(time.Hour)
	second := f.ok(getTokenPath, "userId=jlk456j5&name=Tony")["token"].(string)
	require.NotEqual(t, first, second)
	require.True(t, f.ValidToken("jlk456j5", first), "earlier tokens stay valid")
	require.True(t, f.ValidToken("jlk456j5", second))
	again := f.User("jlk456j5")
	require.Equal(t, "Tony", again.Name)
	require.Equal(t, u.PortraitURI, again.PortraitURI, "kept if not given")
	require.Equal(t, u.CreatedAt, again.CreatedAt)
	require.Len(t, again.Tokens, 2)
	require.Equal(t, first, again.Tokens[0].Value)
	require.Equal(t, "jlk456j5", again.Tokens[0].UserID)

	f.ok(getTokenPath, "userId=jlk456j5&name=Tony&portraitUri=")
	require.Empty(t, f.User("jlk456j5").PortraitURI, "cleared if given empty")
}

func TestRegisterLimits(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.ok(getTokenPath, "userId="+strings.Repeat("a", 64)+"&name="+strings.Repeat("%E4%B8%AD", 64)+"&portraitUri="+strings.Repeat("p", 1024))
	f.refused(getTokenPath, "userId="+strings.Repeat("a", 65)+"&name=N", 400, 1005)
	f.refused(getTokenPath, "userId="+strings.Repeat("%E4%B8%AD", 22)+"&name=N", 400, 1005)
	f.refused(getTokenPath, "userId=a&name="+strings.Repeat("n", 65), 400, 1005)
	f.refused(getTokenPath, "userId=a&name=N&portraitUri="+strings.Repeat("p", 1025), 400, 1005)
	f.refused(getTokenPath, "userId=a&name=%FF", 400, 1002)
	f.refused(getTokenPath, "userId=a&name=N&portraitUri=%FF", 400, 1002)
	require.Equal(t, "name is required", f.refused(getTokenPath, "userId=a", 400, 1002))
	f.refused(getTokenPath, "userId=a&name=", 400, 1002)
	f.refused(getTokenPath, "name=N", 400, 1002)
	f.refused(getTokenPath, "userId=a&name=N&name=N", 400, 1002)
	require.False(t, f.User("a").Registered)
}

func TestDevelopment(t *testing.T) {
	t.Parallel()
	f := setup(t, rctest.Development())
	for i := range 100 {
		f.register(fmt.Sprint("u", i))
	}
	f.refused(getTokenPath, "userId=u100&name=N", 403, 2007)
	require.False(t, f.User("u100").Registered)
	f.register("u7")
	f.ok(blockPath, "userId=u100&minute=1")
	f.refused(getTokenPath, "userId=u100&name=N", 403, 2007)
}

func TestInfo(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.Equal(t, "ParamError:data is not exist.", f.refused(infoPath, "userId=123", 400, 1002))
	f.ok(blockPath, "userId=123&minute=1")
	f.refused(infoPath, "userId=123", 400, 1002)
	f.ok(getTokenPath, "userId=123&name=123")
	created := f.User("123").CreatedAt.Format("2006-01-02 15:04:05")
	require.Equal(t, map[string]any{"userName": "123", "userPortrait": "", "createTime": created}, f.ok(infoPath, "userId=123"))
	require.Equal(t, time.UTC, f.User("123").CreatedAt.Location())
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.Equal(t, "userIda is not exist.", f.refused(refreshPath, "userId=a&name=N", 400, 1002))
	require.Equal(t, rctest.User{ID: "a"}, f.User("a"), "an unknown user stays unknown")
	f.ok(blockPath, "userId=a&minute=1")
	f.refused(refreshPath, "userId=a&name=N", 400, 1002) // known by its ban, but never registered
	f.ok(getTokenPath, "userId=a&name=N&portraitUri=P")
	f.ok(refreshPath, "userId=a&name=M")
	require.Equal(t, []string{"M", "P"}, []string{f.User("a").Name, f.User("a").PortraitURI})
	f.ok(refreshPath, "userId=a&portraitUri=Q")
	require.Equal(t, []string{"M", "Q"}, []string{f.User("a").Name, f.User("a").PortraitURI})
	f.ok(refreshPath, "userId=a&portraitUri=&name=")
	require.Equal(t, []string{"", ""}, []string{f.User("a").Name, f.User("a").PortraitURI})
	f.ok(refreshPath, "userId=a")
	f.refused(refreshPath, "userId=a&name="+strings.Repeat("n", 65), 400, 1005)
}

func TestDeactivate(t *testing.T) {
	t.Parallel()
	f := setup(t)
	token := f.register("a")
	f.SetOnline("a", true)
	f.ok(blacklistAddPath, "userId=a&blackUserId=x")
	f.ok(whitelistAddPath, "userId=a&whiteUserId=y")
	f.ok(whitesettingSetPath, "userId=a&whiteSetting=1")
	f.ok(blockPath, "userId=a&minute=43200")
	calledAt := f.Now()
	require.Regexp(t, `^[0-9A-Z]{4}(-[0-9A-Z]{4}){3}$`, f.ok(deactivatePath, "userId=a%2Cnobody")["operateId"])

	u := f.User("a")
	require.True(t, u.Deactivated)
	require.False(t, u.Online)
	require.WithinDuration(t, calledAt, u.DeactivatedAt, time.Minute)
	require.Empty(t, u.Tokens)
	require.False(t, f.ValidToken("a", token))
	f.SetOnline("a", true)
	require.Equal(t, "0", f.ok(checkOnlinePath, "userId=a")["status"])
	f.refused(getTokenPath, "userId=a&name=N", 400, 1002)
	require.Equal(t, []any{"a", "nobody"}, f.ok(deactivateQueryPath, "")["users"])

	f.Advance(14 * time.Minute)
	require.Equal(t, "N", f.User("a").Name)
	f.Advance(time.Minute)
	u = f.User("a")
	require.Equal(t, []any{"", "", false}, []any{u.Name, u.PortraitURI, u.AllowlistEnabled})
	require.Empty(t, u.Blocklist)
	require.Empty(t, u.Allowlist)
	require.False(t, u.BannedUntil.IsZero(), "bans are kept")
	require.Equal(t, []any{"a", "nobody"}, f.ok(deactivateQueryPath, "")["users"])
	require.Equal(t, "", f.ok(infoPath, "userId=a")["userName"])
}

func TestReactivate(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.register("a")
	first := f.ok(deactivatePath, "userId=a")["operateId"]
	f.Advance(30 * time.Minute)
	require.NotEqual(t, first, f.ok(deactivatePath, "userId=a,b")["operateId"])
	f.refused(reactivatePath, "userId=a", 400, 1002)
	f.Advance(30 * time.Minute)
	f.refused(reactivatePath, "userId=a,b", 400, 1002)
	require.True(t, f.User("a").Deactivated, "refused as a whole")
	f.ok(reactivatePath, "userId=a,c") // the second deactivation call didn't restart the hour
	require.Equal(t, []any{"b"}, f.ok(deactivateQueryPath, "")["users"])
	f.Advance(30 * time.Minute)
	f.ok(reactivatePath, "userId=b,a")
	require.Equal(t, []any{}, f.ok(deactivateQueryPath, "")["users"])

	u := f.User("a")
	require.True(t, u.Registered)
	require.False(t, u.Deactivated)
	require.True(t, u.DeactivatedAt.IsZero())
	require.Empty(t, u.Name, "removed data stays removed")
	require.True(t, f.ValidToken("a", f.register("a")))
	f.ok(deactivatePath, "userId=a")
	require.False(t, f.User("a").DeactivatedAt.IsZero())
	f.Advance(15 * time.Minute)
	require.Empty(t, f.User("a").Name, "a second time")
}

func TestDeactivatedPages(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.ok(deactivatePath, "userId="+joinedIDs(100))
	f.ok(deactivatePath, "userId=last,u3")
	for form, want := range map[string]int{
		"": 50, "pageNo=2": 50, "pageNo=3": 1, "pageNo=4": 0, "pageNo=2147483647": 0,
		"pageSize=7": 7, "pageSize=7&pageNo=15": 3,
	} {
		require.Len(t, f.ok(deactivateQueryPath, form)["users"], want, form)
	}
	require.Equal(t, []any{"u2", "u3"}, f.ok(deactivateQueryPath, "pageNo=2&pageSize=2")["users"])
	require.Equal(t, []any{"last"}, f.ok(deactivateQueryPath, "pageNo=3")["users"])
}

func TestJoinedIDs(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, path := range []string{deactivatePath, reactivatePath} {
		f.refused(path, "userId="+joinedIDs(101), 400, 1002)
		f.refused(path, "userId=a,,b", 400, 1002)
		f.refused(path, "userId=a,", 400, 1002)
		f.refused(path, "userId=a,"+strings.Repeat("b", 65), 400, 1005)
	}
	require.Empty(t, f.ok(deactivateQueryPath, "")["users"])
	f.ok(reactivatePath, "userId="+joinedIDs(100))
	f.ok(deactivatePath, "userId="+joinedIDs(100))
}

// TestDeactivationTimes runs in a bubble, whose clock stands still between sleeps.
func TestDeactivationTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		f.register("a")
		f.ok(deactivatePath, "userId=a")
		f.Advance(15*time.Minute - 1)
		require.NotEmpty(t, f.User("a").Name)
		f.Advance(1)
		require.Empty(t, f.User("a").Name)
		f.Advance(45*time.Minute - 1)
		f.refused(reactivatePath, "userId=a", 400, 1002)
		f.Advance(1)
		f.ok(reactivatePath, "userId=a")
	})
}

func TestDeactivationEvents(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		f.Advance(time.Hour)
		first := f.ok(deactivatePath, "userId=a,a")["operateId"]
		time.Sleep(time.Minute)
		second := f.ok(deactivatePath, "userId=a,a")["operateId"]
		f.ok(deactivatePath, "userId=b")
		time.Sleep(14*time.Minute - 1)
		require.Empty(t, a.bodies())
		time.Sleep(time.Nanosecond)
		finished := []string{
			fmt.Sprintf("userId=a&operateId=%s&type=0&code=0&time=946689300000", first),
			fmt.Sprintf("userId=a&operateId=%s&type=0&code=0&time=946689300000", second),
		}
		require.Equal(t, finished, a.bodies())
		third := f.ok(deactivatePath, "userId=a,a")["operateId"]
		require.Equal(t, append(finished, fmt.Sprintf("userId=a&operateId=%s&type=0&code=0&time=946689300000", third)), a.bodies())
		require.Equal(t, "application/x-www-form-urlencoded", a.all()[0].contentType)
		time.Sleep(time.Minute)
		got := a.bodies()
		require.Len(t, got, 4)
		require.Regexp(t, `^userId=b&operateId=[-0-9A-Z]{19}&type=0&code=0&time=946689360000$`, got[3])
		time.Sleep(24 * time.Hour)
		require.Len(t, a.bodies(), 4)
	})
}

func TestReactivationEvents(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		f.ok(deactivatePath, "userId=a")
		time.Sleep(59 * time.Minute)
		f.refused(reactivatePath, "userId=a,b", 400, 1002)
		require.Len(t, a.bodies(), 1, "a refused call reports nothing")
		time.Sleep(time.Minute)
		operation := f.ok(reactivatePath, "userId=a,b,a,b")["operateId"]
		require.ElementsMatch(t, []string{
			fmt.Sprintf("userId=a&operateId=%s&type=1&code=0&time=946688400000", operation),
			fmt.Sprintf("userId=b&operateId=%s&type=1&code=0&time=946688400000", operation),
		}, a.bodies()[1:])
	})
}

func TestRefuseDeactivation(t *testing.T) {
	t.Parallel()
	for _, webhook := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f, a := setup(t), &app{start: time.Now()}
			if webhook {
				f.SetWebhook(a)
			}
			token := f.register("a")
			f.ok(blacklistAddPath, "userId=a&blackUserId=x")
			f.RefuseDeactivation("a", "x")
			f.RefuseDeactivation("a", "7&")
			first := f.ok(deactivatePath, "userId=a,b")["operateId"]
			again := f.ok(deactivatePath, "userId=a")["operateId"]
			f.Advance(15*time.Minute - 1)
			require.True(t, f.User("a").Deactivated)
			require.Equal(t, []any{"a", "b"}, f.ok(deactivateQueryPath, "")["users"])
			f.Advance(1)
			require.Equal(t, []any{"b"}, f.ok(deactivateQueryPath, "")["users"])
			u := f.User("a")
			require.Equal(t, []any{false, "N", []string{"x"}}, []any{u.Deactivated, u.Name, u.Blocklist})
			require.True(t, u.DeactivatedAt.IsZero())
			require.False(t, f.ValidToken("a", token))
			f.Advance(time.Hour)
			require.Equal(t, "N", f.User("a").Name)
			require.True(t, f.ValidToken("a", f.register("a")))
			f.ok(deactivatePath, "userId=a") // RefuseDeactivation refuses one deactivation only
			f.Advance(15 * time.Minute)
			require.Empty(t, f.User("a").Name)
			if !webhook {
				require.Empty(t, a.bodies())
				return
			}
			require.Len(t, a.bodies(), 4)
			require.Subset(t, a.bodies(), []string{
				fmt.Sprintf("userId=a&operateId=%s&type=0&code=7%%26&time=946685700000", first),
				fmt.Sprintf("userId=a&operateId=%s&type=0&code=7%%26&time=946685700000", again),
				fmt.Sprintf("userId=b&operateId=%s&type=0&code=0&time=946685700000", first),
			})
		})
	}
	srv := rctest.NewServer()
	require.Panics(t, func() { srv.RefuseDeactivation("a", "") })
	require.Panics(t, func() { srv.RefuseDeactivation("a", "0") })
}

// Every method that reads the state must see that the refused deactivation has ended.
func TestRefusedDeactivationEndsOnEveryAccess(t *testing.T) {
	t.Parallel()
	for name, active := range map[string]func(f *fake) bool{
		"user":  func(f *fake) bool { return !f.User("a").Deactivated },
		"token": func(f *fake) bool { return f.call(getTokenPath, "userId=a&name=N").code() == 200 },
		"online": func(f *fake) bool {
			f.SetOnline("a", true)
			return f.ok(checkOnlinePath, "userId=a")["status"] == "1"
		},
		"message": func(f *fake) bool { return f.CanMessage("a", "b") },
		"again": func(f *fake) bool {
			f.ok(deactivatePath, "userId=a")
			return f.User("a").DeactivatedAt.Equal(f.Now())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t)
				f.RefuseDeactivation("a", "1")
				f.ok(deactivatePath, "userId=a")
				time.Sleep(15 * time.Minute)
				require.True(t, active(f))
			})
		})
	}
}

func TestUserIDFields(t *testing.T) {
	checkIDs(
		t,
		idField{infoPath, "userId", "&x=1", 1},
		idField{refreshPath, "userId", "&x=1", 1},
		idField{deactivatePath, "userId", "&x=1", 100},
		idField{reactivatePath, "userId", "&x=1", 100},
	)
}

func TestDeactivatedPageFields(t *testing.T) {
	t.Parallel()
	checkRefused(t, deactivateQueryPath, "pageNo=0", "pageSize=51", "pageSize=0", "pageNo=99999999999999999999999999999999")
}

// What waits for the result of one deactivation is bounded.
func TestOperationsOfOneDeactivation(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for range 10_000 {
		f.ok(deactivatePath, "userId=a")
	}
	require.Contains(t, f.refused(deactivatePath, "userId=b,a", 429, 1008), "10000 operations")
	require.False(t, f.User("b").Deactivated, "refused as a whole")
	setup(t).load(f.export())
	f.Advance(15 * time.Minute)
	f.ok(deactivatePath, "userId=b,a")
}
