package rcuser_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/internal/systemtest"
	"github.com/f0207b22/rcuser/rctest"
)

const tokenAnswer = `{"code":200,"userId":"u","token":"t"}`

var (
	beijingTime  = time.FixedZone("UTC+8", 8*60*60)
	ironman      = "Ironman"
	portrait     = "http://abc.com/myportrait.jpg"
	empty        = ""
	longName     = strings.Repeat("用", 65)
	longPortrait = strings.Repeat("p", 1025)
	brokenText   = badUTF8
)

var _ = systemtest.Register(
	systemtest.Row{
		Path: "/user/getToken.json",
		Call: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			token, err := c.Users.Register(ctx, rcuser.Registration{UserID: users.ID, Name: "after"})
			if err == nil && token.UserID != users.ID {
				return fmt.Errorf("got the token of %q", token.UserID)
			}
			return err
		},
		Applied: func(s *rctest.Server, users systemtest.Pair) bool { return s.User(users.ID).Registered },
		Examples: []systemtest.Example{{
			Form:   "userId=jlk456j5&name=Ironman&portraitUri=http%3A%2F%2Fabc.com%2Fmyportrait.jpg",
			Answer: `{"code":200,"userId":"jlk456j5","token":"sfd9823ihufi"}`,
			Source: "docs.rongcloud.io/platform-chat-api/user/register",
			Call: func(ctx context.Context, c *rcuser.Client) (any, error) {
				return c.Users.Register(ctx, rcuser.Registration{UserID: "jlk456j5", Name: "Ironman", PortraitURI: portrait})
			},
			Body: "name=Ironman&portraitUri=http%3A%2F%2Fabc.com%2Fmyportrait.jpg&userId=jlk456j5",
			Want: rcuser.Token{UserID: "jlk456j5", Value: "sfd9823ihufi"},
		}},
		Step: registerStep,
		Check: func(m *systemtest.Model, want *systemtest.User, got rctest.User) {
			require.Equal(m, want.Name, got.Name)
			require.Equal(m, want.PortraitURI, got.PortraitURI)
		},
		Erase: func(_ *systemtest.Model, user *systemtest.User) { user.Name, user.PortraitURI = "", "" },
	},
	systemtest.Row{
		Path:  "/user/info.json",
		Setup: registerBefore,
		Call: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			user, err := c.Users.Get(ctx, users.ID)
			if err == nil && (user.ID != users.ID || user.Name != users.ID) {
				return fmt.Errorf("got %+v", user)
			}
			return err
		},
		Examples: []systemtest.Example{{
			Form:   "userId=123",
			Answer: `{"code":200,"userName":"123","userPortrait":"","createTime":"2016-05-24 10:38:19"}`,
			Source: "docs.rongcloud.io/platform-chat-api/user/get",
			Call:   func(ctx context.Context, c *rcuser.Client) (any, error) { return c.Users.Get(ctx, "123") },
			Body:   "userId=123",
			Want:   rcuser.User{ID: "123", Name: "123", CreatedAt: time.Date(2016, 5, 24, 10, 38, 19, 0, beijingTime)},
		}},
		Step: getStep,
	},
	systemtest.Row{
		Path:  "/user/refresh.json",
		Setup: registerBefore,
		Call: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			name := "after"
			return c.Users.Update(ctx, users.ID, rcuser.UserUpdate{Name: &name})
		},
		Applied: func(s *rctest.Server, users systemtest.Pair) bool { return s.User(users.ID).Name == "after" },
		Examples: []systemtest.Example{{
			Form:   "userId=jlk456j5&name=Ironman&portraitUri=http%3A%2F%2Fabc.com%2Fmyportrait.jpg",
			Answer: `{"code":200}`,
			Source: "docs.rongcloud.io/platform-chat-api/user/modify (inferred)",
			Call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
				return c.Users.Update(ctx, "jlk456j5", rcuser.UserUpdate{Name: &ironman, PortraitURI: &portrait})
			}),
			Body: "name=Ironman&portraitUri=http%3A%2F%2Fabc.com%2Fmyportrait.jpg&userId=jlk456j5",
		}},
		Switch: &systemtest.Switch{
			Name: "name",
			Turn: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair, on bool) error {
				name := map[bool]string{true: "on", false: "off"}[on]
				return c.Users.Update(ctx, users.ID, rcuser.UserUpdate{Name: &name})
			},
			IsOn: func(s *rctest.Server, users systemtest.Pair) bool { return s.User(users.ID).Name == "on" },
		},
		Step: updateStep,
	},
)

