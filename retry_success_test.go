package rcuser_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// unreadable lists answers of RC that say success, and calls that can't use them.
var unreadable = map[string]struct {
	status int
	body   string
	call   clientCall
}{
	"no token": {200, `{"code":200,"userId":"u1"}`, func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Users.Register(ctx, rcuser.Registration{UserID: "u1", Name: "n"})
		return err
	}},
	"no status": {200, success, func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Presence.Online(ctx, "u1")
		return err
	}},
	"another type than the caller's": {200, `{"code":200,"n":"x"}`, func(ctx context.Context, c *rcuser.Client) error {
		var result struct{ N int }
		return c.Call(ctx, rcuser.Request{Path: "/x.json", Idempotent: true}, &result)
	}},
	"HTTP 201": {201, success, ban},
	"HTTP 400": {400, success, ban},
}

// TestUnreadableSuccess must end the call, and cost neither the host's preference nor the budget.
func TestUnreadableSuccess(t *testing.T) {
	t.Parallel()
	for name, tc := range unreadable {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log warnings
			steps := make([]roundTripFunc, 200)
			for i := range steps {
				steps[i] = reply(tc.status, tc.body)
			}
			client, tap := newClient(t, inTurn(append(steps, reply(503, ""), reply(200, success))...), bothHosts, log.to)
			for range 200 {
				rcErr := requireError(t, tc.call(t.Context(), client))
				require.ErrorContains(t, rcErr, "broken answer: ")
				require.Equal(t, []any{1, rcuser.Unknown, tc.status}, []any{rcErr.Attempts, rcErr.Outcome, rcErr.StatusCode})
			}
			require.Empty(t, log.log.String())
			require.NoError(t, ban(t.Context(), client))
			require.Equal(t, "pb", hostSequence(tap)[200:])
		})
	}
}

// TestCutSuccessIsNotRCs has half of the JSON: whether RC said success isn't known.
func TestCutSuccessIsNotRCs(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"code":200`, `{"code":200,`, `{"code":20`} {
		client, tap := newClient(t, byHost(t, reply(200, body), reply(200, success)), bothHosts)
		require.NoError(t, ban(t.Context(), client))
		require.Equal(t, "pb", hostSequence(tap))
	}
}
