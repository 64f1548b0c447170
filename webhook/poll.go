package webhook

import (
	"context"
	"time"

	"github.com/f0207b22/rcuser"
)

// maxDeactivationTime is how long RC may take. Until it has passed, the list of deactivated users doesn't show whether a
// deactivation is finished.
const maxDeactivationTime = 15 * time.Minute

// operationStart is when an operation was requested, at the latest.
type operationStart struct {
	at           time.Time
	reactivation bool
}

// rememberStart stores the start of an operation for an hour. Only polling needs it.
func (o *Operations) rememberStart(operationID string, start operationStart) {
	if o.pollInterval == 0 {
		return
	}
	o.starts.mu.Lock()
	defer o.starts.mu.Unlock()
	o.starts.set(operationID, start, time.Now().Add(storedFor))
}

// pollAfter returns the time after which the list shows the result of an operation; zero = never. It is 15 minutes after
// the start of the operation, which is remembered, so that neither a restart nor another Wait prolongs the time.
func (o *Operations) pollAfter(ctx context.Context, op rcuser.Operation, userIDs []string) time.Time {
	o.starts.mu.Lock()
	start, known := o.starts.get(op.ID)
	o.starts.mu.Unlock()
	if !known {
		start.at = o.deactivatedAt(ctx, userIDs)
		o.rememberStart(op.ID, start)
	}
	if start.reactivation {
		return time.Time{}
	}
	return start.at.Add(maxDeactivationTime)
}

// deactivatedAt returns when the last of the users was deactivated, according to the store. It returns the current time if
// that isn't known of all of them. A time more than an hour ago doesn't count, because it may belong to an earlier
// deactivation, after which the user was reactivated.
func (o *Operations) deactivatedAt(ctx context.Context, userIDs []string) time.Time {
	now := time.Now()
	known, err := o.store.Deactivated(ctx, userIDs)
	if err != nil {
		return now
	}
	var last time.Time
	for _, id := range userIDs {
		at, ok := known[id]
		if !ok || now.Sub(at) >= minTimeToReactivation {
			return now
		}
		if at.After(last) {
			last = at
		}
	}
	return last
}

// poll reads the list for all waiters, at every interval until ctx ends.
func (o *Operations) poll(ctx context.Context) {
	ticker := time.NewTicker(o.pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if waiters := o.pollableWaiters(); len(waiters) > 0 {
			o.pollOnce(ctx, waiters)
		}
	}
}

func (o *Operations) pollableWaiters() []*waiter {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	var pollable []*waiter
	for _, waiters := range o.waiters {
		for w := range waiters {
			if !w.pollAfter.IsZero() && now.After(w.pollAfter) {
				pollable = append(pollable, w)
			}
		}
	}
	return pollable
}

func (o *Operations) pollOnce(ctx context.Context, waiters []*waiter) {
	wanted := make(map[string][]*waiter)
	for _, w := range waiters {
		w.mu.Lock()
		w.pollErr = nil
		for _, id := range w.missing {
			wanted[id] = append(wanted[id], w)
		}
		w.mu.Unlock()
	}
	for id, err := range o.client.Users.AllDeactivated(ctx) {
		if err != nil {
			for _, w := range waiters {
				w.setPollError(err)
			}
			return
		}
		for _, w := range wanted[id] {
			w.addPolled(id)
		}
		if delete(wanted, id); len(wanted) == 0 {
			return
		}
	}
}

// addPolled stores that RC lists a user as deactivated.
func (w *waiter) addPolled(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.polled == nil {
		w.polled = make(map[string]Result)
	}
	w.polled[id] = Result{Type: Deactivation, Time: time.Now(), Polled: true}
	w.notify()
}

func (w *waiter) setPollError(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pollErr = err
}

func (w *waiter) pollError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pollErr
}
