package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/f0207b22/rcuser"
)

func (a *app) onlineCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "online [id...]", Short: "Show who is online, in the order in which RC answers"}
	file := cmd.Flags().String("file", "", "one id a line; - = standard input")
	format := formatFlag(cmd)
	cmd.RunE = a.runs(func(cmd *cobra.Command, args []string) error {
		src, err := a.source(cmd, *file, args)
		if err != nil {
			return err
		}
		rows, err := newTable(cmd.OutOrStdout(), *format, "user", "online")
		if err != nil {
			return err
		}
		client, done, err := a.connect(cmd.Context())
		if err != nil {
			return err
		}
		defer done()
		return a.online(cmd, client, src, rows)
	})
	return cmd
}

func (a *app) online(cmd *cobra.Command, client *rcuser.Client, src *source, rows *table) error {
	b := newBar(cmd, "online", src.count, true)
	ctx, cancel := outlasting(cmd.Context())
	defer cancel()
	o := outcome{name: "online", expected: src.count}
	opts := rcuser.BulkOptions{Expected: max(src.count, 0), StopAfter: a.stopAfter, Progress: b.show}
	start := time.Now()
	var err error
	for result := range client.Bulk.Online(ctx, src.ids(cmd.Context()), opts) {
		o.taken++
		if result.Err != nil {
			o.failed = append(o.failed, rcuser.BulkFailure{UserID: result.UserID, Err: result.Err})
			continue
		}
		o.done++
		if err = rows.row(result.UserID, result.Value); err != nil {
			break
		}
	}
	b.end()
	if err := errors.Join(err, rows.close()); err != nil {
		return err
	}
	o.took, o.readErr, o.interrupted = time.Since(start), src.err, src.cut
	return o.print(cmd.ErrOrStderr())
}
