package systemtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// bulkKind is a kind of bulk work, and how it shows in requests and in the fake's state.
type bulkKind struct {
	field     string // of the form, for the ids
	do        func(context.Context, *rcuser.Client, iter.Seq2[string, error], rcuser.BulkOptions) (rcuser.BulkReport, error)
	isOn      func(s *rctest.Server, id string) bool
	noJournal bool
}

const bulkOwner = "owner"

var bulkKinds = []bulkKind{
	{field: "userId", do: func(ctx context.Context, c *rcuser.Client, ids iter.Seq2[string, error], opts rcuser.BulkOptions) (rcuser.BulkReport, error) {
		return c.Bulk.Ban(ctx, ids, 24*time.Hour, opts)
	}, isOn: func(s *rctest.Server, id string) bool { return !s.User(id).BannedUntil.IsZero() }},
	{field: "blackUserId", do: func(ctx context.Context, c *rcuser.Client, ids iter.Seq2[string, error], opts rcuser.BulkOptions) (rcuser.BulkReport, error) {
		return c.Bulk.Block(ctx, bulkOwner, ids, opts)
	}, isOn: func(s *rctest.Server, id string) bool { return slices.Contains(s.User(bulkOwner).Blocklist, id) }},
	{field: "userId", do: func(ctx context.Context, c *rcuser.Client, ids iter.Seq2[string, error], opts rcuser.BulkOptions) (rcuser.BulkReport, error) {
		return c.Bulk.EnableAllowlist(ctx, ids, opts)
	}, isOn: func(s *rctest.Server, id string) bool { return s.User(id).AllowlistEnabled }},
	{field: "userId", do: func(ctx context.Context, c *rcuser.Client, ids iter.Seq2[string, error], opts rcuser.BulkOptions) (rcuser.BulkReport, error) {
		return c.Bulk.Deactivate(ctx, ids, opts)
	}, isOn: func(s *rctest.Server, id string) bool { return s.User(id).Deactivated }},
}

// registering makes one call a user, and keeps no journal.
var registering = bulkKind{field: "userId", do: registerAll, noJournal: true, isOn: func(s *rctest.Server, id string) bool { return s.User(id).Registered }}

// registerAll makes a report of the results, as the other kinds of bulk work return one.
func registerAll(ctx context.Context, c *rcuser.Client, ids iter.Seq2[string, error], opts rcuser.BulkOptions) (rcuser.BulkReport, error) {
	var failures []rcuser.BulkFailure
	opts.Journal = nil
	onFailure := opts.OnFailure
	opts.OnFailure = func(f rcuser.BulkFailure) {
		failures = append(failures, f)
		onFailure(f)
	}
	users := func(yield func(rcuser.Registration, error) bool) {
		for id, err := range ids {
			if !yield(rcuser.Registration{UserID: id, Name: "n"}, err) {
				return
			}
		}
	}
	var report rcuser.BulkReport
	for result := range c.Bulk.Register(ctx, users, opts) {
		if last, ok := errors.AsType[*rcuser.BulkError](result.Err); ok && result.UserID == "" {
			if last.Report.Done != report.Done || last.Report.Total != report.Total {
				return last.Report, fmt.Errorf("results for %+v, but %w", report, last)
			}
			return last.Report, last
		}
		report.Total++
		if n := report.Total - report.Done; result.Err == nil {
			report.Done++
			if result.Value.UserID != result.UserID {
				return report, fmt.Errorf("a token of %s for %s", result.Value.UserID, result.UserID)
			}
		} else if len(failures) != n || failures[n-1].UserID != result.UserID || failures[n-1].Err != result.Err { //nolint:errorlint // the same error
			return report, fmt.Errorf("a result that OnFailure didn't get: %+v", result)
		}
	}
	return reportOf(report, failures, opts)
}

// reportOf completes a report for work that ended by itself, with the error that the other kinds would return.
func reportOf(report rcuser.BulkReport, failures []rcuser.BulkFailure, opts rcuser.BulkOptions) (rcuser.BulkReport, error) {
	for _, f := range failures {
		switch f.State {
		case rcuser.BulkFailed:
			report.Failed++
		case rcuser.BulkUnknown:
			report.Unknown++
		case rcuser.BulkNotStarted:
			report.NotStarted++
		}
	}
	kept := failures[:min(len(failures), keptFailures(opts))]
	report.Failures = slices.SortedFunc(slices.Values(kept), func(a, b rcuser.BulkFailure) int { return a.Position - b.Position })
	if len(failures) == 0 {
		return report, nil
	}
	return report, &rcuser.BulkError{Report: report, Causes: []error{failures[0].Err}}
}

// keptFailures returns how many failures a report may have.
func keptFailures(opts rcuser.BulkOptions) int {
	switch {
	case opts.KeepFailures == 0:
		return 10_000
	case opts.KeepFailures < 0:
		return 0
	}
	return opts.KeepFailures
}
