package rcuser_test

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/internal/systemtest"
	"github.com/f0207b22/rcuser/rctest"
)

var _ = systemtest.Register(
	systemtest.Row{
		Path: "/user/block.json",
		Call: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			return c.Bans.Add(ctx, []string{users.ID}, time.Hour)
		},
		Applied: isBanned,
		Examples: []systemtest.Example{
			{
				Form:   "userId=UserA&minute=10",
				Answer: `{"code":200}`,
				Source: "RC server quickstart page",
				Call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
					return c.Bans.Add(ctx, []string{"UserA"}, 10*time.Minute)
				}),
				Body: "minute=10&userId=UserA",
			},
			{
				Form:   "userId=BWSZNmXBD&userId=jlk456j5&minute=10",
				Answer: `{"code":200}`,
				Source: "docs.rongcloud.io/platform-chat-api/user/block " +
					"(inferred: page cut after the start of the first id, completed from the Nexconn twin)",
				Call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
					return c.Bans.Add(ctx, []string{"BWSZNmXBD", "jlk456j5"}, 10*time.Minute)
				}),
				Body: "minute=10&userId=BWSZNmXBD&userId=jlk456j5",
			},
		},
		Switch: &systemtest.Switch{
			Name: "ban",
			Turn: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair, on bool) error {
				if on {
					return c.Bans.Add(ctx, []string{users.ID}, 30*24*time.Hour)
				}
				return c.Bans.Remove(ctx, []string{users.ID})
			},
			IsOn: isBanned,
		},
		Step: banStep,
		Check: func(m *systemtest.Model, want *systemtest.User, got rctest.User) {
			require.Equal(m, m.IsBanned(want), !got.BannedUntil.IsZero())
		},
	},
	systemtest.Row{
		Path:  "/user/unblock.json",
		Setup: banBefore,
		Call: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			return c.Bans.Remove(ctx, []string{users.ID})
		},
		Applied: func(s *rctest.Server, users systemtest.Pair) bool { return !isBanned(s, users) },
		Examples: []systemtest.Example{{
			Form:   "userId=jlk456j5&userId=jlk45211",
			Answer: `{"code":200}`,
			Source: "docs.rongcloud.io/platform-chat-api/user/unblock",
			Call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
				return c.Bans.Remove(ctx, []string{"jlk456j5", "jlk45211"})
			}),
			Body: "userId=jlk456j5&userId=jlk45211",
		}},
		Step: unbanStep,
	},
	systemtest.Row{
		Path:  "/user/block/query.json",
		Setup: banBefore,
		Call: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			list, err := c.Bans.List(ctx, rcuser.PageOptions{})
			isUser := func(ban rcuser.Ban) bool { return ban.UserID == users.ID }
			if err == nil && !slices.ContainsFunc(list, isUser) {
				return fmt.Errorf("%q is not in %v", users.ID, list)
			}
			return err
		},
		Examples: []systemtest.Example{
			{
				Form:   "page=1&size=50",
				Answer: `{"code":200,"users":[{"userId":"jlk456j5","blockEndTime":"2015-01-11 01:28:20"}]}`,
				Source: "docs.rongcloud.io/platform-chat-api/user/query-blocked-list",
				Call: func(ctx context.Context, c *rcuser.Client) (any, error) {
					return c.Bans.List(ctx, rcuser.PageOptions{Page: 1, Size: 50})
				},
				Body: "page=1&size=50",
				Want: []rcuser.Ban{{UserID: "jlk456j5", Until: time.Date(2015, 1, 11, 1, 28, 20, 0, beijingTime)}},
			},
			{
				Answer: `{"code":200,"users":[]}`,
				Source: "old official Go SDK README, recorded server output",
				Call: func(ctx context.Context, c *rcuser.Client) (any, error) {
					return c.Bans.List(ctx, rcuser.PageOptions{})
				},
				Want: []rcuser.Ban{},
			},
		},
		Step: listBansStep,
	},
)

func isBanned(s *rctest.Server, users systemtest.Pair) bool {
	return !s.User(users.ID).BannedUntil.IsZero()
}

