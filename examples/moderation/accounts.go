package main

import (
	"context"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/f0207b22/rcuser"
)

func (a *app) expireTokensCommand() *cobra.Command {
	b := bulkCommand{name: "expire-tokens", warning: "Their apps can't connect again until they get new tokens."}
	cmd := b.addJournal(b.addFlags(&cobra.Command{Use: "expire-tokens", Short: "Expire the tokens of users, who must then sign in again"}))
	text := cmd.Flags().String("before", "", "expire tokens issued before this `time`, such as 2026-01-31T12:00:00Z (default now)")
	cmd.RunE = a.checked(func(cmd *cobra.Command, _ []string) error {
		before := time.Now()
		switch {
		case *text != "":
			var err error
			if before, err = time.Parse(time.RFC3339, *text); err != nil {
				return newUsageError("--before must be a time such as 2026-01-31T12:00:00Z, not %q", *text)
			}
		case b.journal != "":
			return newUsageError("--journal needs --before: resuming must expire the same tokens")
		}
		b.run = func(s *rcuser.BulkService, ctx context.Context, ids iter.Seq2[string, error], o rcuser.BulkOptions) (rcuser.BulkReport, error) {
			return s.ExpireTokens(ctx, ids, before, o)
		}
		return a.runBulk(cmd, &b)
	})
	return cmd
}

func (a *app) deactivateCommand() *cobra.Command {
	b := bulkCommand{name: "deactivate", run: (*rcuser.BulkService).Deactivate, warning: "RC deletes their data within 15 minutes, for good.", input: input{refuse: commaProblem}}
	cmd := b.addJournal(b.addFlags(&cobra.Command{Use: "deactivate", Short: "Deactivate users; RC deletes their data within 15 minutes"}))
	cmd.RunE = a.checked(func(cmd *cobra.Command, _ []string) error { return a.runBulk(cmd, &b) })
	return cmd
}

func (a *app) reactivateCommand() *cobra.Command {
	b := bulkCommand{name: "reactivate", run: (*rcuser.BulkService).Reactivate, input: input{refuse: commaProblem}}
	cmd := b.addJournal(b.addFlags(&cobra.Command{Use: "reactivate", Short: "Reactivate users, whose ids can then be used again, without their old data"}))
	cmd.RunE = a.checked(func(cmd *cobra.Command, _ []string) error { return a.runBulk(cmd, &b) })
	return cmd
}
