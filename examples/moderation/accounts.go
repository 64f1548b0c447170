package main

import (
	"context"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/f0207b22/rcuser"
)

func (a *app) expireTokensCommand() *cobra.Command {
	var w work
	cmd := w.flags(&cobra.Command{Use: "expire-tokens", Short: "Make users sign in again"}, true)
	text := cmd.Flags().String("before", "", "expire tokens issued before this time, such as 2026-01-31T12:00:00Z; default: now")
	cmd.RunE = a.runs(func(cmd *cobra.Command, _ []string) error {
		before := time.Now()
		switch {
		case *text != "":
			var err error
			if before, err = time.Parse(time.RFC3339, *text); err != nil {
				return usage("--before is no time such as 2026-01-31T12:00:00Z: " + *text)
			}
		case w.journal != "":
			return usage("--journal needs --before: resuming must expire the same tokens")
		}
		w.name = "expire-tokens"
		w.do = func(ctx context.Context, c *rcuser.Client, ids iter.Seq[string], o rcuser.BulkOptions) (rcuser.BulkReport, error) {
			return c.Bulk.ExpireTokens(ctx, ids, before, o)
		}
		return a.bulk(cmd, &w)
	})
	return cmd
}

func (a *app) deactivateCommand() *cobra.Command {
	w := work{name: "deactivate"}
	w.do = func(ctx context.Context, c *rcuser.Client, ids iter.Seq[string], o rcuser.BulkOptions) (rcuser.BulkReport, error) {
		return c.Bulk.Deactivate(ctx, ids, o)
	}
	cmd := w.flags(&cobra.Command{Use: "deactivate", Short: "Close accounts; RC deletes their data within 15 minutes"}, true)
	cmd.RunE = a.runs(func(cmd *cobra.Command, _ []string) error { return a.bulk(cmd, &w) })
	return cmd
}
