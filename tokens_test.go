package rcuser_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/internal/systemtest"
	"github.com/f0207b22/rcuser/rctest"
)

var _ = systemtest.Register(systemtest.Row{
	Path:  "/user/token/expire.json",
	Setup: registerBefore,
	Call: func(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
		return c.Tokens.Expire(ctx, []string{users.ID}, time.Now().Add(time.Hour))
	},
	Applied: func(s *rctest.Server, users systemtest.Pair) bool { return len(s.User(users.ID).Tokens) == 0 },
	Examples: []systemtest.Example{{
		Form:   "userId=test1&userId=test2&time=1615362955344",
		Answer: `{"code":200}`,
		Source: "docs.rongcloud.io/platform-chat-api/user/expire",
		Call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			before := time.Date(2021, 3, 10, 15, 55, 55, 344_999_999, beijingTime)
			return c.Tokens.Expire(ctx, []string{"test1", "test2"}, before)
		}),
		Body: "time=1615362955344&userId=test1&userId=test2",
	}},
	Step: expireStep,
	Check: func(m *systemtest.Model, want *systemtest.User, got rctest.User) {
		require.Len(m, got.Tokens, min(20, len(want.Tokens)), "rctest lists the last 20")
		for _, token := range want.Tokens {
			require.Equal(m, m.MayConnect(want), m.Server.ValidToken(want.ID, token.Value))
		}
	},
})

func expireStep(m *systemtest.Model) {
	ids := m.ChooseIDs("ids")
	offset := systemtest.ChooseFrom(m, "offset", -time.Minute, 0, time.Millisecond, time.Minute)
	before := m.Server.Now().Add(offset)
	require.NoError(m, m.Client.Tokens.Expire(m.Context, ids, before))
	before = before.Truncate(time.Millisecond)
	for _, id := range ids {
		user := m.User(id)
		if before.After(user.VoidBefore) {
			user.VoidBefore = before
		}
		user.Tokens = slices.DeleteFunc(user.Tokens, func(t systemtest.Token) bool { return !t.IssuedAt.After(before) })
	}
}

func expire(before time.Time) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error { return c.Tokens.Expire(ctx, []string{"a"}, before) }
}

func TestExpireArguments(t *testing.T) {
	t.Parallel()
	requireIDsChecked(t, 20, "21 ids, at most 20", success, func(ctx context.Context, c *rcuser.Client, ids []string) error {
		return c.Tokens.Expire(ctx, ids, time.UnixMilli(1))
	})
	requireArgumentErrors(t, []badArgument{
		{expire(time.Time{}), "before", "zero time"},
		{expire(time.UnixMilli(0)), "before", "1970-01-01"},
		{expire(time.UnixMilli(-1)), "before", "1970-01-01"},
	}...)
	requireAccepted(t, success, expire(time.UnixMilli(1)))
	err := new(rcuser.TokensService).Expire(t.Context(), []string{"a"}, time.UnixMilli(1))
	requireArgumentError(t, err, "Client", "NewClient", &wiretap{})
}
