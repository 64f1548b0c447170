package main

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/f0207b22/rcuser"
)

// gracePeriod is how long calls in flight may continue after Ctrl-C.
const gracePeriod = 10 * time.Second

// bulkCommand is a command that makes the same change to many users.
type bulkCommand struct {
	name    string
	file    string
	journal string // a path; "" = none
	run     func(context.Context, *rcuser.Client, iter.Seq2[string, error], rcuser.BulkOptions) (rcuser.BulkReport, error)
}

func (b *bulkCommand) addFlags(cmd *cobra.Command, withJournal bool) *cobra.Command {
	cmd.Args = cobra.NoArgs
	cmd.Flags().StringVar(&b.file, "file", "", "`file` with one id per line; blank lines and # comments are skipped; - is standard input")
	if withJournal {
		cmd.Flags().StringVar(&b.journal, "journal", "", "`file` that records the users that are done, so that the same command resumes")
	}
	return cmd
}

// runBulk runs the command and prints the summary.
func (a *app) runBulk(cmd *cobra.Command, b *bulkCommand) error {
	src, err := a.source(cmd, b.file, nil)
	if err != nil {
		return err
	}
	opts := rcuser.BulkOptions{Expected: max(src.count, 0), StopAfter: a.stopAfter}
	if b.journal != "" {
		journal, err := openJournal(b.journal, src)
		if err != nil {
			return err
		}
		defer func() { _ = journal.Close() }() // nothing is buffered
		opts.Journal = journal
	}
	client, disconnect, err := a.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer disconnect()
	progress := newBar(cmd, b.name, src.count, false)
	opts.Progress = progress.show
	ctx, cancel := withGracePeriod(cmd.Context())
	defer cancel()
	start := time.Now()
	report, err := b.run(ctx, client, src.ids(cmd.Context()), opts)
	progress.clear()
	if report.Total == 0 && err != nil && !src.interrupted {
		return asUsageError(err)
	}
	s := newSummary(b.name, report, err, src)
	s.duration, s.journaled = time.Since(start), b.journal != ""
	return s.print(cmd.ErrOrStderr())
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

// fileJournal accepts only the list of ids that it was begun with: another list is other work.
type fileJournal struct {
	*rcuser.FileJournal
	checksum string
}

func openJournal(path string, src *source) (*fileJournal, error) {
	if src.checksum == "" {
		return nil, newUsageError("--journal needs a regular file of ids, which can be read twice")
	}
	file, err := rcuser.OpenJournal(path)
	if err != nil {
		return nil, err
	}
	return &fileJournal{file, src.checksum}, nil
}

func (j *fileJournal) Begin(work string) error {
	return j.FileJournal.Begin(work + ", ids " + j.checksum)
}

// newSummary keeps only those causes of err that are neither the errors of single ids nor of the source: a journal that
// can't be written, for example.
func newSummary(name string, report rcuser.BulkReport, err error, src *source) *summary {
	s := &summary{
		name: name, expected: src.count, done: report.Done, read: report.Total, failed: report.Failed, unknown: report.Unknown,
		failures: report.Failures, readErr: src.err, interrupted: src.interrupted,
	}
	bulk, ok := errors.AsType[*rcuser.BulkError](err)
	if !ok {
		if err != nil {
			s.otherCauses = []error{err}
		}
		return s
	}
	ofIDs := map[string]bool{}
	for _, f := range report.Failures {
		if f.State != rcuser.BulkNotStarted {
			ofIDs[f.Err.Error()] = true
		}
	}
	for _, cause := range bulk.Causes {
		if !ofIDs[cause.Error()] && (src.err == nil || !errors.Is(cause, src.err)) {
			s.otherCauses = append(s.otherCauses, cause)
		}
	}
	return s
}