func banBefore(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
	return c.Bans.Add(ctx, []string{users.ID}, time.Hour)
}

func banStep(m *systemtest.Model) {
	ids, minutes := m.ChooseIDs("ids"), 1+m.Choose("minutes", 90)
	d := time.Duration(minutes) * time.Minute
	require.NoError(m, m.Client.Bans.Add(m.Context, ids, d))
	for _, id := range ids {
		user := m.User(id)
		user.BannedUntil, user.Connected = m.Server.Now().Add(d).UTC(), false
	}
}

func unbanStep(m *systemtest.Model) {
	ids := m.ChooseIDs("ids")
	require.NoError(m, m.Client.Bans.Remove(m.Context, ids))
	for _, id := range ids {
		m.User(id).BannedUntil = time.Time{}
	}
}

func listBansStep(m *systemtest.Model) {
	var want []rcuser.Ban
	for _, user := range m.Users() {
		if m.IsBanned(user) {
			want = append(want, rcuser.Ban{UserID: user.ID, Until: user.BannedUntil})
		}
	}
	slices.SortFunc(want, func(a, b rcuser.Ban) int {
		return cmp.Or(b.Until.Compare(a.Until), cmp.Compare(a.UserID, b.UserID))
	})
	for i := range want {
		want[i].Until = want[i].Until.Truncate(time.Second)
	}
	size, page := 1+m.Choose("size", 3), 1+m.Choose("page", 3)
	got, err := m.Client.Bans.List(m.Context, rcuser.PageOptions{Page: page, Size: size})
	require.NoError(m, err)
	require.Equal(m, systemtest.PageOf(want, page, size), got)
	got, err = m.Client.Bans.List(m.Context, rcuser.PageOptions{})
	require.NoError(m, err)
	require.Equal(m, systemtest.PageOf(want, 1, 1000), got)
	require.Equal(m, systemtest.PageOf(want, 1, 1000), collect(m, m.Client.Bans.All(m.Context)))
}

func banFor(d time.Duration) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error { return c.Bans.Add(ctx, []string{"a"}, d) }
}

func bans(page rcuser.PageOptions) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Bans.List(ctx, page)
		return err
	}
}

func TestBansArguments(t *testing.T) {
	t.Parallel()
	requireIDsChecked(t, 20, "21 ids, at most 20", success, func(ctx context.Context, c *rcuser.Client, ids []string) error {
		return c.Bans.Add(ctx, ids, time.Minute)
	})
	requireIDsChecked(t, 20, "21 ids, at most 20", success, func(ctx context.Context, c *rcuser.Client, ids []string) error {
		return c.Bans.Remove(ctx, ids)
	})
	requireArgumentErrors(t, []badArgument{
		{banFor(0), "duration", "from 1 minute to 30 days"},
		{banFor(30 * time.Second), "duration", "30s, it must be from 1 minute to 30 days"},
		{banFor(90 * time.Second), "duration", "1m30s, it must be whole minutes"},
		{banFor(time.Minute + 1), "duration", "whole minutes"},
		{banFor(30*24*time.Hour + 1), "duration", "30 days"},
		{banFor(31 * 24 * time.Hour), "duration", "744h0m0s, it must be from 1 minute to 30 days"},
		{banFor(-time.Minute), "duration", "-1m0s, it must be from 1 minute"},
		{bans(rcuser.PageOptions{Page: -1}), "PageOptions.Page", "-1 is negative"},
		{bans(rcuser.PageOptions{Size: -1}), "PageOptions.Size", "-1 is negative"},
	}...)
	requireAccepted(t, success, banFor(time.Minute))
	requireAccepted(t, noUsers, bans(rcuser.PageOptions{Size: 1000})) // no largest size is documented
	for _, err := range new(rcuser.Client).Bans.All(t.Context()) {
		requireArgumentError(t, err, "Client", "NewClient", &wiretap{})
	}
}

