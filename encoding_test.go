package rcuser_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

var empty = ""

// encodings are bodies written by hand; what they decode to is checked besides.
var encodings = []struct {
	name string
	call func(context.Context, *rcuser.Client) (any, error)
	body string
	form url.Values
}{
	{
		name: "what has a meaning in a form",
		call: func(ctx context.Context, c *rcuser.Client) (any, error) {
			return c.Users.Register(ctx, rcuser.Registration{UserID: "a&b=c+d%e f;g", Name: "x&userId=y", PortraitURI: "https://x.io/?a=1&b=%20#c"})
		},
		body: "name=x%26userId%3Dy&portraitUri=https%3A%2F%2Fx.io%2F%3Fa%3D1%26b%3D%2520%23c&userId=a%26b%3Dc%2Bd%25e+f%3Bg",
		form: url.Values{"name": {"x&userId=y"}, "portraitUri": {"https://x.io/?a=1&b=%20#c"}, "userId": {"a&b=c+d%e f;g"}},
	},
	{
		name: "Chinese, emoji, quotes",
		call: func(ctx context.Context, c *rcuser.Client) (any, error) {
			return c.Users.Register(ctx, rcuser.Registration{UserID: "用户", Name: "😀 \"it's\" \\ <b>"})
		},
		body: "name=%F0%9F%98%80+%22it%27s%22+%5C+%3Cb%3E&userId=%E7%94%A8%E6%88%B7",
		form: url.Values{"name": {"😀 \"it's\" \\ <b>"}, "userId": {"用户"}},
	},
	{
		name: "commas in repeated ids",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			return c.Bans.Remove(ctx, []string{"a,b", "c", "a,b"})
		}),
		body: "userId=a%2Cb&userId=c&userId=a%2Cb",
		form: url.Values{"userId": {"a,b", "c", "a,b"}},
	},
	{
		name: "ids in the order given",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			return c.Blocklist.Add(ctx, "b,o", []string{"z", "&", "a"})
		}),
		body: "blackUserId=z&blackUserId=%26&blackUserId=a&userId=b%2Co",
		form: url.Values{"blackUserId": {"z", "&", "a"}, "userId": {"b,o"}},
	},
	{
		name: "joined ids",
		call: func(ctx context.Context, c *rcuser.Client) (any, error) {
			return c.Users.Reactivate(ctx, []string{"a b", "c&d"})
		},
		body: "userId=a+b%2Cc%26d",
		form: url.Values{"userId": {"a b,c&d"}},
	},
	{
		name: "allowlists on",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error { return c.Allowlist.Enable(ctx, []string{"a"}) }),
		body: "userId=a&whiteSetting=1",
		form: url.Values{"userId": {"a"}, "whiteSetting": {"1"}},
	},
	{
		name: "the longest ban",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			return c.Bans.Add(ctx, []string{"a"}, 30*24*time.Hour)
		}),
		body: "minute=43200&userId=a",
		form: url.Values{"minute": {"43200"}, "userId": {"a"}},
	},
	{
		name: "no update of the portrait",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			return c.Users.Update(ctx, "a", rcuser.UserUpdate{Name: &ironman})
		}),
		body: "name=Ironman&userId=a",
		form: url.Values{"name": {"Ironman"}, "userId": {"a"}},
	},
	{
		name: "an update to nothing",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			return c.Users.Update(ctx, "a", rcuser.UserUpdate{Name: &empty, PortraitURI: &empty})
		}),
		body: "name=&portraitUri=&userId=a",
		form: url.Values{"name": {""}, "portraitUri": {""}, "userId": {"a"}},
	},
	{
		name: "an update of the portrait to nothing",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			return c.Users.Update(ctx, "a", rcuser.UserUpdate{PortraitURI: &empty})
		}),
		body: "portraitUri=&userId=a",
		form: url.Values{"portraitUri": {""}, "userId": {"a"}},
	},
	{
		name: "Call",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			return c.Call(ctx, "/x.json", url.Values{"b": {"2", "=&"}, "a": {""}, "ü": {"+"}}, nil)
		}),
		body: "a=&b=2&b=%3D%26&%C3%BC=%2B",
		form: url.Values{"b": {"2", "=&"}, "a": {""}, "ü": {"+"}},
	},
	{
		name: "Call without a form",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error { return c.Call(ctx, "/x.json", nil, nil) }),
		form: url.Values{},
	},
}

// anyAnswer has what every method looks for.
const anyAnswer = `{"code":200,"userId":"u","token":"t","operateId":"o","users":[]}`

func TestWhatUsersTypeSurvives(t *testing.T) {
	t.Parallel()
	for _, tc := range encodings {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			client, tap := newClient(t, reply(http.StatusOK, anyAnswer))
			_, err := tc.call(t.Context(), client)
			require.NoError(t, err)
			require.Equal(t, []string{tc.body}, tap.bodies())
			form, err := url.ParseQuery(tap.bodies()[0])
			require.NoError(t, err)
			require.Equal(t, tc.form, form)
		})
	}
}

