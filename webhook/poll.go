package webhook

import (
	"context"
	"time"
)

// deactivationTakes is the longest that RC takes. Before it has passed, a user in the list tells nothing.
const deactivationTakes = 15 * time.Minute

// since returns from when on RC's 15 minutes count for all of the users: from what the store knows, so that a restart
// doesn't begin them anew, or from now. What is an hour old may be another deactivation, that was taken back.
func (o *Operations) since(ctx context.Context, userIDs []string) time.Time {
	now := time.Now()
	if o.poll == 0 {
		return now
	}
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
		if due := o.due(); len(due) > 0 {
			o.pollOnce(stop, due)
		}
	}
}

// due returns who has waited for long enough.
func (o *Operations) due() []*waiter {
	o.mu.Lock()
	defer o.mu.Unlock()
	var due []*waiter
	for _, waiters := range o.waiters {
		for w := range waiters {
			if time.Since(w.since) > deactivationTakes {
				due = append(due, w)
			}
		}
	}
	return due
}

func (o *Operations) pollOnce(ctx context.Context, due []*waiter) {
	wanted := make(map[string][]*waiter)
	for _, w := range due {
		w.mu.Lock()
		w.pollErr = nil
		for _, id := range w.missing {
			wanted[id] = append(wanted[id], w)
		}
		w.mu.Unlock()
	}
	for id, err := range o.client.Users.AllDeactivated(ctx) {
		if err != nil {
			for _, w := range due {
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
