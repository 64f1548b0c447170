package webhook

import (
	"context"
	"slices"
	"sync"
	"time"
)

// waiter is a call of Wait.
type waiter struct {
	wake     chan struct{}
	due      time.Time // from when on polling tells something; zero = never
	results  map[string]Result
	storeErr error // of the last time

	mu      sync.Mutex // of what polling uses too
	missing []string
	listed  map[string]Result // found by polling
	pollErr error             // of the last time
}

func newWaiter(userIDs []string) *waiter {
	return &waiter{
		wake: make(chan struct{}, 1), missing: slices.Clone(userIDs), results: make(map[string]Result, len(userIDs)),
	}
}

// look takes what there is, and reports whether anything is missing still. What was polled counts only if no event is
// known.
func (o *Operations) look(ctx context.Context, operationID string, w *waiter) bool {
	var found map[string]Result
	found, w.storeErr = o.store.Results(ctx, operationID, w.missing)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.missing = slices.DeleteFunc(w.missing, func(id string) bool {
		result, known := found[id]
		if !known {
			result, known = w.listed[id]
		}
		if known {
			w.results[id] = result
		}
		return known
	})
	return len(w.missing) > 0
}

func (o *Operations) join(operationID string, w *waiter) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.waiters[operationID] == nil {
		o.waiters[operationID] = make(map[*waiter]struct{})
	}
	o.waiters[operationID][w] = struct{}{}
	if o.poll != 0 && o.stopPolling == nil {
		var polling context.Context
		polling, o.stopPolling = context.WithCancel(context.Background())
		go o.pollUntil(polling)
	}
}

func (o *Operations) leave(operationID string, w *waiter) {
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

func (o *Operations) wake(operationID string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for w := range o.waiters[operationID] {
		w.wakeUp()
	}
}

// wakeUp needs to be heard once, however often it is called.
func (w *waiter) wakeUp() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
