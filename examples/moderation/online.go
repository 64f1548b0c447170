package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/f0207b22/rcuser"
)

func (a *app) onlineCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "online [id...]", Short: "Show whether users are online, in the order of RC's answers"}
	file := cmd.Flags().String("file", "", "`file` with one id per line; - is standard input")
	format := formatFlag(cmd)
	cmd.RunE = a.checked(func(cmd *cobra.Command, args []string) error {
		src, err := a.source(cmd, *file, args)
		if err != nil {
			return err
		}
		rows, err := newTable(cmd.OutOrStdout(), *format, "user", "online")
		if err != nil {
			return err
		}
		client, disconnect, err := a.connect(cmd.Context())
		if err != nil {
			return err
		}
		defer disconnect()
		return a.online(cmd, client, src, rows)
	})
	return cmd
}

func (a *app) online(cmd *cobra.Command, client *rcuser.Client, src *source, rows *table) error {
	b := newBar(cmd, "online", src.count, true)
	ctx, cancel := withGracePeriod(cmd.Context())
	defer cancel()
	s := summary{name: "online", expected: src.count}
	opts := rcuser.BulkOptions{Expected: max(src.count, 0), StopAfter: a.stopAfter, Progress: b.show}
	start := time.Now()
	var err error
	for result := range client.Bulk.Online(ctx, src.ids(cmd.Context()), opts) {
		if bulk, ok := errors.AsType[*rcuser.BulkError](result.Err); ok { // it concerns no user, and is the last
			s = *newSummary(s.name, bulk.Report, bulk, src)
			break
		}
		s.read++
		if result.Err != nil {
			s.failed++
			s.failures = append(s.failures, rcuser.BulkFailure{UserID: result.UserID, State: rcuser.BulkFailed, Err: result.Err})
			continue
		}
		s.done++
		if err = rows.row(result.UserID, result.Value); err != nil {
			break
		}
	}
	b.clear()
	if err := errors.Join(err, rows.close()); err != nil {
		return err
	}
	s.duration, s.readErr, s.interrupted = time.Since(start), src.err, src.interrupted
	return s.print(cmd.ErrOrStderr())
}
