package rcuser_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

const badUTF8 = "a\xffb"

// requireArgumentError checks that err names the argument and says what is wrong, and that nothing was sent.
func requireArgumentError(t *testing.T, err error, name, text string, tap *wiretap) {
	t.Helper()
	var argErr *rcuser.ArgumentError
	require.ErrorAs(t, err, &argErr)
	require.Equal(t, name, argErr.Name)
	require.Contains(t, argErr.Reason, text)
	require.Equal(t, "rcuser: "+name+": "+argErr.Reason, err.Error())
	require.Empty(t, tap.requests())
}

// badIDs are refused as ids everywhere.
var badIDs = []struct{ id, text string }{
	{"", "is empty"},
	{strings.Repeat("x", 65), "65 bytes, at most 64"},
	{strings.Repeat("用", 22), "66 bytes, at most 64"},
	{"a\nb", "control character"},
	{"a\x00", "control character"},
	{"\u007f", "control character"},
	{"a\u0085", "control character"},
	{badUTF8, "UTF-8"},
}

// takeID are the methods that take one id.
var takeID = map[string]struct {
	name string
	call func(ctx context.Context, c *rcuser.Client, id string) error
}{
	"Register": {"Registration.UserID", func(ctx context.Context, c *rcuser.Client, id string) error {
		_, err := c.Users.Register(ctx, rcuser.Registration{UserID: id, Name: "n"})
		return err
	}},
	"Get": {"userID", func(ctx context.Context, c *rcuser.Client, id string) error {
		_, err := c.Users.Get(ctx, id)
		return err
	}},
	"Update": {"userID", func(ctx context.Context, c *rcuser.Client, id string) error {
		return c.Users.Update(ctx, id, rcuser.UserUpdate{Name: &ironman})
	}},
	"Online": {"userID", func(ctx context.Context, c *rcuser.Client, id string) error {
		_, err := c.Presence.Online(ctx, id)
		return err
	}},
	"Blocklist.Add": {"ownerID", func(ctx context.Context, c *rcuser.Client, id string) error {
		return c.Blocklist.Add(ctx, id, []string{"a"})
	}},
	"Blocklist.Remove": {"ownerID", func(ctx context.Context, c *rcuser.Client, id string) error {
		return c.Blocklist.Remove(ctx, id, []string{"a"})
	}},
	"Blocklist.List": {"ownerID", func(ctx context.Context, c *rcuser.Client, id string) error {
		_, err := c.Blocklist.List(ctx, id, rcuser.CursorOptions{})
		return err
	}},
	"Allowlist.Add": {"ownerID", func(ctx context.Context, c *rcuser.Client, id string) error {
		return c.Allowlist.Add(ctx, id, []string{"a"})
	}},
	"Allowlist.Remove": {"ownerID", func(ctx context.Context, c *rcuser.Client, id string) error {
		return c.Allowlist.Remove(ctx, id, []string{"a"})
	}},
	"Allowlist.List": {"ownerID", func(ctx context.Context, c *rcuser.Client, id string) error {
		_, err := c.Allowlist.List(ctx, id, rcuser.CursorOptions{})
		return err
	}},
}

func TestBadID(t *testing.T) {
	t.Parallel()
	for method, tc := range takeID {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			client, tap := newClient(t, unexpected(t))
			for _, bad := range badIDs {
				requireArgumentError(t, tc.call(t.Context(), client, bad.id), tc.name, bad.text, tap)
			}
		})
	}
}

