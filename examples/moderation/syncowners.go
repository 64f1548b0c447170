package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/f0207b22/rcuser"
)

// syncOwners makes the lists of many owners equal to a file.
func (a *app) syncOwners(cmd *cobra.Command, s *syncCommand, to *target) error {
	format := newOwnersCSV()
	j := newJudge(inputName(s.owners))
	j.detect = format.detect
	pairs, err := judged(cmd, j, judgeInput(s.owners, cmd.InOrStdin()), s.input.allowEmpty)
	if err != nil {
		return err
	}
	defer pairs.close()
	owners := len(format.owners)
	title := fmt.Sprintf("%s sync: %s of %s, %s", s.kind.name, countOf(owners, "list"), to.name, countOf(pairs.different-format.empty, "user"))
	switch {
	case format.empty > 0 && !s.input.allowEmpty:
		return newInputError("%s: %s would be empty, so nothing was sent. If that is meant, add --allow-empty.", j.name, countOf(format.empty, "list"))
	case s.confirm.dryRun:
		return a.planOwners(cmd, s.kind.service(to.client), title, pairs, owners)
	case owners > 0:
		if err := a.confirm(cmd.Context(), s.confirm, title+": make them equal to "+j.name+"?"); err != nil {
			return err
		}
	}
	return a.replaceOwners(cmd, s.kind, to, pairs, owners)
}

// replaceOwners replaces the lists, many at once, and prints a summary that counts owners.
func (a *app) replaceOwners(cmd *cobra.Command, kind listKind, to *target, pairs *records, owners int) error {
	name := kind.name + " sync"
	b := newBar(cmd, name, owners, false)
	ctx, cancel := withGracePeriod(cmd.Context())
	defer cancel()
	t := ownersTally{}
	opts := rcuser.BulkOptions{
		Expected: owners, StopAfter: a.stopAfter, Progress: b.show, KeepFailures: -1, OnFailure: t.failed,
	}
	start := time.Now()
	for result := range kind.replaceAll(to.client.Bulk, ctx, ownedLists(cmd.Context(), pairs), opts) {
		t.result(result)
	}
	b.clear()
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s: users: %d added, %d removed\n", name, t.added, t.removed)
	s := newSummary(name+": lists", t.report, t.ended, pairs)
	s.total, s.duration, s.resumable = max(owners, t.report.Total), time.Since(start), true
	return s.print(cmd.ErrOrStderr())
}

// maxKept is how many failures are kept in order to tell their errors from those that ended the work.
const maxKept = 1000

// ownersTally counts what became of the lists.
type ownersTally struct {
	report         rcuser.BulkReport
	ended          error // what ended the work early
	added, removed int   // users
}

func (t *ownersTally) failed(f rcuser.BulkFailure) {
	t.report.Total++
	switch f.State {
	case rcuser.BulkFailed:
		t.report.Failed++
	case rcuser.BulkUnknown:
		t.report.Unknown++
	case rcuser.BulkNotStarted:
		t.report.NotStarted++
	}
	if len(t.report.Failures) < maxKept {
		t.report.Failures = append(t.report.Failures, f)
	}
}

func (t *ownersTally) result(r rcuser.BulkResult[rcuser.Change]) {
	t.added += len(r.Value.Added)
	t.removed += len(r.Value.Removed)
	switch {
	case r.UserID == "":
		t.ended = r.Err
	case r.Err == nil:
		t.report.Total++
		t.report.Done++
	}
}

// plansAtOnce is how many lists a dry run reads at once.
const plansAtOnce = 32

// planOwners prints what would change, as CSV. It changes nothing.
func (a *app) planOwners(cmd *cobra.Command, lists listService, title string, pairs *records, owners int) error {
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	b := newBar(cmd, "dry run", owners, true)
	rows := newChanges(cmd.OutOrStdout())
	slots := make(chan struct{}, plansAtOnce)
	var running sync.WaitGroup
	for list, err := range ownedLists(ctx, pairs) {
		if err != nil {
			cancel(err)
			break
		}
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			change, err := lists.Plan(ctx, list.OwnerID, list.UserIDs)
			if err == nil {
				err = rows.write(list.OwnerID, change, b)
			}
			if err != nil {
				cancel(fmt.Errorf("%q: %w", list.OwnerID, err))
			}
		})
	}
	running.Wait()
	b.clear()
	if err := errors.Join(context.Cause(ctx), rows.close()); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "dry run, nothing was changed: %s: %d to add, %d to remove\n", title, rows.added, rows.removed)
	return nil
}

// changes writes changes of lists as CSV. It is safe for concurrent use.
type changes struct {
	mu             sync.Mutex
	csv            *csv.Writer
	planned        int // lists
	added, removed int // users
}

func newChanges(w io.Writer) *changes {
	c := &changes{csv: csv.NewWriter(w)}
	_ = c.csv.Write([]string{"change", "owner", "user"}) // Error returns the error again
	return c
}

func (c *changes) write(owner string, change rcuser.Change, b *bar) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.planned++
	c.added += len(change.Added)
	c.removed += len(change.Removed)
	b.show(rcuser.BulkProgress{Done: c.planned})
	return errors.Join(c.rows("add", owner, change.Added), c.rows("remove", owner, change.Removed))
}

func (c *changes) rows(kind, owner string, users []string) error {
	for _, user := range users {
		if err := c.csv.Write([]string{kind, owner, user}); err != nil {
			return err
		}
	}
	return nil
}

func (c *changes) close() error {
	c.csv.Flush()
	return c.csv.Error()
}
