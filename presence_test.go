package rcuser_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/internal/systemtest"
	"github.com/f0207b22/rcuser/rctest"
)

var _ = systemtest.Register(systemtest.Row{
	Path: "/user/checkOnline.json",
	Call: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
		online, err := c.Presence.Online(ctx, users.ID)
		if err == nil && online {
			return errors.New("a user who never connected is online")
		}
		return err
	},
	Examples: []systemtest.Example{
		{
			Form:   "userId=jlk456j5",
			Answer: `{"code":200,"status":"1"}`,
			Source: "docs.rongcloud.io/platform-chat-api/user/check-online-status-by-user",
			Call:   func(ctx context.Context, c *rcuser.Client) (any, error) { return c.Presence.Online(ctx, "jlk456j5") },
			Body:   "userId=jlk456j5",
			Want:   true,
		},
		{
			FormNotShown: true,
			Answer:       `{"code":200,"status":"0"}`,
			Source:       "old official Go SDK README, recorded server output (form not shown)",
			Call:         func(ctx context.Context, c *rcuser.Client) (any, error) { return c.Presence.Online(ctx, "jlk456j5") },
			Body:         "userId=jlk456j5",
			Want:         false,
		},
	},
	Step: func(m *systemtest.Model) {
		id := m.ChooseID("id")
		got, err := m.Client.Presence.Online(m.Context, id)
		require.NoError(m, err)
		require.Equal(m, m.User(id).Connected, got)
	},
	Check: func(m *systemtest.Model, want *systemtest.User, got rctest.User) {
		require.Equal(m, want.Connected, got.Online)
	},
})

func online(ctx context.Context, c *rcuser.Client) error {
	_, err := c.Presence.Online(ctx, "a")
	return err
}

func TestOnlineArguments(t *testing.T) {
	t.Parallel()
	requireIDChecked(t, "userID", func(ctx context.Context, c *rcuser.Client, id string) error {
		_, err := c.Presence.Online(ctx, id)
		return err
	})
}

func TestOnlineAnswers(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"code":200,"status":"1"}`:                          true,
		`{"code":200,"status":1}`:                            true,
		`{"code":200,"status":true}`:                         true,
		`{"code":200,"status":"True"}`:                       true,
		`{"code":2e2,"status":1.0}`:                          true,
		`{"code":"200.0","status":"1.0","status":null}`:      true,
		`{"code":200,"STATUS":"1"}`:                          true,
		`{"code":200,"status":"1","status":"0"}`:             false,
		`{"code":200,"status":false,"users":7}`:              false,
		`{"code":"200","status":"0"}`:                        false,
		`{"code":"200","status":0,"requestId":"x","y":[{}]}`: false,
	} {
		client, _ := newClient(t, reply(http.StatusOK, body), once)
		got, err := client.Presence.Online(t.Context(), "a")
		require.NoError(t, err, body)
		require.Equal(t, want, got, body)
	}
	const unreadable = "its field status is missing or can't be read"
	requireBrokenAnswers(t, []brokenAnswer{
		{online, `"x":1`, unreadable},
		{online, `"status":null`, unreadable},
		{online, `"status":"2"`, unreadable},
		{online, `"status":-1`, unreadable},
		{online, `"status":0.5`, unreadable},
		{online, `"status":"yes"`, unreadable},
		{online, `"status":""`, unreadable},
		{online, `"status":{"status":"1"}`, unreadable},
		{online, `"status":["1"]`, unreadable},
		{online, `"status":"1","status":"x"`, unreadable},
	}...)
}
