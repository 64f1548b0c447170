package rctest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	f := setup(t)
	got := f.ok(getToken, "userId=jlk456j5&name=Ironman&portraitUri=http%3A%2F%2Fabc.com%2Fmyportrait.jpg")
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
	second := f.ok(getToken, "userId=jlk456j5&name=Tony")["token"].(string)
	require.NotEqual(t, first, second)
	require.True(t, f.ValidToken("jlk456j5", first), "tokens live side by side")
	require.True(t, f.ValidToken("jlk456j5", second))
	again := f.User("jlk456j5")
	require.Equal(t, "Tony", again.Name)
	require.Equal(t, u.PortraitURI, again.PortraitURI, "not given, so kept")
	require.Equal(t, u.CreatedAt, again.CreatedAt)
	require.Len(t, again.Tokens, 2)
	require.Equal(t, first, again.Tokens[0].Value)
	require.Equal(t, "jlk456j5", again.Tokens[0].UserID)

	f.ok(getToken, "userId=jlk456j5&name=Tony&portraitUri=")
	require.Empty(t, f.User("jlk456j5").PortraitURI, "given, though empty")
}

func TestRegisterAtTheLimits(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.ok(getToken, "userId="+strings.Repeat("a", 64)+"&name="+strings.Repeat("%E4%B8%AD", 64)+"&portraitUri="+strings.Repeat("p", 1024))
	f.refused(getToken, "userId="+strings.Repeat("a", 65)+"&name=N", 400, 1005)
	f.refused(getToken, "userId="+strings.Repeat("%E4%B8%AD", 22)+"&name=N", 400, 1005)
	f.refused(getToken, "userId=a&name="+strings.Repeat("n", 65), 400, 1005)
	f.refused(getToken, "userId=a&name=N&portraitUri="+strings.Repeat("p", 1025), 400, 1005)
	f.refused(getToken, "userId=a&name=%FF", 400, 1002)
	f.refused(getToken, "userId=a&name=N&portraitUri=%FF", 400, 1002)
	require.Equal(t, "name is required", f.refused(getToken, "userId=a", 400, 1002))
	f.refused(getToken, "userId=a&name=", 400, 1002)
	f.refused(getToken, "name=N", 400, 1002)
	f.refused(getToken, "userId=a&name=N&name=N", 400, 1002)
	require.False(t, f.User("a").Registered)
}

func TestDevelopment(t *testing.T) {
	t.Parallel()
	f := setup(t, rctest.Development())
	for i := range 100 {
		f.register(fmt.Sprint("u", i))
	}
	f.refused(getToken, "userId=u100&name=N", 403, 2007)
	require.False(t, f.User("u100").Registered)
	f.register("u7")
	f.ok(block, "userId=u100&minute=1")
	f.refused(getToken, "userId=u100&name=N", 403, 2007)
}

func TestInfo(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.Equal(t, "ParamError:data is not exist.", f.refused(info, "userId=123", 400, 1002))
	f.ok(block, "userId=123&minute=1")
	f.refused(info, "userId=123", 400, 1002)
	f.ok(getToken, "userId=123&name=123")
	created := f.User("123").CreatedAt.Format("2006-01-02 15:04:05")
	require.Equal(t, map[string]any{"userName": "123", "userPortrait": "", "createTime": created}, f.ok(info, "userId=123"))
	require.Equal(t, time.UTC, f.User("123").CreatedAt.Location())
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.ok(refresh, "userId=a&name=N")
	require.Equal(t, rctest.User{ID: "a"}, f.User("a"), "of an unknown user there is nothing to change")
	f.ok(getToken, "userId=a&name=N&portraitUri=P")
	f.ok(refresh, "userId=a&name=M")
	require.Equal(t, []string{"M", "P"}, []string{f.User("a").Name, f.User("a").PortraitURI})
	f.ok(refresh, "userId=a&portraitUri=Q")
	require.Equal(t, []string{"M", "Q"}, []string{f.User("a").Name, f.User("a").PortraitURI})
	f.ok(refresh, "userId=a&portraitUri=&name=")
	require.Equal(t, []string{"", ""}, []string{f.User("a").Name, f.User("a").PortraitURI})
	f.ok(refresh, "userId=a")
	f.refused(refresh, "userId=a&name="+strings.Repeat("n", 65), 400, 1005)
}

