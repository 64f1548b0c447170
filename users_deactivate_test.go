package rcuser_test

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/internal/systemtest"
	"github.com/f0207b22/rcuser/rctest"
)

const operationAnswer = `{"code":200,"operateId":"o"}`

var _ = systemtest.Register(
	systemtest.Row{
		Path: "/user/deactivate.json",
		Call: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			_, err := c.Users.Deactivate(ctx, []string{users.ID})
			return err
		},
		Applied: isDeactivated,
		Examples: []systemtest.Example{{
			Form:   "userId=uid1,uid2",
			Answer: `{"code":200,"operateId":"C70B-B1D6-82E8-5SBO"}`,
			Source: "docs.rongcloud.io/platform-chat-api/user/deactivation/* (inferred: form taken from the reactivate page)",
			Call: func(ctx context.Context, c *rcuser.Client) (any, error) {
				return c.Users.Deactivate(ctx, []string{"uid1", "uid2"})
			},
			Body: "userId=uid1%2Cuid2",
			Want: rcuser.Operation{ID: "C70B-B1D6-82E8-5SBO"},
		}},
		Step: deactivateStep,
		Check: func(m *systemtest.Model, want *systemtest.User, got rctest.User) {
			require.Equal(m, !want.DeactivatedAt.IsZero(), got.Deactivated)
		},
	},
	systemtest.Row{
		Path: "/user/deactivate/query.json",
		Call: func(ctx context.Context, c *rcuser.Client, _ systemtest.Pair) error {
			return deactivated(rcuser.PageOptions{})(ctx, c)
		},
		Examples: []systemtest.Example{{
			Form:   "pageSize=50&pageNo=1",
			Answer: `{"code":200,"users":["uid1","uid2"]}`,
			Source: "docs.rongcloud.io/platform-chat-api/user/deactivation/*",
			Call: func(ctx context.Context, c *rcuser.Client) (any, error) {
				return c.Users.ListDeactivated(ctx, rcuser.PageOptions{Page: 1, Size: 50})
			},
			Body: "pageNo=1&pageSize=50",
			Want: []string{"uid1", "uid2"},
		}},
		Step: listDeactivatedStep,
	},
	systemtest.Row{
		Path: "/user/reactivate.json",
		Setup: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			_, err := c.Users.Deactivate(ctx, []string{users.ID})
			return err
		},
		Wait: time.Hour,
		Call: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
			_, err := c.Users.Reactivate(ctx, []string{users.ID})
			return err
		},
		Applied: func(s *rctest.Server, users systemtest.Pair) bool { return !isDeactivated(s, users) },
		Examples: []systemtest.Example{{
			Form:   "userId=uid1,uid2",
			Answer: `{"code":200,"operateId":"C70B-B1D6-82E8-5SBO"}`,
			Source: "docs.rongcloud.io/platform-chat-api/user/deactivation/*",
			Call: func(ctx context.Context, c *rcuser.Client) (any, error) {
				return c.Users.Reactivate(ctx, []string{"uid1", "uid2"})
			},
			Body: "userId=uid1%2Cuid2",
			Want: rcuser.Operation{ID: "C70B-B1D6-82E8-5SBO"},
		}},
		Step: reactivateStep,
	},
)

func isDeactivated(s *rctest.Server, users systemtest.Pair) bool { return s.User(users.ID).Deactivated }

// deactivations is the model's list of deactivated users.
type deactivations struct{ ids []string } // in the order of deactivation

func deactivateStep(m *systemtest.Model) {
	ids := m.ChooseIDs("ids")
	operation, err := m.Client.Users.Deactivate(m.Context, ids)
	require.NoError(m, err)
	require.NotEmpty(m, operation.ID)
	list := systemtest.Own[deactivations](m)
	for _, id := range ids {
		if user := m.User(id); user.DeactivatedAt.IsZero() {
			user.DeactivatedAt, user.Tokens, user.Connected = m.Server.Now(), nil, false
			list.ids = append(list.ids, id)
		}
	}
}

func reactivateStep(m *systemtest.Model) {
	ids := m.ChooseIDs("ids")
	_, err := m.Client.Users.Reactivate(m.Context, ids)
	for _, id := range ids {
		if user := m.User(id); !user.DeactivatedAt.IsZero() && m.Server.Now().Sub(user.DeactivatedAt) < time.Hour {
			requireRefused(m, err, rcuser.ErrParameter)
			return
		}
	}
	require.NoError(m, err)
	for _, id := range ids {
		m.User(id).Reactivate()
	}
	list := systemtest.Own[deactivations](m)
	list.ids = slices.DeleteFunc(list.ids, func(id string) bool { return slices.Contains(ids, id) })
}

func listDeactivatedStep(m *systemtest.Model) {
	size, page := 1+m.Choose("size", 3), 1+m.Choose("page", 3)
	want := systemtest.Own[deactivations](m).ids
	got, err := m.Client.Users.ListDeactivated(m.Context, rcuser.PageOptions{Page: page, Size: size})
	require.NoError(m, err)
	require.Equal(m, systemtest.PageOf(want, page, size), got)
	require.Equal(m, systemtest.PageOf(want, 1, 1000), collect(m, m.Client.Users.AllDeactivated(m.Context)))
}

func deactivateIDs(ctx context.Context, c *rcuser.Client, ids []string) error {
	_, err := c.Users.Deactivate(ctx, ids)
	return err
}

func reactivateIDs(ctx context.Context, c *rcuser.Client, ids []string) error {
	_, err := c.Users.Reactivate(ctx, ids)
	return err
}

