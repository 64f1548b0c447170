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
	b := bulkCommand{name: "ban"}
	cmd := b.addJournal(b.addFlags(&cobra.Command{Use: "ban", Short: "Ban users for a duration, from now"}))
	cmd.Flags().DurationVar(&b.lasting, "for", 0, "how long: whole minutes, from 1m to 720h")
	_ = cmd.MarkFlagRequired("for")
	b.run = func(s *rcuser.BulkService, ctx context.Context, ids iter.Seq2[string, error], o rcuser.BulkOptions) (rcuser.BulkReport, error) {
		return s.Ban(ctx, ids, b.lasting, o)
	}
	cmd.RunE = a.checked(func(cmd *cobra.Command, _ []string) error { return a.runBulk(cmd, &b) })
	return cmd
}

func (a *app) unbanCommand() *cobra.Command {
	b := bulkCommand{name: "unban", run: (*rcuser.BulkService).Unban}
	cmd := b.addFlags(&cobra.Command{Use: "unban", Short: "Remove bans"})
	cmd.RunE = a.checked(func(cmd *cobra.Command, _ []string) error { return a.runBulk(cmd, &b) })
	return cmd
}

func (a *app) bannedCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "banned", Short: "List the banned users and when their bans end", Args: cobra.NoArgs}
	format := formatFlag(cmd, "what --file of the other commands reads is ids, one id per line, csv and json")
	cmd.RunE = a.checked(func(cmd *cobra.Command, _ []string) error {
		if err := checkFormat(*format); err != nil {
			return err
		}
		to, err := a.connect(cmd.Context())
		if err != nil {
			return err
		}
		defer to.close()
		n, err := writeBans(to.client.Bans.All(cmd.Context()), newTable(cmd.OutOrStdout(), *format, "user", "until"))
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%d users are banned\n", n)
		return err
	})
	return cmd
}

// writeBans doesn't end the table if the list is incomplete, so that JSON which lacks users can't be read again.
func writeBans(bans iter.Seq2[rcuser.Ban, error], rows *table) (n int, err error) {
	defer func() { err = errors.Join(err, rows.close(err == nil)) }()
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
