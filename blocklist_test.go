package rcuser_test

import (
	"context"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/internal/systemtest"
	"github.com/f0207b22/rcuser/rctest"
)

var blocklistKind = listKind{
	paths: "/user/blacklist/", field: "blackUserId",
	service: func(c *rcuser.Client) listService { return c.Blocklist },
	members: func(u rctest.User) []string { return u.Blocklist },
	model:   func(u *systemtest.User) *[]string { return &u.Blocklist },
}

var _ = systemtest.Register(
	systemtest.Row{
		Path: "/user/blacklist/add.json",
		Call: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			return c.Blocklist.Add(ctx, users.ID, []string{users.Other})
		},
		Applied: isBlocked,
		Examples: []systemtest.Example{{
			Form:   "userId=jlk456j5&blackUserId=jlk454",
			Answer: `{"code":200}`,
			Source: "docs.rongcloud.io/platform-chat-api/user/blacklist/* " +
				"(inferred: values of the remove page; EN page prints path /user/blocklist/add.json)",
			Call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
				return c.Blocklist.Add(ctx, "jlk456j5", []string{"jlk454"})
			}),
			Body: "blackUserId=jlk454&userId=jlk456j5",
		}},
		Switch: &systemtest.Switch{
			Name: "blocklist",
			Turn: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair, on bool) error {
				if on {
					return c.Blocklist.Add(ctx, users.ID, []string{users.Other})
				}
				return c.Blocklist.Remove(ctx, users.ID, []string{users.Other})
			},
			IsOn: func(s *rctest.Server, users systemtest.Pair) bool { return len(s.User(users.ID).Blocklist) > 0 },
		},
		Step: blocklistKind.addStep,
		Check: func(m *systemtest.Model, want *systemtest.User, got rctest.User) {
			require.Equal(m, want.Blocklist, append([]string(nil), got.Blocklist...))
		},
		Erase: func(_ *systemtest.Model, user *systemtest.User) { user.Blocklist = nil },
	},
	systemtest.Row{
		Path: "/user/blacklist/remove.json",
		Setup: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			return c.Blocklist.Add(ctx, users.ID, []string{users.Other})
		},
		Call: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			return c.Blocklist.Remove(ctx, users.ID, []string{users.Other})
		},
		Applied: func(s *rctest.Server, users systemtest.Pair) bool { return !isBlocked(s, users) },
		Examples: []systemtest.Example{{
			Form:   "userId=jlk456j5&blackUserId=jlk454",
			Answer: `{"code":200}`,
			Source: "docs.rongcloud.io/platform-chat-api/user/blacklist/*",
			Call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
				return c.Blocklist.Remove(ctx, "jlk456j5", []string{"jlk454"})
			}),
			Body: "blackUserId=jlk454&userId=jlk456j5",
		}},
		Step: blocklistKind.removeStep,
	},
	systemtest.Row{
		Path: "/user/blacklist/query.json",
		Setup: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			return c.Blocklist.Add(ctx, users.ID, []string{users.Other})
		},
		Call: blocklistKind.list,
		Examples: []systemtest.Example{
			{
				Form:   "userId=jlk456j5&pageToken=COIB&size=10",
				Answer: tenUsersPage,
				Source: "docs.rongcloud.cn/platform-chat-api/user/blacklist/query-blacklist",
				Call: func(ctx context.Context, c *rcuser.Client) (any, error) {
					return c.Blocklist.List(ctx, "jlk456j5", rcuser.CursorOptions{Token: "COIB", Size: 10})
				},
				Body: "pageToken=COIB&size=10&userId=jlk456j5",
				Want: rcuser.Page{UserIDs: tenUsers, Next: "CNgB"},
			},
			{
				Form:   "userId=jlk456j5",
				Answer: `{"code":200,"users":["jlk454","jlk457"]}`,
				Source: "older official documentation, without paging (inferred: form)",
				Call: func(ctx context.Context, c *rcuser.Client) (any, error) {
					return c.Blocklist.List(ctx, "jlk456j5", rcuser.CursorOptions{})
				},
				Body: "userId=jlk456j5",
				Want: rcuser.Page{UserIDs: []string{"jlk454", "jlk457"}},
			},
		},
		Step: blocklistKind.readStep,
	},
)

func isBlocked(s *rctest.Server, users systemtest.Pair) bool {
	return slices.Contains(s.User(users.ID).Blocklist, users.Other)
}

func TestBlocklistBodies(t *testing.T) {
	t.Parallel()
	requireBodies(t, success, sentBody{
		name: "ids in the order given",
		call: func(ctx context.Context, c *rcuser.Client) error {
			return c.Blocklist.Add(ctx, "b,o", []string{"z", "&", "a"})
		},
		body: "blackUserId=z&blackUserId=%26&blackUserId=a&userId=b%2Co",
		form: url.Values{"blackUserId": {"z", "&", "a"}, "userId": {"b,o"}},
	})
}