// registerBefore registers the user that a row's call reads or changes, with the id as the name.
func registerBefore(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
	_, err := c.Users.Register(ctx, rcuser.Registration{UserID: users.ID, Name: users.ID})
	return err
}

func registerStep(m *systemtest.Model) {
	reg := rcuser.Registration{UserID: m.ChooseID("id"), Name: m.Text("name", 1, 64)}
	if m.ChooseBool("has portrait") {
		reg.PortraitURI = m.Text("portrait", 1, 64)
	}
	token, err := m.Client.Users.Register(m.Context, reg)
	user := m.User(reg.UserID)
	if !user.DeactivatedAt.IsZero() {
		requireRefused(m, err, rcuser.ErrParameter)
		return
	}
	require.NoError(m, err)
	require.Equal(m, reg.UserID, token.UserID)
	if !user.Registered {
		user.Registered, user.CreatedAt = true, m.Server.Now().Truncate(time.Second).UTC()
	}
	user.Name, user.PortraitURI = reg.Name, cmp.Or(reg.PortraitURI, user.PortraitURI)
	if issued := m.Server.Now().Truncate(time.Millisecond); !issued.Before(user.VoidBefore) {
		user.Tokens = append(user.Tokens, systemtest.Token{Value: token.Value, IssuedAt: issued})
	}
}

func getStep(m *systemtest.Model) {
	id := m.ChooseID("id")
	got, err := m.Client.Users.Get(m.Context, id)
	user := m.User(id)
	if !user.Registered {
		requireRefused(m, err, rcuser.ErrParameter)
		return
	}
	require.NoError(m, err)
	require.Equal(m, rcuser.User{ID: id, Name: user.Name, PortraitURI: user.PortraitURI, CreatedAt: user.CreatedAt}, got)
}

func updateStep(m *systemtest.Model) {
	id := m.ChooseID("id")
	var change rcuser.UserUpdate
	for _, field := range []**string{&change.Name, &change.PortraitURI} {
		if m.ChooseBool("given") {
			value := m.Text("value", 0, 64)
			*field = &value
		}
	}
	err := m.Client.Users.Update(m.Context, id, change)
	if change == (rcuser.UserUpdate{}) {
		var argument *rcuser.ArgumentError
		require.ErrorAs(m, err, &argument)
		return
	}
	user := m.User(id)
	if !user.Registered {
		require.ErrorContains(m, err, " is not exist. (HTTP 400")
		return
	}
	require.NoError(m, err)
	if change.Name != nil {
		user.Name = *change.Name
	}
	if change.PortraitURI != nil {
		user.PortraitURI = *change.PortraitURI
	}
}

func register(name, portraitURI string) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Users.Register(ctx, rcuser.Registration{UserID: "a", Name: name, PortraitURI: portraitURI})
		return err
	}
}

func update(u rcuser.UserUpdate) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error { return c.Users.Update(ctx, "a", u) }
}

func get(ctx context.Context, c *rcuser.Client) error {
	_, err := c.Users.Get(ctx, "a")
	return err
}

func TestUsersCheckTheID(t *testing.T) {
	t.Parallel()
	requireIDChecked(t, "Registration.UserID", func(ctx context.Context, c *rcuser.Client, id string) error {
		_, err := c.Users.Register(ctx, rcuser.Registration{UserID: id, Name: "n"})
		return err
	})
	requireIDChecked(t, "userID", func(ctx context.Context, c *rcuser.Client, id string) error {
		_, err := c.Users.Get(ctx, id)
		return err
	})
	requireIDChecked(t, "userID", func(ctx context.Context, c *rcuser.Client, id string) error {
		return c.Users.Update(ctx, id, rcuser.UserUpdate{Name: &ironman})
	})
}

