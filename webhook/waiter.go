package webhook

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// awaited is an operation that at least one waiter waits for. Operations.mu guards it.
type awaited struct {
	id                string
	waiters           map[*waiter][]string // with the ids that have no result yet
	known             map[string]Result    // from the store
	polled            map[string]Result    // found by the latest poll, until the store has been read once more
	polledAt          time.Time            // when polled got its first result
	start             operationStart
	startOf           []string // the users to ask the store about while start is assumed
	read              readState
	eventErrs         map[string]error // by user, of events that couldn't be stored
	storeErr, pollErr error            // of the latest read and poll
}

// waiter is what one call of Wait or one Tracker waits for. Operations.mu guards it.
type waiter struct {
	missing    int // pairs of an operation and a user
	results    map[string]Result
	operations map[*awaited]int // in which anything is missing, with their order
	serial     int              // of the latest operation
	complete   chan struct{}    // closed while nothing is missing, and by abandon
	abandoned  bool
	abandons   []string // the ids that were missing then
}

func newWaiter() *waiter {
	w := &waiter{results: make(map[string]Result), operations: make(map[*awaited]int), complete: make(chan struct{})}
	close(w.complete)
	return w
}

// await makes w wait for users of an operation, at least one. What other waiters know already, w gets at once. An abandoned
// waiter stays so.
func (o *Operations) await(w *waiter, operationID string, userIDs []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if w.abandoned {
		return
	}
	if w.missing == 0 {
		w.complete = make(chan struct{})
	}
	op := o.awaited[operationID]
	isNew := op == nil
	if isNew {
		op = o.newAwaited(operationID, userIDs)
	}
	w.missing += len(userIDs)
	if _, again := w.operations[op]; !again {
		w.serial++
		w.operations[op] = w.serial
	}
	op.waiters[w] = append(op.waiters[w], userIDs...)
	o.settle(op, w)
	if len(op.waiters[w]) > 0 && (isNew || !o.sharedStore) {
		o.queueRead(op)
	}
}

func (o *Operations) newAwaited(operationID string, userIDs []string) *awaited {
	op := &awaited{id: operationID, waiters: make(map[*waiter][]string), known: make(map[string]Result)}
	if o.pollInterval != 0 {
		o.setStart(op, userIDs)
	}
	o.awaited[operationID] = op
	o.startShared()
	return op
}

// deliver gives the waiters what is known of an operation. An event takes precedence over a poll.
func (o *Operations) deliver(op *awaited) {
	for w := range op.waiters {
		o.settle(op, w)
	}
	op.polled = nil
}

// settle moves what is known of an operation to one waiter.
func (o *Operations) settle(op *awaited, w *waiter) {
	before := len(op.waiters[w])
	op.waiters[w] = slices.DeleteFunc(op.waiters[w], func(id string) bool {
		result, known := op.known[id]
		if !known {
			result, known = op.polled[id]
		}
		if known {
			w.add(id, result)
		}
		return known
	})
	left := len(op.waiters[w])
	w.missing -= before - left
	if left == 0 {
		o.leave(op, w)
	}
	if left < before && w.missing == 0 {
		close(w.complete)
	}
}

// add keeps a result. A user of several operations is done if one of them is.
func (w *waiter) add(id string, result Result) {
	if earlier, ok := w.results[id]; !ok || !earlier.Done() {
		w.results[id] = result
	}
}

// leave ends w's waiting for an operation, and the operation's reads if nobody else waits for it.
func (o *Operations) leave(op *awaited, w *waiter) {
	delete(w.operations, op)
	delete(op.waiters, w)
	if len(op.waiters) > 0 {
		return
	}
	if op.read.cancel != nil {
		op.read.cancel()
	}
	endBarriers(&op.read.next) // these reads won't begin, as nobody waits for their results
	delete(o.awaited, op.id)
	if len(o.awaited) == 0 {
		o.stopShared()
		o.stopShared = nil
	}
}

// abandon ends all of w's waiting.
func (o *Operations) abandon(w *waiter) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if w.abandoned {
		return
	}
	w.abandoned, w.abandons = true, w.missingIDs()
	for op := range maps.Clone(w.operations) {
		o.leave(op, w)
	}
	if w.missing > 0 {
		close(w.complete)
	}
}

// completion returns a channel that is closed once w has all results or is abandoned.
func (o *Operations) completion(w *waiter) <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return w.complete
}

// outcome returns a copy of the results, the ids without one, in the order in which they were added, and whether w was
// abandoned.
func (o *Operations) outcome(w *waiter) (results map[string]Result, missing []string, abandoned bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if w.abandoned {
		return maps.Clone(w.results), slices.Clone(w.abandons), true
	}
	return maps.Clone(w.results), w.missingIDs(), false
}

func (w *waiter) sortedOperations() []*awaited {
	return slices.SortedFunc(maps.Keys(w.operations), func(a, b *awaited) int { return cmp.Compare(w.operations[a], w.operations[b]) })
}

func (w *waiter) missingIDs() []string {
	ids := make([]string, 0, w.missing)
	for _, op := range w.sortedOperations() {
		ids = append(ids, op.waiters[w]...)
	}
	return ids
}

// eventHandled keeps the error with which an event couldn't be stored, until RC sends the event again.
func (op *awaited) eventHandled(userID string, err error) {
	switch {
	case err == nil:
		delete(op.eventErrs, userID)
	case slices.Contains(op.wanted(), userID):
		if op.eventErrs == nil {
			op.eventErrs = make(map[string]error)
		}
		op.eventErrs[userID] = err
	}
}

const maxProblems = 3 // different ones, in the text of an error

// problems returns why results may be missing: what failed last in each operation, equal texts once. late says that the
// last read didn't end in time.
func (w *waiter) problems(now time.Time, late bool) error {
	var errs []error
	seen := make(map[string]bool)
	for _, op := range w.sortedOperations() {
		problems := []error{op.readProblem(now, late), op.pollErr}
		for _, id := range op.waiters[w] {
			problems = append(problems, op.eventErrs[id])
		}
		for _, err := range problems {
			if err != nil && !seen[err.Error()] && len(errs) < maxProblems {
				seen[err.Error()] = true
				errs = append(errs, withoutContextError(err))
			}
		}
	}
	return errors.Join(errs...)
}

// withoutContextError returns an error that matches err unless err matches the end of a context, which would be taken for
// the end of the waiter's.
func withoutContextError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return errors.New(err.Error())
	}
	return err
}
