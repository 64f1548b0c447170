package rcuser

import (
	"context"
	"fmt"
)

// Change is what Replace changed in a list, or what it would change according to Plan. It contains no id twice. A
// slice without ids is nil.
type Change struct {
	Added   []string // in the order of want
	Removed []string // in the list's order, newest first
}

// replaceList implements Replace of both services. name is "blocklist" or "allowlist", for the text of a BulkError.
func replaceList(ctx context.Context, list userList, name, ownerID string, want []string) (Change, error) {
	plan, length, err := compareList(ctx, list, ownerID, want)
	if err != nil {
		return Change{}, err
	}
	var done Change
	add := &listStep{change: list.Add, ids: plan.Added, done: &done.Added}
	remove := &listStep{change: list.Remove, ids: plan.Removed, position: len(plan.Added), done: &done.Removed}
	r := replacement{ownerID: ownerID, tally: newTally(fmt.Sprintf("replace %s %q", name, ownerID), BulkOptions{})}
	if length+len(plan.Added) > maxListed {
		r.run(ctx, remove)
		r.run(ctx, add)
	} else {
		add.makesRoom = remove
		r.run(ctx, add)
		r.run(ctx, remove)
	}
	_, err = r.tally.result(r.stopped)
	return done, err
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
	refused   int       // batches that were split to the end before RC confirmed any id; after maxTrials the work stops
	makesRoom *listStep // run before this step goes on after a refusal, as the list may have no room; may be nil
	ran       bool      // or is running
}

// replacement is the state of one Replace after the list was read.
type replacement struct {
	ownerID string
	stopped error // why no further call is made, or nil
	tally   *tally
}

// run makes the calls of a step, for at most 20 ids each, unless it has run before.
func (r *replacement) run(ctx context.Context, step *listStep) {
	if step.ran {
		return
	}
	step.ran = true
	for from := 0; from < len(step.ids); from += maxIDs {
		last := r.send(ctx, step, from, min(from+maxIDs, len(step.ids)), callHistory{})
		if len(*step.done) > 0 || r.stopped != nil {
			continue
		}
		if step.refused++; step.refused == maxTrials {
			r.stopped = last
		}
	}
}

// send makes the call for the ids from from to to and returns the error of the last of them. If RC refuses it for a reason
// that may lie in one id, it sends the two halves, but first makes room; any other failure stops the replacement.
func (r *replacement) send(ctx context.Context, step *listStep, from, to int, history callHistory) error {
	if r.stopped != nil {
		return r.fail(step, from, to, history)
	}
	err := step.change(ctx, r.ownerID, step.ids[from:to])
	if err == nil {
		*step.done = append(*step.done, step.ids[from:to]...)
		r.tally.done(to - from)
		return nil
	}
	history.failed(err)
	switch {
	case scopeOf(err) != someIDs:
		r.stopped = err
		return r.fail(step, from, to, history)
	case step.makesRoom != nil && !step.makesRoom.ran && len(step.makesRoom.ids) > 0:
		r.run(ctx, step.makesRoom)
		return r.send(ctx, step, from, to, history)
	case to-from == 1:
		return r.fail(step, from, to, history)
	}
	half := (from + to) / 2
	_ = r.send(ctx, step, from, half, history)
	return r.send(ctx, step, half, to, history)
}

// fail counts ids that aren't done, and returns the reason.
func (r *replacement) fail(step *listStep, from, to int, history callHistory) error {
	err := history.failure(r.stopped)
	r.tally.addCause(err)
	for i := from; i < to; i++ {
		r.tally.fail(BulkFailure{step.ids[i], step.position + i, history.state(), err})
	}
	return err
}