func TestUsersArguments(t *testing.T) {
	t.Parallel()
	wide := strings.Repeat("用", 342) // fewer characters than the limit has bytes
	requireArgumentErrors(t, []badArgument{
		{register("", ""), "Registration.Name", "is empty"},
		{register(longName, ""), "Registration.Name", "65 characters, at most 64"},
		{register(badUTF8, ""), "Registration.Name", "UTF-8"},
		{register("n", longPortrait), "Registration.PortraitURI", "1025 bytes, at most 1024"},
		{register("n", wide), "Registration.PortraitURI", "1026 bytes, at most 1024"},
		{register("n", badUTF8), "Registration.PortraitURI", "UTF-8"},
		{update(rcuser.UserUpdate{}), "UserUpdate", "changes nothing"},
		{update(rcuser.UserUpdate{Name: &longName}), "UserUpdate.Name", "65 characters, at most 64"},
		{update(rcuser.UserUpdate{Name: &brokenText}), "UserUpdate.Name", "UTF-8"},
		{update(rcuser.UserUpdate{PortraitURI: &longPortrait}), "UserUpdate.PortraitURI", "1025 bytes, at most 1024"},
		{update(rcuser.UserUpdate{PortraitURI: &wide}), "UserUpdate.PortraitURI", "1026 bytes, at most 1024"},
		{update(rcuser.UserUpdate{Name: &ironman, PortraitURI: &brokenText}), "UserUpdate.PortraitURI", "UTF-8"},
	}...)
	name, uri := strings.Repeat("用", 64), strings.Repeat("p", 1024)
	requireAccepted(t, tokenAnswer, register(name, uri), update(rcuser.UserUpdate{Name: &name, PortraitURI: &uri}))
}

func TestUsersBodies(t *testing.T) {
	t.Parallel()
	requireBodies(t, tokenAnswer, []sentBody{
		{
			name: "characters with a meaning in forms",
			call: func(ctx context.Context, c *rcuser.Client) error {
				_, err := c.Users.Register(ctx, rcuser.Registration{UserID: "a&b=c+d%e f;g", Name: "x&userId=y", PortraitURI: "https://x.io/?a=1&b=%20#c"})
				return err
			},
			body: "name=x%26userId%3Dy&portraitUri=https%3A%2F%2Fx.io%2F%3Fa%3D1%26b%3D%2520%23c&userId=a%26b%3Dc%2Bd%25e+f%3Bg",
			form: url.Values{"name": {"x&userId=y"}, "portraitUri": {"https://x.io/?a=1&b=%20#c"}, "userId": {"a&b=c+d%e f;g"}},
		},
		{
			name: "Chinese, emoji, quotes",
			call: func(ctx context.Context, c *rcuser.Client) error {
				_, err := c.Users.Register(ctx, rcuser.Registration{UserID: "用户", Name: "😀 \"it's\" \\ <b>"})
				return err
			},
			body: "name=%F0%9F%98%80+%22it%27s%22+%5C+%3Cb%3E&userId=%E7%94%A8%E6%88%B7",
			form: url.Values{"name": {"😀 \"it's\" \\ <b>"}, "userId": {"用户"}},
		},
		{
			name: "update of the name only",
			call: update(rcuser.UserUpdate{Name: &ironman}),
			body: "name=Ironman&userId=a",
			form: url.Values{"name": {"Ironman"}, "userId": {"a"}},
		},
		{
			name: "update that clears both",
			call: update(rcuser.UserUpdate{Name: &empty, PortraitURI: &empty}),
			body: "name=&portraitUri=&userId=a",
			form: url.Values{"name": {""}, "portraitUri": {""}, "userId": {"a"}},
		},
		{
			name: "update that clears the portrait",
			call: update(rcuser.UserUpdate{PortraitURI: &empty}),
			body: "portraitUri=&userId=a",
			form: url.Values{"portraitUri": {""}, "userId": {"a"}},
		},
	}...)
}

func TestRegisterAnswers(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]rcuser.Token{
		`{"code":200,"token":"t"}`:                               {UserID: "a", Value: "t"},
		`{"code":200,"token":"t","userId":null}`:                 {UserID: "a", Value: "t"},
		`{"code":200,"token":"t","userId":{"id":"a"}}`:           {UserID: "a", Value: "t"},
		`{"code":200,"token":"t","userId":98765432109876543210}`: {UserID: "98765432109876543210", Value: "t"},
		`{"code":200,"token":123,"userId":"b","users":{"x":1}}`:  {UserID: "b", Value: "123"},
		`{"code":10000,"TOKEN":"t\u003d@x;y","userid":"b"}`:      {UserID: "b", Value: "t=@x;y"},
	} {
		client, _ := newClient(t, reply(http.StatusOK, body))
		token, err := client.Users.Register(t.Context(), rcuser.Registration{UserID: "a", Name: "n"})
		require.NoError(t, err, body)
		require.Equal(t, want, token, body)
	}
	requireBrokenAnswers(t, []brokenAnswer{
		{register("n", ""), `"userId":"a"`, "its field token is missing or can't be read"},
		{register("n", ""), `"userId":"a","token":""`, "its field token is missing or can't be read"},
		{register("n", ""), `"userId":"a","token":null`, "its field token is missing or can't be read"},
		{register("n", ""), `"userId":"a","token":["t"]`, "its field token is missing or can't be read"},
		{register("n", ""), `"userId":"a","token":true`, "its field token is missing or can't be read"},
	}...)
	client, _ := newClient(t, reply(http.StatusOK, `{"code":200,"userId":"a"}`), once)
	token, err := client.Users.Register(t.Context(), rcuser.Registration{UserID: "a", Name: "n"})
	require.Error(t, err)
	require.Equal(t, rcuser.Token{}, token, "half a result")
}

