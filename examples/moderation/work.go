package main

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/f0207b22/rcuser"
)

// patience is how long calls in flight may go on after Ctrl-C.
const patience = 10 * time.Second

// work is one change of many users.
type work struct {
	name    string
	file    string
	journal string // a path; "" = none
	do      func(context.Context, *rcuser.Client, iter.Seq[string], rcuser.BulkOptions) (rcuser.BulkReport, error)
}

func (w *work) flags(cmd *cobra.Command, withJournal bool) *cobra.Command {
	cmd.Args = cobra.NoArgs
	cmd.Flags().StringVar(&w.file, "file", "", "one id a line; blank lines and # comments are skipped; - = standard input")
	if withJournal {
		cmd.Flags().StringVar(&w.journal, "journal", "", "file that remembers what is done: the same command does the rest")
	}
	return cmd
}

// bulk does the work and reports.
func (a *app) bulk(cmd *cobra.Command, w *work) error {
	src, err := a.source(cmd, w.file, nil)
	if err != nil {
		return err
	}
	opts := rcuser.BulkOptions{Expected: max(src.count, 0), StopAfter: a.stopAfter}
	if w.journal != "" {
		journal, err := openJournal(w.journal, src)
		if err != nil {
			return err
		}
		defer func() { _ = journal.Close() }() // every line is written already
		opts.Journal = journal
	}
	client, done, err := a.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer done()
	b := newBar(cmd, w.name, src.count, false)
	opts.Progress = b.show
	ctx, cancel := outlasting(cmd.Context())
	defer cancel()
	start := time.Now()
	report, err := w.do(ctx, client, src.ids(cmd.Context()), opts)
	b.end()
	if report.Total == 0 && err != nil && !src.cut {
		return refused(err)
	}
	o := newOutcome(w.name, report, err, src)
	o.took, o.journaled = time.Since(start), w.journal != ""
	return o.print(cmd.ErrOrStderr())
}

// outlasting returns a context for calls that may still end when no further ones begin.
func outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(patience, cancel) })
	return calls, func() {
		stop()
		cancel()
	}
}

// fileJournal is a journal for certain ids: with others, its positions would mean other users.
type fileJournal struct {
	*rcuser.FileJournal
	sum string
}

func openJournal(path string, src *source) (*fileJournal, error) {
	if src.sum == "" {
		return nil, usage("--journal needs a file that can be read again")
	}
	file, err := rcuser.OpenJournal(path)
	if err != nil {
		return nil, err
	}
	return &fileJournal{file, src.sum}, nil
}

func (j *fileJournal) Begin(work string) error {
	return j.FileJournal.Begin(work + ", ids " + j.sum)
}

// newOutcome keeps the causes that no id stands for, such as a journal that can't be written.
func newOutcome(name string, report rcuser.BulkReport, err error, src *source) *outcome {
	o := &outcome{
		name: name, expected: src.count, done: report.Done, taken: report.Total,
		failed: report.Failed, unknown: report.Unknown, readErr: src.err, interrupted: src.cut,
	}
	var all interface{ Unwrap() []error }
	if !errors.As(err, &all) {
		if err != nil {
			o.others = []error{err}
		}
		return o
	}
	told := map[string]bool{}
	for _, f := range slices.Concat(report.Failed, report.Unknown) {
		told[f.Err.Error()] = true
	}
	for _, cause := range all.Unwrap() {
		if !told[cause.Error()] {
			told[cause.Error()] = true
			o.others = append(o.others, cause)
		}
	}
	return o
}