func TestBansBodies(t *testing.T) {
	t.Parallel()
	requireBodies(t, success, []sentBody{
		{
			name: "repeated ids, with commas",
			call: func(ctx context.Context, c *rcuser.Client) error {
				return c.Bans.Remove(ctx, []string{"a,b", "c", "a,b"})
			},
			body: "userId=a%2Cb&userId=c&userId=a%2Cb",
			form: url.Values{"userId": {"a,b", "c", "a,b"}},
		},
		{
			name: "the longest ban",
			call: banFor(30 * 24 * time.Hour),
			body: "minute=43200&userId=a",
			form: url.Values{"minute": {"43200"}, "userId": {"a"}},
		},
	}...)
	requirePageForms(t, bans, map[rcuser.PageOptions]string{
		{}:                  "",
		{Size: 20}:          "page=1&size=20",
		{Page: 2}:           "page=2",
		{Page: 3, Size: 50}: "page=3&size=50",
	})
}

func TestBansAnswers(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, beijingTime)
	for body, want := range map[string][]rcuser.Ban{
		`{"code":200}`:              {},
		`{"code":200,"users":null}`: {},
		`{"code":200,"users":{ }}`:  {},
		`{"code":200,"users":""}`:   {},
		`{"code":200,"users":[{"userId":"a"},{"userId":"b","blockEndTime":"2024-01-01 0:0:0"},{"userId":"c","blockEndTime":"soon"}]}`: {
			{UserID: "a"}, {UserID: "b", Until: at}, {UserID: "c"},
		},
		`{"code":200,"users":["a",null,7,[],{},true,{"userId":1234567890123456789,"blockEndTime":1704038400000},{"blockEndTime":"2024-01-01 00:00:00"}]}`: {
			{UserID: "1234567890123456789", Until: at},
		},
		`{"code":200,"users":[{"userId":"a","blockEndTime":"2024-01-01 00:00:00"}],"users":[{"userId":"b"}]}`: {
			{UserID: "b"},
		},
		`{"code":200,"users":[{"userId":"a","blockEndTime":{"x":1}},{"userId":null,"blockEndTime":null},{"userId":["b"]},{"userId":false}]}`: {
			{UserID: "a"},
		},
	} {
		client, tap := newClient(t, reply(http.StatusOK, body))
		got, err := client.Bans.List(t.Context(), rcuser.PageOptions{})
		require.NoError(t, err, body)
		require.Equal(t, want, got, body)
		require.Len(t, tap.requests(), 1)
	}
	requireBrokenAnswers(t, []brokenAnswer{
		{bans(rcuser.PageOptions{}), `"users":{"userId":"a","blockEndTime":"2024-01-01 00:00:00"}`, "its field users isn't a list"},
		{bans(rcuser.PageOptions{}), `"users":"a"`, "its field users isn't a list"},
		{bans(rcuser.PageOptions{}), `"users":10`, "its field users isn't a list"},
		{bans(rcuser.PageOptions{}), `"users":true`, "its field users isn't a list"},
	}...)
}

func TestBansAll(t *testing.T) {
	t.Parallel()
	l := listing{
		path: "/user/block/query.json", size: 50, numbered: true,
		all: func(ctx context.Context, c *rcuser.Client) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				for ban, err := range c.Bans.All(ctx) {
					if !yield(ban.UserID, err) {
						return
					}
				}
			}
		},
		page: func(ids []string, _ int, _ bool) string {
			users := make([]string, len(ids))
			for i, id := range ids {
				users[i] = fmt.Sprintf(`{"userId":%q,"blockEndTime":"2024-01-01 00:00:00"}`, id)
			}
			return `{"code":200,"users":[` + strings.Join(users, ",") + `]}`
		},
		body: func(number int) string { return numberedBody(number, "page", "size") },
	}
	testListing(t, l)
	testNumberedListing(t, l)
}

// TestBansAllYieldsAZeroBanWithAnError looks at the whole Ban that comes with an error.
func TestBansAllYieldsAZeroBanWithAnError(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, reply(http.StatusBadRequest, `{"code":1002}`))
	for ban, err := range client.Bans.All(t.Context()) {
		require.Error(t, err)
		require.Equal(t, rcuser.Ban{}, ban)
	}
}
