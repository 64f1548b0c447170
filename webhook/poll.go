package webhook

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// maxDeactivationTime is how long RC may take. Until it has passed, the list of deactivated users doesn't show whether a
// deactivation is finished.
const maxDeactivationTime = 15 * time.Minute

// operationStart is when an operation was requested, at the latest.
type operationStart struct {
	at           time.Time
	reactivation bool
	assumed      bool // at is the time of the first Wait; the store wasn't asked yet whether it knows an earlier one
}

// rememberStart stores the start of an operation for an hour. Only polling needs it.
func (o *Operations) rememberStart(operationID string, start operationStart) {
	if o.pollInterval == 0 {
		return
	}
	now := time.Now()
	o.starts.mu.Lock()
	defer o.starts.mu.Unlock()
	if full := len(o.starts.byEnd) >= o.starts.limit; full && o.starts.byEnd[0].value.reactivation {
		o.forgotUntil = now.Add(storedFor) // the longest that anybody may still wait for the reactivation
	}
	o.starts.set(operationID, start, now.Add(storedFor))
}

// setStart sets the start of an operation that begins to be waited for. It is remembered, so that neither a restart nor
// another Wait prolongs the 15 minutes.
func (o *Operations) setStart(op *awaited, userIDs []string) {
	o.starts.mu.Lock()
	start, known := o.starts.get(op.id)
	forgotten := time.Now().Before(o.forgotUntil)
	o.starts.mu.Unlock()
	switch {
	case known:
		op.start = start
	case forgotten:
		op.start.reactivation, op.pollErr = true, errForgotten
	default:
		op.start = operationStart{at: time.Now(), assumed: true}
		o.rememberStart(op.id, op.start)
	}
	if op.start.assumed {
		op.startOf = slices.Clone(userIDs)
	}
}

var errForgotten = fmt.Errorf("webhook: the list of deactivated users isn't read for this operation, because it may be a "+
	"reactivation: more than %d operations were started within an hour, and the oldest were forgotten", maxStored)

// correctStart sets the start to when the last of the users was deactivated, according to the store, if that is known of
// all of them. A time more than an hour ago doesn't count, because it may belong to an earlier deactivation, after which
// the user was reactivated.
func (o *Operations) correctStart(op *awaited, deactivated map[string]time.Time) {
	assumed := op.start.at
	var last time.Time
	for _, id := range op.startOf {
		at, ok := deactivated[id]
		if !ok || assumed.Sub(at) >= minTimeToReactivation {
			last = assumed
			break
		}
		if at.After(last) {
			last = at
		}
	}
	op.start, op.startOf = operationStart{at: last}, nil
	o.rememberStart(op.id, op.start)
}

// startPoll reads the list for all operations that it can help, unless the last poll is still running.
func (o *Operations) startPoll(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	wanted := o.pollable()
	if o.polling || len(wanted) == 0 {
		return
	}
	o.polling = true
	go guarded("polling", func() (map[string]Result, error) { return o.readList(ctx, wanted) }, func(found map[string]Result, err error) {
		o.endPoll(wanted, found, err)
	})
}

// pollable returns the operations whose result the list shows, by the users that miss one.
func (o *Operations) pollable() map[string][]*awaited {
	now := time.Now()
	wanted := make(map[string][]*awaited)
	for _, op := range o.awaited {
		if !op.start.reactivation && now.After(op.start.at.Add(maxDeactivationTime)) {
			for _, id := range op.wanted() {
				wanted[id] = append(wanted[id], op)
			}
		}
	}
	return wanted
}

// readList returns the wanted users that are deactivated.
func (o *Operations) readList(ctx context.Context, wanted map[string][]*awaited) (map[string]Result, error) {
	found := make(map[string]Result)
	for id, err := range o.client.Users.AllDeactivated(ctx) {
		if err != nil {
			return found, err
		}
		if _, ok := wanted[id]; ok {
			found[id] = Result{Type: Deactivation, Time: time.Now(), Polled: true}
		}
		if len(found) == len(wanted) {
			break
		}
	}
	return found, nil
}

// endPoll keeps what the list showed until the operations have been read once more, as an event takes precedence.
func (o *Operations) endPoll(wanted map[string][]*awaited, polled map[string]Result, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.polling = false
	for id, operations := range wanted {
		result, found := polled[id]
		for _, op := range operations {
			op.pollErr = err
			if found && len(op.waiters) > 0 {
				if op.polled == nil {
					op.polled, op.polledAt = make(map[string]Result), time.Now()
				}
				op.polled[id] = result
				o.queueRead(op)
			}
		}
	}
}
