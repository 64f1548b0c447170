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
	var w work
	cmd := w.flags(&cobra.Command{Use: "ban", Short: "Ban users for a time, from now"}, true)
	d := cmd.Flags().Duration("for", 0, "whole minutes, from 1m to 720h")
	_ = cmd.MarkFlagRequired("for")
	cmd.RunE = a.runs(func(cmd *cobra.Command, _ []string) error {
		w.name = "ban"
		w.do = func(ctx context.Context, c *rcuser.Client, ids iter.Seq[string], o rcuser.BulkOptions) (rcuser.BulkReport, error) {
			return c.Bulk.Ban(ctx, ids, *d, o)
		}
		return a.bulk(cmd, &w)
	})
	return cmd
}

func (a *app) unbanCommand() *cobra.Command {
	w := work{name: "unban"}
	w.do = func(ctx context.Context, c *rcuser.Client, ids iter.Seq[string], o rcuser.BulkOptions) (rcuser.BulkReport, error) {
		return c.Bulk.Unban(ctx, ids, o)
	}
	cmd := w.flags(&cobra.Command{Use: "unban", Short: "End bans"}, false)
	cmd.RunE = a.runs(func(cmd *cobra.Command, _ []string) error { return a.bulk(cmd, &w) })
	return cmd
}

func (a *app) bannedCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "banned", Short: "Show who is banned, and until when", Args: cobra.NoArgs}
	format := formatFlag(cmd)
	cmd.RunE = a.runs(func(cmd *cobra.Command, _ []string) error {
		rows, err := newTable(cmd.OutOrStdout(), *format, "user", "until")
		if err != nil {
			return err
		}
		client, done, err := a.connect(cmd.Context())
		if err != nil {
			return err
		}
		defer done()
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
			return n, fmt.Errorf("the list is not complete: %w", err)
		}
		if err := rows.row(ban.UserID, ban.Until.Format(time.RFC3339)); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
