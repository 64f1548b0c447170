package rcuser_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/internal/systemtest"
	"github.com/f0207b22/rcuser/rctest"
)

var allowlistKind = listKind{
	paths: "/user/whitelist/", field: "whiteUserId",
	service: func(c *rcuser.Client) listService { return c.Allowlist },
	members: func(u rctest.User) []string { return u.Allowlist },
	model:   func(u *systemtest.User) *[]string { return &u.Allowlist },
}

var _ = systemtest.Register(
	systemtest.Row{
		Path: "/user/whitesetting/set.json",
		Call: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			return c.Allowlist.Enable(ctx, []string{users.ID})
		},
		Applied: isAllowlistOn,
		Examples: []systemtest.Example{{
			Form:   "userId=98&userId=99&whiteSetting=0",
			Answer: `{"code":200}`,
			Source: "docs.rongcloud.io/platform-chat-api/user/whitelist/*",
			Call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
				return c.Allowlist.Disable(ctx, []string{"98", "99"})
			}),
			Body: "userId=98&userId=99&whiteSetting=0",
		}},
		Switch: &systemtest.Switch{
			Name: "allowlist on",
			Turn: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair, on bool) error {
				return setAllowlist(c, on)(ctx, []string{users.ID})
			},
			IsOn: isAllowlistOn,
		},
		Step: enableStep,
		Check: func(m *systemtest.Model, want *systemtest.User, got rctest.User) {
			require.Equal(m, want.AllowlistOn, got.AllowlistEnabled)
		},
		Erase: func(_ *systemtest.Model, user *systemtest.User) { user.AllowlistOn = false },
	},
	systemtest.Row{
		Path: "/user/whitesetting/query.json",
		Call: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			got, err := c.Allowlist.Enabled(ctx, []string{users.ID})
			if err == nil && !maps.Equal(got, map[string]bool{users.ID: false}) {
				return fmt.Errorf("got %v", got)
			}
			return err
		},
		Examples: []systemtest.Example{{
			Form:   "userId=98&userId=99",
			Answer: `{"code":200,"users":[{"whiteSetting":"0","userId":"00"}]}`,
			Source: "docs.rongcloud.io/platform-chat-api/user/whitelist/*",
			Call: func(ctx context.Context, c *rcuser.Client) (any, error) {
				return c.Allowlist.Enabled(ctx, []string{"98", "99"})
			},
			Body: "userId=98&userId=99",
			Want: map[string]bool{"00": false},
		}},
		Step: enabledStep,
	},
	systemtest.Row{
		Path: "/user/whitelist/add.json",
		Call: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			return c.Allowlist.Add(ctx, users.ID, []string{users.Other})
		},
		Applied: isAllowed,
		Examples: []systemtest.Example{{
			Form:   "userId=7&whiteUserId=123&whiteUserId=1456",
			Answer: `{"code":200}`,
			Source: "docs.rongcloud.io/platform-chat-api/user/whitelist/*",
			Call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
				return c.Allowlist.Add(ctx, "7", []string{"123", "1456"})
			}),
			Body: "userId=7&whiteUserId=123&whiteUserId=1456",
		}},
		Switch: &systemtest.Switch{
			Name: "allowlist",
			Turn: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair, on bool) error {
				if on {
					return c.Allowlist.Add(ctx, users.ID, []string{users.Other})
				}
				return c.Allowlist.Remove(ctx, users.ID, []string{users.Other})
			},
			IsOn: func(s *rctest.Server, users systemtest.Pair) bool { return len(s.User(users.ID).Allowlist) > 0 },
		},
		Step: allowlistKind.addStep,
		Check: func(m *systemtest.Model, want *systemtest.User, got rctest.User) {
			require.Equal(m, want.Allowlist, append([]string(nil), got.Allowlist...))
		},
		Erase: func(_ *systemtest.Model, user *systemtest.User) { user.Allowlist = nil },
	},
	systemtest.Row{
		Path: "/user/whitelist/remove.json",
		Setup: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			return c.Allowlist.Add(ctx, users.ID, []string{users.Other})
		},
		Call: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			return c.Allowlist.Remove(ctx, users.ID, []string{users.Other})
		},
		Applied: func(s *rctest.Server, users systemtest.Pair) bool { return !isAllowed(s, users) },
		Examples: []systemtest.Example{{
			Form:   "userId=7&whiteUserId=123&whiteUserId=1456",
			Answer: `{"code":200}`,
			Source: "docs.rongcloud.io/platform-chat-api/user/whitelist/*",
			Call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
				return c.Allowlist.Remove(ctx, "7", []string{"123", "1456"})
			}),
			Body: "userId=7&whiteUserId=123&whiteUserId=1456",
		}},
		Step: allowlistKind.removeStep,
	},
	systemtest.Row{
		Path: "/user/whitelist/query.json",
		Setup: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			return c.Allowlist.Add(ctx, users.ID, []string{users.Other})
		},
		Call: allowlistKind.list,
		Examples: []systemtest.Example{{
			Form:   "userId=jlk456j5&pageToken=COIB&size=10",
			Answer: tenUsersPage,
			Source: "docs.rongcloud.io/platform-chat-api/user/whitelist/*",
			Call: func(ctx context.Context, c *rcuser.Client) (any, error) {
				return c.Allowlist.List(ctx, "jlk456j5", rcuser.CursorOptions{Token: "COIB", Size: 10})
			},
			Body: "pageToken=COIB&size=10&userId=jlk456j5",
			Want: rcuser.Page{UserIDs: tenUsers, Next: "CNgB"},
		}},
		Step: allowlistKind.readStep,
	},
)

