package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/f0207b22/rcuser"
)

func (a *app) onlineCommand() *cobra.Command {
	var in input
	cmd := &cobra.Command{Use: "online [id...]", Short: "Show whether users are online, in the order of RC's answers"}
	in.addFlags(cmd)
	format := formatFlag(cmd, "ids: one id per line, only of users who are online")
	cmd.RunE = a.checked(func(cmd *cobra.Command, args []string) error {
		if err := checkFormat(*format); err != nil {
			return err
		}
		to, err := a.connect(cmd.Context())
		if err != nil {
			return err
		}
		defer to.close()
		ids, err := a.readIDs(cmd, &in, args)
		if err != nil {
			return err
		}
		defer ids.close()
		rows := newTable(cmd.OutOrStdout(), *format, "user", "online")
		if *format == "ids" {
			rows = onlyOnline(rows)
		}
		return a.online(cmd, to.client, ids, rows)
	})
	return cmd
}

// onlyOnline leaves out the users who are offline.
func onlyOnline(rows *table) *table {
	return &table{close: rows.close, row: func(values ...any) error {
		if values[1] == true {
			return rows.row(values...)
		}
		return nil
	}}
}

func (a *app) online(cmd *cobra.Command, client *rcuser.Client, ids *records, rows *table) error {
	b := newBar(cmd, "online", ids.count, true)
	ctx, cancel := withGracePeriod(cmd.Context())
	defer cancel()
	var report rcuser.BulkReport
	var ended, writeErr error
	opts := rcuser.BulkOptions{Expected: ids.count, StopAfter: a.stopAfter, Progress: b.show}
	start := time.Now()
	for result := range client.Bulk.Online(ctx, ids.until(cmd.Context()), opts) {
		if bulk, ok := errors.AsType[*rcuser.BulkError](result.Err); ok { // it concerns no user, and is the last
			report, ended = bulk.Report, bulk
			break
		}
		report.Total++
		if result.Err != nil {
			report.Failed++
			if len(report.Failures) < maxListed {
				report.Failures = append(report.Failures, rcuser.BulkFailure{UserID: result.UserID, State: rcuser.BulkFailed, Err: result.Err})
			}
			continue
		}
		report.Done++
		if writeErr = rows.row(result.UserID, result.Value); writeErr != nil {
			break
		}
	}
	b.clear()
	s := newSummary("online", report, ended, ids)
	s.duration = time.Since(start)
	if err := errors.Join(writeErr, rows.close(true)); err != nil {
		return err
	}
	return s.print(cmd.ErrOrStderr())
}