func TestPagesAskedFor(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		page                  rcuser.PageOptions
		bans, deactivatedForm string
	}{
		{rcuser.PageOptions{}, "", ""},
		{rcuser.PageOptions{Size: 20}, "page=1&size=20", "pageNo=1&pageSize=20"},
		{rcuser.PageOptions{Page: 2}, "page=2", "pageNo=2"},
		{rcuser.PageOptions{Page: 3, Size: 50}, "page=3&size=50", "pageNo=3&pageSize=50"},
	} {
		client, tap := newClient(t, reply(http.StatusOK, anyAnswer))
		_, err := client.Bans.List(t.Context(), tc.page)
		require.NoError(t, err)
		_, err = client.Users.ListDeactivated(t.Context(), tc.page)
		require.NoError(t, err)
		require.Equal(t, []string{tc.bans, tc.deactivatedForm}, tap.bodies())
	}
	client, _ := newClient(t, reply(http.StatusOK, anyAnswer))
	_, err := client.Bans.List(t.Context(), rcuser.PageOptions{Size: 1000})
	require.NoError(t, err, "no largest size is documented")
}

func TestCursorsAskedFor(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		cursor rcuser.CursorOptions
		body   string
	}{
		{rcuser.CursorOptions{}, "userId=a"},
		{rcuser.CursorOptions{Size: 1000}, "size=1000&userId=a"},
		{rcuser.CursorOptions{Token: "C/+=b"}, "pageToken=C%2F%2B%3Db&userId=a"},
		{rcuser.CursorOptions{Token: "C", Size: 1}, "pageToken=C&size=1&userId=a"},
	} {
		client, tap := newClient(t, reply(http.StatusOK, anyAnswer))
		_, err := client.Blocklist.List(t.Context(), "a", tc.cursor)
		require.NoError(t, err)
		_, err = client.Allowlist.List(t.Context(), "a", tc.cursor)
		require.NoError(t, err)
		require.Equal(t, []string{tc.body, tc.body}, tap.bodies())
	}
}

func TestNumbersMayBeStrings(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"code":200,"status":"1"}`:                          true,
		`{"code":200,"status":1}`:                            true,
		`{"code":"200","status":"0"}`:                        false,
		`{"code":"200","status":0,"requestId":"x","y":[{}]}`: false,
	} {
		client, _ := newClient(t, reply(http.StatusOK, body), once)
		online, err := client.Presence.Online(t.Context(), "a")
		require.NoError(t, err, body)
		require.Equal(t, want, online, body)
	}
	client, _ := newClient(t, reply(http.StatusOK,
		`{"users":[{"userId":"a","whiteSetting":"1","x":1},{"userId":"b","whiteSetting":1},{"userId":"c","whiteSetting":0}],"code":200}`))
	enabled, err := client.Allowlist.Enabled(t.Context(), []string{"a", "b", "c", "d"})
	require.NoError(t, err)
	require.Equal(t, map[string]bool{"a": true, "b": true, "c": false}, enabled)
	client, _ = newClient(t, reply(http.StatusBadRequest, `{"code":"1005","errorMessage":"long"}`))
	require.ErrorIs(t, ban(t.Context(), client), rcuser.ErrTooLong)
}

func TestUnknownFieldsAreIgnored(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, reply(http.StatusOK,
		`{"url":"/user/info.json","code":200,"userName":"n","userPortrait":"p","createTime":"2024-02-29 23:59:59","level":{"a":[1]}}`))
	user, err := client.Users.Get(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "p", user.PortraitURI)
	require.Equal(t, "2024-02-29T23:59:59+08:00", user.CreatedAt.Format("2006-01-02T15:04:05Z07:00"))
	require.NoError(t, ban(t.Context(), client), "an answer with more than success is success")
}

// TestCallDecodesTheWholeAnswer is for result; Call without one is among the encodings.
func TestCallDecodesTheWholeAnswer(t *testing.T) {
	t.Parallel()
	client, tap := newClient(t, reply(http.StatusOK, `{"code":200,"result":{"u01":["tag4","tag3"]}}`))
	var result struct {
		Code   int                 `json:"code"`
		Result map[string][]string `json:"result"`
	}
	require.NoError(t, client.Call(t.Context(), "/user/tags/get.json", url.Values{"userIds": {"u01"}}, &result))
	require.Equal(t, 200, result.Code)
	require.Equal(t, map[string][]string{"u01": {"tag4", "tag3"}}, result.Result)
	require.Equal(t, "https://api.rong-api.com/user/tags/get.json", tap.requests()[0].URL)
}
