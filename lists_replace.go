package rcuser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
)

// Change is what Replace changed in a list, or what it would change according to Plan. It contains no id twice. A
// slice without ids is nil.
type Change struct {
	Added   []string // in the order of want
	Removed []string // in the list's order, newest first
}

// replaceList implements Replace of both services. name is the list's in the text of a BulkError.
func replaceList(ctx context.Context, list userList, name, ownerID string, want []string) (Change, error) {
	plan, length, err := compareList(ctx, list, ownerID, want)
	if err != nil {
		return Change{}, err
	}
	var done Change
	add := &listStep{change: list.Add, ids: plan.Added, done: &done.Added}
	remove := &listStep{change: list.Remove, ids: plan.Removed, position: len(plan.Added), done: &done.Removed}
	r := replacement{ownerID: ownerID}
	if length+len(plan.Added) > maxListed {
		r.run(ctx, remove)
		r.run(ctx, add)
	} else {
		add.makesRoom = remove
		r.run(ctx, add)
		r.run(ctx, remove)
	}
	return done, r.err(fmt.Sprintf("replace %s %q", name, ownerID), len(plan.Added)+len(plan.Removed))
}

// planList implements Plan of both services.
func planList(ctx context.Context, list userList, ownerID string, want []string) (Change, error) {
	plan, _, err := compareList(ctx, list, ownerID, want)
	return plan, err
}

// compareList returns the change that makes the list equal to want, and the list's length.
func compareList(ctx context.Context, list userList, ownerID string, want []string) (Change, int, error) {
	if err := checkID("ownerID", ownerID); err != nil {
		return Change{}, 0, err
	}
	wanted, isWanted, err := wantedIDs("want", want)
	if err != nil {
		return Change{}, 0, err
	}
	var plan Change
	isListed := make(map[string]bool, len(wanted))
	for id, err := range list.All(ctx, ownerID) {
		if err != nil {
			return Change{}, 0, err
		}
		if !isListed[id] && !isWanted[id] { // a list that changes between two pages may contain an id twice
			plan.Removed = append(plan.Removed, id)
		}
		isListed[id] = true
	}
	for _, id := range wanted {
		if !isListed[id] {
			plan.Added = append(plan.Added, id)
		}
	}
	return plan, len(isListed), nil
}

// wantedIDs returns the ids of want, which is an argument of that name, without duplicates, in order and as a set.
func wantedIDs(name string, want []string) ([]string, map[string]bool, error) {
	if want == nil {
		return nil, nil, &ArgumentError{name, "is nil; an empty slice that isn't nil removes everybody"}
	}
	var ids []string
	set := map[string]bool{}
	for position, id := range want {
		if problem := idProblem(id); problem != "" {
			return nil, nil, &ArgumentError{fmt.Sprintf("%s[%d]", name, position), problem}
		}
		if set[id] {
			continue
		}
		if len(ids) == maxListed {
			return nil, nil, argumentErrorf(name, "more than %d different ids, at most %d are allowed", maxListed, maxListed)
		}
		ids, set[id] = append(ids, id), true
	}
	return ids, set, nil
}

// listStep is one of the two steps of a Replace: all additions, or all removals.
type listStep struct {
	change    listChange
	ids       []string
	position  int       // of the first id in the report
	done      *[]string // the ids that RC confirmed
	refused   int       // batches that were split to the end before RC confirmed any id
	makesRoom *listStep // runs once RC refuses a call of this step: the list may have no room; may be nil
	ran       bool
}

// maxRefusedBatches is how many batches of a step are split in vain before RC has confirmed any of its ids: what it
// refuses then probably doesn't lie in the ids.
const maxRefusedBatches = 3

// replacement is the state of one Replace after the list was read.
type replacement struct {
	ownerID  string
	stopped  error // why no further call is made, or nil
	failures []BulkFailure
}

