package main

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/f0207b22/rcuser"
)

// gracePeriod is how long calls in flight may continue after Ctrl-C.
const gracePeriod = 10 * time.Second

// bulkCommand is a command that makes the same change to many users.
type bulkCommand struct {
	name    string
	input   input
	journal string        // a path; "" = none
	warning string        // what follows for the users, for the question; "" = the command asks nothing
	lasting time.Duration // how long the change lasts; 0 = for good
	confirm confirmation
	run     bulkRun
}

// bulkRun is a method of BulkService.
type bulkRun func(*rcuser.BulkService, context.Context, iter.Seq2[string, error], rcuser.BulkOptions) (rcuser.BulkReport, error)

// addFlags adds the flags of the command, those of a question only if it has a warning.
func (b *bulkCommand) addFlags(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.NoArgs
	b.input.addFlags(cmd)
	if b.warning != "" {
		b.confirm.addFlags(cmd)
	}
	return cmd
}

func (b *bulkCommand) addJournal(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&b.journal, "journal", "", "`file` that records the users that are done, so that the same command resumes")
	return cmd
}

// runBulk checks everything, asks if the command asks, makes the change and prints the summary.
func (a *app) runBulk(cmd *cobra.Command, b *bulkCommand) error {
	to, err := a.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer to.close()
	nobody := rcuser.Stream(slices.Values([]string{}))
	if _, err := b.run(to.client.Bulk, cmd.Context(), nobody, rcuser.BulkOptions{}); err != nil { // sends nothing, checks the flags
		return asUsageError(err)
	}
	ids, err := a.readIDs(cmd, &b.input, nil)
	if err != nil {
		return err
	}
	defer ids.close()
	if b.confirm.dryRun {
		return b.showPlan(cmd, to, ids)
	}
	if b.warning != "" && ids.count > 0 {
		question := fmt.Sprintf("%s: %s of %s? %s", b.name, countOf(ids.different, "user"), to.name, b.warning)
		if err := a.confirm(cmd.Context(), b.confirm, question); err != nil {
			return err
		}
	}
	return a.change(cmd, b, to, ids)
}

// showPlan prints what the command would do.
func (b *bulkCommand) showPlan(cmd *cobra.Command, to *target, ids *records) error {
	var some []string
	for id, err := range ids.until(cmd.Context()) {
		if err != nil {
			return err
		}
		if text := fmt.Sprintf("%q", id); !slices.Contains(some, text) {
			some = append(some, text)
		}
		if len(some) == maxListed {
			break
		}
	}
	if more := ids.different - len(some); more > 0 {
		some = append(some, fmt.Sprintf("and %d more", more))
	}
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "dry run, nothing was sent: %s: %s of %s: %s\n", b.name, countOf(ids.different, "user"), to.name, strings.Join(some, ", "))
	return cmd.Context().Err()
}

func (a *app) change(cmd *cobra.Command, b *bulkCommand, to *target, ids *records) error {
	opts := rcuser.BulkOptions{Expected: ids.count, StopAfter: a.stopAfter}
	var journal *fileJournal
	if b.journal != "" {
		var err error
		if journal, err = openJournal(b.journal, to.app, ids.checksum()); err != nil {
			return err
		}
		defer func() { _ = journal.Close() }() // nothing is buffered
		opts.Journal = journal
	}
	progress := newBar(cmd, b.name, ids.count, false)
	opts.Progress = progress.show
	ctx, cancel := withGracePeriod(cmd.Context())
	defer cancel()
	start := time.Now()
	report, err := b.run(to.client.Bulk, ctx, ids.until(cmd.Context()), opts)
	progress.clear()
	if report.Total == 0 && err != nil && !ids.interrupted {
		return err
	}
	s := newSummary(b.name, report, err, ids)
	s.duration, s.resumable = time.Since(start), journal != nil
	if journal != nil {
		s.resumed, s.over = journal.resumedNote(report, b.lasting, time.Now())
	}
	return s.print(cmd.ErrOrStderr())
}

// countOf returns a text such as "1 user" or "20 users".
func countOf(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// withGracePeriod returns a context for the calls, which ends gracePeriod after ctx: when ctx ends no further calls start,
// but those in flight may finish.
func withGracePeriod(ctx context.Context) (context.Context, context.CancelFunc) {
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(gracePeriod, cancel) })
	return calls, func() {
		stop()
		cancel()
	}
}
