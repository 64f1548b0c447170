package webhook

import (
	"context"
	"slices"
	"sync"
	"time"
)

// waiter is the state of one call of Wait.
type waiter struct {
	notified  chan struct{} // has room for one notification
	pollAfter time.Time     // zero = never
	results   map[string]Result
	storeErr  error // of the last read

	mu      sync.Mutex // guards the fields below, which polling uses too
	missing []string
	polled  map[string]Result
	pollErr error // of the last poll
}

func newWaiter(userIDs []string) *waiter {
	return &waiter{
		notified: make(chan struct{}, 1), missing: slices.Clone(userIDs), results: make(map[string]Result, len(userIDs)),
	}
}

// collect moves the available results to w.results, and reports whether any is still missing. The result of an event
// takes precedence over a polled one.
func (o *Operations) collect(ctx context.Context, operationID string, w *waiter) bool {
	var found map[string]Result
	found, w.storeErr = o.store.Results(ctx, operationID, w.missing)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.missing = slices.DeleteFunc(w.missing, func(id string) bool {
		result, known := found[id]
		if !known {
			result, known = w.polled[id]
		}
		if known {
			w.results[id] = result
		}
		return known
	})
	return len(w.missing) > 0
}

func (o *Operations) addWaiter(operationID string, w *waiter) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.waiters[operationID] == nil {
		o.waiters[operationID] = make(map[*waiter]struct{})
	}
	o.waiters[operationID][w] = struct{}{}
	if o.pollInterval != 0 && o.stopPolling == nil {
		var polling context.Context
		polling, o.stopPolling = context.WithCancel(context.Background())
		go o.poll(polling)
	}
}

func (o *Operations) removeWaiter(operationID string, w *waiter) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.waiters[operationID], w)
	if len(o.waiters[operationID]) == 0 {
		delete(o.waiters, operationID)
	}
	if len(o.waiters) == 0 && o.stopPolling != nil {
		o.stopPolling()
		o.stopPolling = nil
	}
}

func (o *Operations) notifyWaiters(operationID string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for w := range o.waiters[operationID] {
		w.notify()
	}
}

// notify never blocks: one pending notification is enough.
func (w *waiter) notify() {
	select {
	case w.notified <- struct{}{}:
	default:
	}
}