// takeIDs are the methods that take several ids.
var takeIDs = map[string]struct {
	most   int
	joined bool
	call   func(ctx context.Context, c *rcuser.Client, ids []string) error
}{
	"Deactivate": {100, true, func(ctx context.Context, c *rcuser.Client, ids []string) error {
		_, err := c.Users.Deactivate(ctx, ids)
		return err
	}},
	"Reactivate": {100, true, func(ctx context.Context, c *rcuser.Client, ids []string) error {
		_, err := c.Users.Reactivate(ctx, ids)
		return err
	}},
	"Expire": {20, false, func(ctx context.Context, c *rcuser.Client, ids []string) error {
		return c.Tokens.Expire(ctx, ids, time.UnixMilli(1))
	}},
	"Bans.Add": {20, false, func(ctx context.Context, c *rcuser.Client, ids []string) error {
		return c.Bans.Add(ctx, ids, time.Minute)
	}},
	"Bans.Remove": {20, false, func(ctx context.Context, c *rcuser.Client, ids []string) error {
		return c.Bans.Remove(ctx, ids)
	}},
	"Blocklist.Add": {20, false, func(ctx context.Context, c *rcuser.Client, ids []string) error {
		return c.Blocklist.Add(ctx, "o", ids)
	}},
	"Blocklist.Remove": {20, false, func(ctx context.Context, c *rcuser.Client, ids []string) error {
		return c.Blocklist.Remove(ctx, "o", ids)
	}},
	"Allowlist.Add": {20, false, func(ctx context.Context, c *rcuser.Client, ids []string) error {
		return c.Allowlist.Add(ctx, "o", ids)
	}},
	"Allowlist.Remove": {20, false, func(ctx context.Context, c *rcuser.Client, ids []string) error {
		return c.Allowlist.Remove(ctx, "o", ids)
	}},
	"Enable": {20, false, func(ctx context.Context, c *rcuser.Client, ids []string) error {
		return c.Allowlist.Enable(ctx, ids)
	}},
	"Disable": {20, false, func(ctx context.Context, c *rcuser.Client, ids []string) error {
		return c.Allowlist.Disable(ctx, ids)
	}},
	"Enabled": {20, false, func(ctx context.Context, c *rcuser.Client, ids []string) error {
		_, err := c.Allowlist.Enabled(ctx, ids)
		return err
	}},
}

func TestBadIDs(t *testing.T) {
	t.Parallel()
	for method, tc := range takeIDs {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			client, tap := newClient(t, unexpected(t))
			requireArgumentError(t, tc.call(ctx, client, nil), "userIDs", "no ids, at least 1", tap)
			requireArgumentError(t, tc.call(ctx, client, []string{}), "userIDs", "no ids, at least 1", tap)
			tooMany := map[int]string{20: "21 ids, at most 20", 100: "101 ids, at most 100"}[tc.most]
			requireArgumentError(t, tc.call(ctx, client, manyIDs(tc.most+1)), "userIDs", tooMany, tap)
			for _, bad := range badIDs {
				requireArgumentError(t, tc.call(ctx, client, []string{"a", bad.id}), "userIDs[1]", bad.text, tap)
			}
			if tc.joined {
				requireArgumentError(t, tc.call(ctx, client, []string{"a", "b", "c,d"}), "userIDs[2]", "comma", tap)
			}
			client, tap = newClient(t, reply(http.StatusOK, anyAnswer))
			require.NoError(t, tc.call(ctx, client, manyIDs(tc.most)))
			require.NoError(t, tc.call(ctx, client, []string{strings.Repeat("x", 64)}))
			require.Len(t, tap.requests(), 2)
		})
	}
}

var (
	longName     = strings.Repeat("用", 65)
	longPortrait = strings.Repeat("p", 1025)
	brokenText   = badUTF8
)

func update(u rcuser.UserUpdate) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error { return c.Users.Update(ctx, "a", u) }
}

func register(name, portraitURI string) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Users.Register(ctx, rcuser.Registration{UserID: "a", Name: name, PortraitURI: portraitURI})
		return err
	}
}

func banFor(d time.Duration) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error { return c.Bans.Add(ctx, []string{"a"}, d) }
}

func expire(before time.Time) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error { return c.Tokens.Expire(ctx, []string{"a"}, before) }
}