// run makes the calls of a step, for at most 20 ids each, unless it has run before.
func (r *replacement) run(ctx context.Context, step *listStep) {
	if step.ran {
		return
	}
	step.ran = true
	for from := 0; from < len(step.ids); from += maxIDs {
		r.send(ctx, step, from, min(from+maxIDs, len(step.ids)), attempted{state: BulkNotStarted})
		if len(*step.done) > 0 || r.stopped != nil {
			continue
		}
		if step.refused++; step.refused == maxRefusedBatches {
			r.stopped = r.failures[len(r.failures)-1].Err
		}
	}
}

// send makes the call for the ids from from to to. If RC refuses it for a reason that may lie in one of them, it sends the
// two halves, but first makes room; any other failure stops the replacement. before is what earlier calls left the ids in.
func (r *replacement) send(ctx context.Context, step *listStep, from, to int, before attempted) {
	if r.stopped != nil {
		r.fail(step, from, to, before)
		return
	}
	err := step.change(ctx, r.ownerID, step.ids[from:to])
	if err == nil {
		*step.done = append(*step.done, step.ids[from:to]...)
		return
	}
	after := before.after(err)
	switch {
	case !isAboutIDs(err):
		r.stopped = err
		r.fail(step, from, to, after)
	case step.makesRoom != nil && !step.makesRoom.ran && len(step.makesRoom.ids) > 0:
		r.run(ctx, step.makesRoom)
		r.send(ctx, step, from, to, after)
	case to-from == 1:
		r.fail(step, from, to, after)
	default:
		half := (from + to) / 2
		r.send(ctx, step, from, half, after)
		r.send(ctx, step, half, to, after)
	}
}

// isAboutIDs reports whether a call may succeed without some of its ids.
func isAboutIDs(err error) bool {
	_, invalid := errors.AsType[*ArgumentError](err) // RC listed an id that no request may carry
	return invalid || scopeOf(err) == someIDs
}

func (r *replacement) fail(step *listStep, from, to int, last attempted) {
	if last.err == nil {
		last.err = r.stopped
	}
	for i := from; i < to; i++ {
		r.failures = append(r.failures, BulkFailure{step.ids[i], step.position + i, last.state, last.err})
	}
}

// err returns the error for a Replace of total ids, or nil if all are done.
func (r *replacement) err(work string, total int) error {
	if len(r.failures) == 0 {
		return nil
	}
	slices.SortFunc(r.failures, func(a, b BulkFailure) int { return cmp.Compare(a.Position, b.Position) })
	report := BulkReport{Total: total, Done: total - len(r.failures), Failures: r.failures}
	causes := causesOf(r.stopped, r.failures)
	for _, f := range r.failures {
		switch f.State {
		case BulkUnknown:
			report.Unknown++
		case BulkNotStarted:
			report.NotStarted++
		default:
			report.Failed++
		}
	}
	return &BulkError{work, report, causes}
}

// attempted is what the calls that carried an id so far left it in, and the error that says why.
type attempted struct {
	state BulkState
	err   error
}

// after returns the state after a further call that failed. Once a call may have been applied, a refusal of a later one
// doesn't tell whether it was.
func (a attempted) after(err error) attempted {
	if a.state == BulkUnknown {
		return a
	}
	failure, ok := errors.AsType[*Error](err)
	switch {
	case ok && failure.Outcome == Unknown:
		return attempted{BulkUnknown, err}
	case ok && failure.StatusCode == 0 && a.state == BulkNotStarted: // nothing was ever sent
		return attempted{BulkNotStarted, err}
	}
	return attempted{BulkFailed, err}
}

// causesOf returns the error that stopped the work, if any, and the first different ones of the failures.
func causesOf(stopped error, failures []BulkFailure) []error {
	var causes []error
	if stopped != nil {
		causes = append(causes, stopped)
	}
	for _, f := range failures {
		if len(causes) < maxCauses && !slices.Contains(causes, f.Err) {
			causes = append(causes, f.Err)
		}
	}
	return causes
}