func TestDeactivate(t *testing.T) {
	t.Parallel()
	f := setup(t)
	token := f.register("a")
	f.SetOnline("a", true)
	f.ok(blacklistAdd, "userId=a&blackUserId=x")
	f.ok(whitelistAdd, "userId=a&whiteUserId=y")
	f.ok(settingSet, "userId=a&whiteSetting=1")
	f.ok(block, "userId=a&minute=43200")
	asked := f.Now()
	require.Regexp(t, `^[0-9A-Z]{4}(-[0-9A-Z]{4}){3}$`, f.ok(deactivate, "userId=a%2Cnobody")["operateId"])

	u := f.User("a")
	require.True(t, u.Deactivated)
	require.False(t, u.Online)
	require.WithinDuration(t, asked, u.DeactivatedAt, time.Minute)
	require.Empty(t, u.Tokens)
	require.False(t, f.ValidToken("a", token))
	f.SetOnline("a", true)
	require.Equal(t, "0", f.ok(checkOnline, "userId=a")["status"])
	f.refused(getToken, "userId=a&name=N", 400, 1002)
	require.Equal(t, []any{"a", "nobody"}, f.ok(deactivatedQuery, "")["users"])

	f.Advance(14 * time.Minute)
	require.Equal(t, "N", f.User("a").Name)
	f.Advance(time.Minute)
	u = f.User("a")
	require.Equal(t, []any{"", "", false}, []any{u.Name, u.PortraitURI, u.AllowlistEnabled})
	require.Empty(t, u.Blocklist)
	require.Empty(t, u.Allowlist)
	require.False(t, u.BannedUntil.IsZero(), "bans are kept")
	require.Equal(t, []any{"a", "nobody"}, f.ok(deactivatedQuery, "")["users"])
	require.Equal(t, "", f.ok(info, "userId=a")["userName"])
}

func TestReactivate(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.register("a")
	first := f.ok(deactivate, "userId=a")["operateId"]
	f.Advance(30 * time.Minute)
	require.NotEqual(t, first, f.ok(deactivate, "userId=a,b")["operateId"])
	f.refused(reactivate, "userId=a", 400, 1002)
	f.Advance(30 * time.Minute)
	f.refused(reactivate, "userId=a,b", 400, 1002)
	require.True(t, f.User("a").Deactivated, "refused as a whole")
	f.ok(reactivate, "userId=a,c") // repeating it started nothing anew
	require.Equal(t, []any{"b"}, f.ok(deactivatedQuery, "")["users"])
	f.Advance(30 * time.Minute)
	f.ok(reactivate, "userId=b,a")
	require.Equal(t, []any{}, f.ok(deactivatedQuery, "")["users"])

	u := f.User("a")
	require.True(t, u.Registered)
	require.False(t, u.Deactivated)
	require.True(t, u.DeactivatedAt.IsZero())
	require.Empty(t, u.Name, "what was removed doesn't come back")
	require.True(t, f.ValidToken("a", f.register("a")))
	f.ok(deactivate, "userId=a")
	require.False(t, f.User("a").DeactivatedAt.IsZero())
	f.Advance(15 * time.Minute)
	require.Empty(t, f.User("a").Name, "a second time")
}

func TestDeactivatedPages(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.ok(deactivate, "userId="+joined(100))
	f.ok(deactivate, "userId=last,u3")
	for form, want := range map[string]int{
		"": 50, "pageNo=2": 50, "pageNo=3": 1, "pageNo=4": 0, "pageNo=2147483647": 0,
		"pageSize=7": 7, "pageSize=7&pageNo=15": 3,
	} {
		require.Len(t, f.ok(deactivatedQuery, form)["users"], want, form)
	}
	require.Equal(t, []any{"u2", "u3"}, f.ok(deactivatedQuery, "pageNo=2&pageSize=2")["users"])
	require.Equal(t, []any{"last"}, f.ok(deactivatedQuery, "pageNo=3")["users"])
}