func bans(page rcuser.PageOptions) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Bans.List(ctx, page)
		return err
	}
}

func deactivated(page rcuser.PageOptions) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Users.ListDeactivated(ctx, page)
		return err
	}
}

func blocklist(cursor rcuser.CursorOptions) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Blocklist.List(ctx, "a", cursor)
		return err
	}
}

func allowlist(cursor rcuser.CursorOptions) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Allowlist.List(ctx, "a", cursor)
		return err
	}
}

func other(path string, result any) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error { return c.Call(ctx, path, url.Values{}, result) }
}

func withRequestID(id string) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error { return ban(rcuser.WithRequestID(ctx, id), c) }
}

var badArguments = []struct {
	call       func(context.Context, *rcuser.Client) error
	name, text string
}{
	{register("", ""), "Registration.Name", "is empty"},
	{register(longName, ""), "Registration.Name", "65 characters, at most 64"},
	{register(badUTF8, ""), "Registration.Name", "UTF-8"},
	{register("n", longPortrait), "Registration.PortraitURI", "1025 bytes, at most 1024"},
	{register("n", badUTF8), "Registration.PortraitURI", "UTF-8"},
	{update(rcuser.UserUpdate{}), "UserUpdate", "changes nothing"},
	{update(rcuser.UserUpdate{Name: &longName}), "UserUpdate.Name", "65 characters, at most 64"},
	{update(rcuser.UserUpdate{Name: &brokenText}), "UserUpdate.Name", "UTF-8"},
	{update(rcuser.UserUpdate{PortraitURI: &longPortrait}), "UserUpdate.PortraitURI", "1025 bytes, at most 1024"},
	{update(rcuser.UserUpdate{Name: &ironman, PortraitURI: &brokenText}), "UserUpdate.PortraitURI", "UTF-8"},
	{banFor(0), "duration", "from 1 minute to 30 days"},
	{banFor(30 * time.Second), "duration", "30s, it must be from 1 minute to 30 days"},
	{banFor(90 * time.Second), "duration", "1m30s, it must be whole minutes"},
	{banFor(time.Minute + 1), "duration", "whole minutes"},
	{banFor(30*24*time.Hour + 1), "duration", "30 days"},
	{banFor(31 * 24 * time.Hour), "duration", "744h0m0s, it must be from 1 minute to 30 days"},
	{banFor(-time.Minute), "duration", "-1m0s, it must be from 1 minute"},
	{expire(time.Time{}), "before", "zero time"},
	{expire(time.UnixMilli(0)), "before", "1970-01-01"},
	{expire(time.UnixMilli(-1)), "before", "1970-01-01"},
	{bans(rcuser.PageOptions{Page: -1}), "PageOptions.Page", "-1 is negative"},
	{bans(rcuser.PageOptions{Size: -1}), "PageOptions.Size", "-1 is negative"},
	{deactivated(rcuser.PageOptions{Page: -2}), "PageOptions.Page", "-2 is negative"},
	{deactivated(rcuser.PageOptions{Size: -2}), "PageOptions.Size", "-2 is negative"},
	{deactivated(rcuser.PageOptions{Size: 51}), "PageOptions.Size", "51, at most 50"},
	{blocklist(rcuser.CursorOptions{Size: -1}), "CursorOptions.Size", "-1, it must be from 0 to 1000"},
	{blocklist(rcuser.CursorOptions{Size: 1001}), "CursorOptions.Size", "1001, it must be from 0 to 1000"},
	{allowlist(rcuser.CursorOptions{Size: -1}), "CursorOptions.Size", "-1, it must be from 0 to 1000"},
	{allowlist(rcuser.CursorOptions{Size: 1001}), "CursorOptions.Size", "1001, it must be from 0 to 1000"},
	{other("", nil), "path", "one slash"},
	{other("user/x.json", nil), "path", "one slash"},
	{other("//evil.io/x.json", nil), "path", "one slash"},
	{other("https://evil.io/x.json", nil), "path", "one slash"},
	{other("/x.json?a=b", nil), "path", "? or #"},
	{other("/x.json#a", nil), "path", "? or #"},
	{other("/x y.json", nil), "path", "escaped"},
	{other("/x%20y.json", nil), "path", "escaped"},
	{other("/用户.json", nil), "path", "escaped"},
	{other("/x\r\nA: b", nil), "path", "escaped"},
	{other("/x.json", map[string]any{}), "result", "pointer"},
	{other("/x.json", struct{}{}), "result", "pointer"},
	{other("/x.json", (*int)(nil)), "result", "pointer"},
	{withRequestID(strings.Repeat("r", 37)), "request ID", "37 characters, at most 36"},
	{withRequestID("a b"), "request ID", "space"},
	{withRequestID("a\r\nX: y"), "request ID", "line break"},
	{withRequestID("é"), "request ID", "ASCII"},
}

