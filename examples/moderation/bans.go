package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/f0207b22/rcuser"
)

func (a *app) banCommand() *cobra.Command {
	var b bulkCommand
	cmd := b.addFlags(&cobra.Command{Use: "ban", Short: "Ban users for a duration, from now"}, true)
	d := cmd.Flags().Duration("for", 0, "how long: whole minutes, from 1m to 720h")
	_ = cmd.MarkFlagRequired("for")
	cmd.RunE = a.checked(func(cmd *cobra.Command, _ []string) error {
		b.name = "ban"
		b.run = func(ctx context.Context, c *rcuser.Client, ids iter.Seq2[string, error], o rcuser.BulkOptions) (rcuser.BulkReport, error) {
			return c.Bulk.Ban(ctx, ids, *d, o)
		}
		return a.runBulk(cmd, &b)
	})
	return cmd
}

func (a *app) unbanCommand() *cobra.Command {
	b := bulkCommand{name: "unban"}
	b.run = func(ctx context.Context, c *rcuser.Client, ids iter.Seq2[string, error], o rcuser.BulkOptions) (rcuser.BulkReport, error) {
		return c.Bulk.Unban(ctx, ids, o)
	}
	cmd := b.addFlags(&cobra.Command{Use: "unban", Short: "Remove bans"}, false)
	cmd.RunE = a.checked(func(cmd *cobra.Command, _ []string) error { return a.runBulk(cmd, &b) })
	return cmd
}

func (a *app) bannedCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "banned", Short: "List the banned users and when their bans end", Args: cobra.NoArgs}
	format := formatFlag(cmd)
	cmd.RunE = a.checked(func(cmd *cobra.Command, _ []string) error {
		rows, err := newTable(cmd.OutOrStdout(), *format, "user", "until")
		if err != nil {
			return err
		}
		client, disconnect, err := a.connect(cmd.Context())
		if err != nil {
			return err
		}
		defer disconnect()
		n, err := writeBans(client.Bans.All(cmd.Context()), rows)
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%d users are banned\n", n)
		return err
	})
	return cmd
}

func writeBans(bans iter.Seq2[rcuser.Ban, error], rows *table) (n int, err error) {
	defer func() { err = errors.Join(err, rows.close()) }()
	for ban, err := range bans {
		if err != nil {
			return n, fmt.Errorf("the list is incomplete: %w", err)
		}
		if err := rows.row(ban.UserID, ban.Until.Format(time.RFC3339)); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
