package webhook

import (
	"context"
	"time"

	"github.com/f0207b22/rcuser"
)

// deactivationTakes is the longest that RC takes. Before it has passed, a user in the list tells nothing.
const deactivationTakes = 15 * time.Minute

// begun is what is known of an operation.
type begun struct {
	at           time.Time // or a little later
	reactivation bool
}

// begin remembers an operation for an hour, which only polling asks for.
func (o *Operations) begin(operationID string, b begun) {
	if o.poll == 0 {
		return
	}
	o.begun.mu.Lock()
	defer o.begun.mu.Unlock()
	o.begun.put(operationID, b, time.Now().Add(storedFor))
}

// due returns from when on the list tells something of an operation: RC's 15 minutes after its begin as far as that is
// known, so that neither a restart nor another call of Wait begins them anew.
func (o *Operations) due(ctx context.Context, op rcuser.Operation, userIDs []string) time.Time {
	o.begun.mu.Lock()
	b, known := o.begun.get(op.ID)
	o.begun.mu.Unlock()
	if !known {
		b.at = o.deactivated(ctx, userIDs)
		o.begin(op.ID, b)
	}
	if b.reactivation {
		return time.Time{}
	}
	return b.at.Add(deactivationTakes)
}

// deactivated returns when the last of the users was, by the store, or the time that it is now. What is an hour old may
// be another deactivation, that was taken back.
func (o *Operations) deactivated(ctx context.Context, userIDs []string) time.Time {
	now := time.Now()
	known, err := o.store.Deactivated(ctx, userIDs)
	if err != nil {
		return now
	}
	var last time.Time
	for _, id := range userIDs {
		at, ok := known[id]
		if !ok || now.Sub(at) >= reactivationAfter {
			return now
		}
		if at.After(last) {
			last = at
		}
	}
	return last
}

// pollUntil reads the list for all who wait, until nobody does.
func (o *Operations) pollUntil(stop context.Context) {
	ticker := time.NewTicker(o.poll)
	defer ticker.Stop()
	for {
		select {
		case <-stop.Done():
			return
		case <-ticker.C:
		}
		if patient := o.patient(); len(patient) > 0 {
			o.pollOnce(stop, patient)
		}
	}
}

// patient returns who has waited for long enough.
func (o *Operations) patient() []*waiter {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	var patient []*waiter
	for _, waiters := range o.waiters {
		for w := range waiters {
			if !w.due.IsZero() && now.After(w.due) {
				patient = append(patient, w)
			}
		}
	}
	return patient
}

func (o *Operations) pollOnce(ctx context.Context, patient []*waiter) {
	wanted := make(map[string][]*waiter)
	for _, w := range patient {
		w.mu.Lock()
		w.pollErr = nil
		for _, id := range w.missing {
			wanted[id] = append(wanted[id], w)
		}
		w.mu.Unlock()
	}
	for id, err := range o.client.Users.AllDeactivated(ctx) {
		if err != nil {
			for _, w := range patient {
				w.failPoll(err)
			}
			return
		}
		for _, w := range wanted[id] {
			w.list(id)
		}
		if delete(wanted, id); len(wanted) == 0 {
			return
		}
	}
}

// list says that RC lists a user as deactivated.
func (w *waiter) list(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listed == nil {
		w.listed = make(map[string]Result)
	}
	w.listed[id] = Result{Type: Deactivation, Time: time.Now(), Polled: true}
	w.wakeUp()
}

func (w *waiter) failPoll(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pollErr = err
}

func (w *waiter) pollError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pollErr
}