func deactivated(page rcuser.PageOptions) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Users.ListDeactivated(ctx, page)
		return err
	}
}

func TestDeactivateArguments(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(context.Context, *rcuser.Client, []string) error{
		"Deactivate": deactivateIDs, "Reactivate": reactivateIDs,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireIDsChecked(t, 100, "101 ids, at most 100", operationAnswer, call)
			client, tap := newClient(t, unexpected(t))
			requireArgumentError(t, call(t.Context(), client, []string{"a", "b", "c,d"}), "userIDs[2]", "comma", tap)
		})
	}
}

func TestListDeactivatedArguments(t *testing.T) {
	t.Parallel()
	requireArgumentErrors(t, []badArgument{
		{deactivated(rcuser.PageOptions{Page: -2}), "PageOptions.Page", "-2 is negative"},
		{deactivated(rcuser.PageOptions{Size: -2}), "PageOptions.Size", "-2 is negative"},
		{deactivated(rcuser.PageOptions{Size: 51}), "PageOptions.Size", "51, at most 50"},
	}...)
	requireAccepted(t, noUsers, deactivated(rcuser.PageOptions{Size: 50}))
	for _, err := range new(rcuser.Client).Users.AllDeactivated(t.Context()) {
		requireArgumentError(t, err, "Client", "NewClient", &wiretap{})
	}
}

func TestDeactivateBodies(t *testing.T) {
	t.Parallel()
	requireBodies(t, operationAnswer, sentBody{
		name: "ids joined with commas",
		call: func(ctx context.Context, c *rcuser.Client) error {
			return reactivateIDs(ctx, c, []string{"a b", "c&d"})
		},
		body: "userId=a+b%2Cc%26d",
		form: url.Values{"userId": {"a b,c&d"}},
	})
	requirePageForms(t, deactivated, map[rcuser.PageOptions]string{
		{}:                  "",
		{Size: 20}:          "pageNo=1&pageSize=20",
		{Page: 2}:           "pageNo=2",
		{Page: 3, Size: 50}: "pageNo=3&pageSize=50",
	})
}

func TestDeactivateBrokenAnswers(t *testing.T) {
	t.Parallel()
	one := func(call func(context.Context, *rcuser.Client, []string) error) func(context.Context, *rcuser.Client) error {
		return func(ctx context.Context, c *rcuser.Client) error { return call(ctx, c, []string{"a"}) }
	}
	requireBrokenAnswers(t, []brokenAnswer{
		{deactivated(rcuser.PageOptions{}), `"users":{"a":1}`, "its field users isn't a list"},
		{one(deactivateIDs), `"x":1`, "its field operateId is missing or can't be read"},
		{one(deactivateIDs), `"operateId":{"id":1}`, "its field operateId is missing or can't be read"},
		{one(reactivateIDs), `"operateId":""`, "its field operateId is missing or can't be read"},
		{one(reactivateIDs), `"operateId":null`, "its field operateId is missing or can't be read"},
	}...)
}

func TestDeactivateAnswers(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, inTurn(
		reply(http.StatusOK, `{"code":10000,"operateId":12345678901234567890}`),
		reply(http.StatusOK, `{"code":"200","operateId":"o-1"}`),
	), once)
	operation, err := client.Users.Deactivate(t.Context(), []string{"a"})
	require.NoError(t, err)
	require.Equal(t, rcuser.Operation{ID: "12345678901234567890"}, operation)
	operation, err = client.Users.Reactivate(t.Context(), []string{"a"})
	require.NoError(t, err)
	require.Equal(t, rcuser.Operation{ID: "o-1"}, operation)
}

// listedIDsAnswers are answers with a list of ids, and the ids.
var listedIDsAnswers = map[string][]string{
	`{"code":200}`:                        {},
	`{"code":200,"users":null}`:           {},
	`{"code":200,"users":{}}`:             {},
	`{"code":200,"users":""}`:             {},
	`{"code":200,"users":["a",null,"b"]}`: {"a", "b"},
	`{"code":200,"users":[null,""]}`:      {},
	`{"code":10000.0,"users":[12345678901234567890,1.5,-3,{"userId":"x"},["y"],true,"z"]}`: {"12345678901234567890", "1.5", "-3", "z"},
	`{"code":200,"users":[1.2345678901E10,7.0,"7.0","1e3"]}`:                               {"12345678901", "7", "7.0", "1e3"},
	`{"code":200,"users":["x"],"users":["a"],"Users":null}`:                                {"a"},
	`{"code":200,"users":["\u674e","\ud800",` + `"a` + "\xff" + `"]}`:                      {"李", "\ufffd", "a\ufffd"},
}

func TestListDeactivatedAnswers(t *testing.T) {
	t.Parallel()
	for body, want := range listedIDsAnswers {
		client, tap := newClient(t, reply(http.StatusOK, body))
		got, err := client.Users.ListDeactivated(t.Context(), rcuser.PageOptions{})
		require.NoError(t, err, body)
		require.Equal(t, want, got, body)
		require.Len(t, tap.requests(), 1)
	}
}

func TestAllDeactivated(t *testing.T) {
	t.Parallel()
	l := listing{
		path: "/user/deactivate/query.json", size: 50, numbered: true,
		all: func(ctx context.Context, c *rcuser.Client) iter.Seq2[string, error] {
			return c.Users.AllDeactivated(ctx)
		},
		page: func(ids []string, _ int, _ bool) string { return cursorPage(ids, 0, false) },
		body: func(number int) string { return numberedBody(number, "pageNo", "pageSize") },
	}
	testListing(t, l)
	testNumberedListing(t, l)
}
