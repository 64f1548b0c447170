package rcuser_test

import (
	"context"
	"slices"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

var u1 = []string{"u1"}

func nothing(*rctest.Server, *rcuser.Client) error { return nil }

// known registers the user that the operations are about.
func known(_ *rctest.Server, client *rcuser.Client) error {
	_, err := client.Users.Register(context.Background(), rcuser.Registration{UserID: "u1", Name: "before"})
	return err
}

func registerU1(ctx context.Context, client *rcuser.Client) error {
	_, err := client.Users.Register(ctx, rcuser.Registration{UserID: "u1", Name: "after"})
	return err
}

// operations are the 19 calls.
var operations = []operation{
	{"/user/getToken.json", nothing, registerU1, func(s *rctest.Server) bool { return s.User("u1").Registered }},
	{"/user/token/expire.json", known, func(ctx context.Context, c *rcuser.Client) error {
		return c.Tokens.Expire(ctx, u1, time.Now().Add(time.Hour))
	}, func(s *rctest.Server) bool { return len(s.User("u1").Tokens) == 0 }},
	{"/user/info.json", known, func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Users.Get(ctx, "u1")
		return err
	}, nil},
	{"/user/refresh.json", known, func(ctx context.Context, c *rcuser.Client) error {
		name := "after"
		return c.Users.Update(ctx, "u1", rcuser.UserUpdate{Name: &name})
	}, func(s *rctest.Server) bool { return s.User("u1").Name == "after" }},
	{"/user/block.json", nothing, func(ctx context.Context, c *rcuser.Client) error {
		return c.Bans.Add(ctx, u1, time.Hour)
	}, banned},
	{"/user/unblock.json", func(_ *rctest.Server, c *rcuser.Client) error {
		return c.Bans.Add(context.Background(), u1, time.Hour)
	}, func(ctx context.Context, c *rcuser.Client) error {
		return c.Bans.Remove(ctx, u1)
	}, func(s *rctest.Server) bool { return !banned(s) }},
	{"/user/block/query.json", nothing, func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Bans.List(ctx, rcuser.PageOptions{})
		return err
	}, nil},
	{"/user/checkOnline.json", nothing, func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Presence.Online(ctx, "u1")
		return err
	}, nil},
	{"/user/blacklist/add.json", nothing, func(ctx context.Context, c *rcuser.Client) error {
		return c.Blocklist.Add(ctx, "u1", []string{"u2"})
	}, blocked},
	{"/user/blacklist/remove.json", func(_ *rctest.Server, c *rcuser.Client) error {
		return c.Blocklist.Add(context.Background(), "u1", []string{"u2"})
	}, func(ctx context.Context, c *rcuser.Client) error {
		return c.Blocklist.Remove(ctx, "u1", []string{"u2"})
	}, func(s *rctest.Server) bool { return !blocked(s) }},
	{"/user/blacklist/query.json", nothing, func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Blocklist.List(ctx, "u1", rcuser.CursorOptions{})
		return err
	}, nil},
	{"/user/whitesetting/set.json", nothing, func(ctx context.Context, c *rcuser.Client) error {
		return c.Allowlist.Enable(ctx, u1)
	}, func(s *rctest.Server) bool { return s.User("u1").AllowlistEnabled }},
	{"/user/whitesetting/query.json", nothing, func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Allowlist.Enabled(ctx, u1)
		return err
	}, nil},
	{"/user/whitelist/add.json", nothing, func(ctx context.Context, c *rcuser.Client) error {
		return c.Allowlist.Add(ctx, "u1", []string{"u2"})
	}, allowed},
	{"/user/whitelist/remove.json", func(_ *rctest.Server, c *rcuser.Client) error {
		return c.Allowlist.Add(context.Background(), "u1", []string{"u2"})
	}, func(ctx context.Context, c *rcuser.Client) error {
		return c.Allowlist.Remove(ctx, "u1", []string{"u2"})
	}, func(s *rctest.Server) bool { return !allowed(s) }},
	{"/user/whitelist/query.json", nothing, func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Allowlist.List(ctx, "u1", rcuser.CursorOptions{})
		return err
	}, nil},
	{"/user/deactivate.json", nothing, func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Users.Deactivate(ctx, u1)
		return err
	}, isDeactivated},
	{"/user/deactivate/query.json", nothing, func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Users.ListDeactivated(ctx, rcuser.PageOptions{})
		return err
	}, nil},
	{"/user/reactivate.json", func(s *rctest.Server, c *rcuser.Client) error {
		_, err := c.Users.Deactivate(context.Background(), u1)
		s.Advance(time.Hour)
		return err
	}, func(ctx context.Context, c *rcuser.Client) error {
		_, err := c.Users.Reactivate(ctx, u1)
		return err
	}, func(s *rctest.Server) bool { return !isDeactivated(s) }},
}

func banned(s *rctest.Server) bool        { return !s.User("u1").BannedUntil.IsZero() }
func blocked(s *rctest.Server) bool       { return slices.Contains(s.User("u1").Blocklist, "u2") }
func allowed(s *rctest.Server) bool       { return slices.Contains(s.User("u1").Allowlist, "u2") }
func isDeactivated(s *rctest.Server) bool { return s.User("u1").Deactivated }