func TestBadArguments(t *testing.T) {
	t.Parallel()
	client, tap := newClient(t, unexpected(t))
	for _, tc := range badArguments {
		t.Run(tc.name+" "+tc.text, func(t *testing.T) {
			requireArgumentError(t, tc.call(t.Context(), client), tc.name, tc.text, tap)
		})
	}
}

// TestGoodArguments is the other side of the limits.
func TestGoodArguments(t *testing.T) {
	t.Parallel()
	name, uri := strings.Repeat("用", 64), strings.Repeat("p", 1024)
	for i, call := range []func(context.Context, *rcuser.Client) error{
		register(name, uri),
		update(rcuser.UserUpdate{Name: &name, PortraitURI: &uri}),
		banFor(time.Minute),
		expire(time.UnixMilli(1)),
		deactivated(rcuser.PageOptions{Size: 50}),
		blocklist(rcuser.CursorOptions{Size: 1000}),
		other("/v4/auth/access-token/issue", nil),
		withRequestID(strings.Repeat("r", 36)),
		withRequestID(""),
	} {
		client, tap := newClient(t, reply(http.StatusOK, anyAnswer))
		require.NoError(t, call(t.Context(), client), i)
		require.Len(t, tap.requests(), 1, i)
	}
}

func TestNilContext(t *testing.T) {
	t.Parallel()
	client, tap := newClient(t, unexpected(t))
	requireArgumentError(t, ban(nil, client), "ctx", "is nil", tap)                      //nolint:staticcheck // that is the point
	requireArgumentError(t, client.Call(nil, "/x.json", nil, nil), "ctx", "is nil", tap) //nolint:staticcheck // that is the point
}

// TestZeroClient makes calls with clients that NewClient didn't make.
func TestZeroClient(t *testing.T) {
	t.Parallel()
	ctx, tap := t.Context(), &wiretap{}
	zero := &rcuser.Client{}
	zero.CloseIdleConnections()
	for _, tc := range takeID {
		requireArgumentError(t, tc.call(ctx, zero, "a"), "Client", "NewClient", tap)
	}
	for _, tc := range takeIDs {
		requireArgumentError(t, tc.call(ctx, zero, []string{"a"}), "Client", "NewClient", tap)
	}
	requireArgumentError(t, other("/x.json", nil)(ctx, zero), "Client", "NewClient", tap)
	requireArgumentError(t, other("/x.json", nil)(ctx, nil), "Client", "NewClient", tap)
	requireArgumentError(t, new(rcuser.TokensService).Expire(ctx, []string{"a"}, time.UnixMilli(1)), "Client", "NewClient", tap)
	for _, err := range zero.Bans.All(ctx) {
		requireArgumentError(t, err, "Client", "NewClient", tap)
	}
	for _, err := range zero.Users.AllDeactivated(ctx) {
		requireArgumentError(t, err, "Client", "NewClient", tap)
	}
}