func TestGetAnswers(t *testing.T) {
	t.Parallel()
	at := func(hour, minute, second int) time.Time {
		return time.Date(2016, 6, 13, hour, minute, second, 0, beijingTime)
	}
	for fields, want := range map[string]rcuser.User{
		``: {},
		`,"userName":null,"userPortrait":null,"createTime":null`:                {},
		`,"userName":{},"userPortrait":[],"createTime":true`:                    {},
		`,"userName":"n","createTime":"2016-06-13 18:9:4"`:                      {Name: "n", CreatedAt: at(18, 9, 4)},
		`,"userName":5,"userPortrait":1.50,"createTime":""`:                     {Name: "5", PortraitURI: "1.50"},
		`,"userName":"n","userPortrait":"p","createTime":"2016-13-01 00:00:00"`: {Name: "n", PortraitURI: "p"},
		`,"userPortrait":"p","createTime":1465812544000`:                        {PortraitURI: "p", CreatedAt: at(18, 9, 4)},
		`,"createTime":"2016-06-13T12:09:04+02:00","users":[{"a":[null]}]`:      {CreatedAt: at(18, 9, 4)},
	} {
		client, tap := newClient(t, reply(http.StatusOK, `{"code":200`+fields+`}`))
		user, err := client.Users.Get(t.Context(), "a")
		require.NoError(t, err, fields)
		want.ID = "a"
		require.Equal(t, want, user, fields)
		require.Len(t, tap.requests(), 1)
	}
}

// TestRegisterKeepsNoAnswerInErrors has answers that hold a token, or a part of one.
func TestRegisterKeepsNoAnswerInErrors(t *testing.T) {
	t.Parallel()
	for status, body := range map[int]string{502: html, 200: `{"token":"tOkEn"`, 201: `{"token":"tOkEn"}`, 404: "tOkEn"} {
		client, _ := newClient(t, reply(status, body), once)
		rcErr := requireError(t, register("n", "")(t.Context(), client))
		require.Nil(t, rcErr.Body)
		require.NotContains(t, rcErr.Error(), "tOkEn")
	}
}

func TestGetIgnoresUnknownFields(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, reply(http.StatusOK,
		`{"url":"/user/info.json","code":200,"userName":"n","userPortrait":"p","createTime":"2024-02-29 23:59:59","level":{"a":[1]}}`))
	user, err := client.Users.Get(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "p", user.PortraitURI)
	require.Equal(t, "2024-02-29T23:59:59+08:00", user.CreatedAt.Format("2006-01-02T15:04:05Z07:00"))
	require.NoError(t, ban(t.Context(), client), "a method without a result ignores them too")
}

// FuzzRegister sends any texts through the client's encoder and the fake's own decoder.
func FuzzRegister(f *testing.F) {
	f.Add("u1", "Ann & Bob = 100% + 李雷 🎉", "https://example.com/?a=b&c=%20")
	f.Add("a,b;c", " ", "")
	f.Fuzz(func(t *testing.T, id, name, portrait string) {
		server := rctest.NewServer()
		client, err := rcuser.NewClient(server.Config())
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Users.Register(t.Context(), rcuser.Registration{UserID: id, Name: name, PortraitURI: portrait})
		sound := utf8.ValidString(id + "|" + name + "|" + portrait)
		fits := id != "" && len(id) <= 64 && name != "" && utf8.RuneCountInString(name) <= 64 && len(portrait) <= 1024
		if err != nil && sound && fits && !regexp.MustCompile(`\p{Cc}`).MatchString(id) {
			t.Fatalf("refused: %v", err)
		}
		if err != nil {
			if len(server.Requests()) > 0 {
				t.Fatalf("the fake refused what the client accepts: %v", err)
			}
			return
		}
		if user := server.User(id); user.Name != name || user.PortraitURI != portrait || !user.Registered {
			t.Errorf("%q %q %q became %+v", id, name, portrait, user)
		}
	})
}