func isAllowed(s *rctest.Server, users systemtest.Pair) bool {
	return slices.Contains(s.User(users.ID).Allowlist, users.Other)
}

func isAllowlistOn(s *rctest.Server, users systemtest.Pair) bool {
	return s.User(users.ID).AllowlistEnabled
}

// setAllowlist returns the method that turns the allowlist on, or off.
func setAllowlist(c *rcuser.Client, on bool) func(context.Context, []string) error {
	if on {
		return c.Allowlist.Enable
	}
	return c.Allowlist.Disable
}

func enableStep(m *systemtest.Model) {
	ids, on := m.ChooseIDs("ids"), m.ChooseBool("on")
	require.NoError(m, setAllowlist(m.Client, on)(m.Context, ids))
	for _, id := range ids {
		m.User(id).AllowlistOn = on
	}
}

func enabledStep(m *systemtest.Model) {
	ids := m.ChooseIDs("ids")
	want := map[string]bool{}
	for _, id := range ids {
		want[id] = m.User(id).AllowlistOn
	}
	got, err := m.Client.Allowlist.Enabled(m.Context, ids)
	require.NoError(m, err)
	require.Equal(m, want, got)
}

func enabled(ctx context.Context, c *rcuser.Client, ids []string) error {
	_, err := c.Allowlist.Enabled(ctx, ids)
	return err
}

func TestAllowlistSwitchArguments(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{true, false} {
		set := func(ctx context.Context, c *rcuser.Client, ids []string) error { return setAllowlist(c, on)(ctx, ids) }
		requireIDsChecked(t, 20, "21 ids, at most 20", success, set)
		requireArgumentError(t, set(t.Context(), &rcuser.Client{}, []string{"a"}), "Client", "NewClient", &wiretap{})
	}
	requireIDsChecked(t, 20, "21 ids, at most 20", noUsers, enabled)
}

func TestAllowlistBodies(t *testing.T) {
	t.Parallel()
	requireBodies(t, success, sentBody{
		name: "Enable",
		call: func(ctx context.Context, c *rcuser.Client) error { return c.Allowlist.Enable(ctx, []string{"a"}) },
		body: "userId=a&whiteSetting=1",
		form: url.Values{"userId": {"a"}, "whiteSetting": {"1"}},
	})
}

func TestAllowlistEnabledAnswers(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]map[string]bool{
		`{"code":200}`:              {},
		`{"users":null,"code":200}`: {},
		`{"users":[{"userId":"a","whiteSetting":"1","x":1},{"userId":"b","whiteSetting":1},{"userId":"c","whiteSetting":0}],"code":200}`: {
			"a": true, "b": true, "c": false,
		},
		`{"code":200,"users":[{"userId":7,"whiteSetting":true},{"userId":"b","whiteSetting":"true"},{"userId":"c","whiteSetting":"false"}]}`: {
			"7": true, "b": true, "c": false,
		},
		`{"code":200,"users":[{"userId":"a","whiteSetting":"1"},{"userId":"b"},{"userId":"c","whiteSetting":"-1"},{"userId":"d","whiteSetting":{}}]}`: {
			"a": true, "b": false, "c": false, "d": false,
		},
		`{"code":200,"users":["a",null,5,{"whiteSetting":"1"},{"userId":"b","whiteSetting":"1"}]}`: {"b": true},
	} {
		client, _ := newClient(t, reply(http.StatusOK, body), once)
		got, err := client.Allowlist.Enabled(t.Context(), []string{"a", "b", "c", "d"})
		require.NoError(t, err, body)
		require.Equal(t, want, got, body)
	}
	ofA := func(ctx context.Context, c *rcuser.Client) error { return enabled(ctx, c, []string{"a"}) }
	requireBrokenAnswers(t, brokenAnswer{ofA, `"users":{"a":"1"}`, "its field users isn't a list"})
}
