package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/f0207b22/rcuser"
)

// Operations waits for what RC does after it has answered: deactivations and reactivations, whose results come by
// webhook, user by user. Make one with [NewOperations], let a [Handler] feed it, and keep it:
//
//	webhook.Config{OnDeactivation: ops.Handle, ...}
//
//	op, err := client.Users.Deactivate(ctx, ids)
//	...
//	results, err := ops.Wait(ctx, op, ids)
//
// It is safe for concurrent use, has no goroutine while nobody waits, and nothing in memory an hour after the last event.
type Operations struct {
	client *rcuser.Client
	store  Store
	shared bool          // others may put into store
	poll   time.Duration // 0 = never
	begun  *expiring[string, begun]

	mu          sync.Mutex
	waiters     map[string]map[*waiter]struct{} // by operation
	stopPolling context.CancelFunc              // nil while nobody waits
}

// OperationsOptions say how [Operations] learns of results. The zero value is fine where one process does all.
type OperationsOptions struct {
	// Store is looked at once a second while somebody waits; nil = in memory, for an hour and at most 100,000 users.
	Store Store
	// Poll, unless 0, is how often the list of deactivated users is read while somebody waits for longer than the 15
	// minutes that RC takes at most; it must be at least a second. It finds what no webhook told, see [Result.Polled],
	// and reads the whole list, 50 ids a call. The minutes count from the deactivation where that is known: from
	// [Operations.Deactivate], from the first call of Wait, or by the store. It is for deactivations: don't wait so for a
	// reactivation that wasn't asked for by [Operations.Reactivate] of this process.
	Poll time.Duration
}

// NewOperations returns one that uses client for what it does itself. It does no I/O. An error is an
// [*rcuser.ArgumentError].
func NewOperations(client *rcuser.Client, opts OperationsOptions) (*Operations, error) {
	switch {
	case client == nil:
		return nil, &rcuser.ArgumentError{Name: "client", Reason: "is nil"}
	case opts.Poll != 0 && opts.Poll < time.Second:
		return nil, &rcuser.ArgumentError{Name: "OperationsOptions.Poll", Reason: fmt.Sprintf("%v, it must be at least 1s", opts.Poll)}
	}
	o := &Operations{client: client, store: opts.Store, shared: true, poll: opts.Poll, waiters: make(map[string]map[*waiter]struct{}), begun: newExpiring[string, begun](storedResults)}
	if o.store == nil {
		o.store, o.shared = newMemoryStore(), false
	}
	return o, nil
}

// Result is what became of one user in an operation.
type Result struct {
	Type OperationType
	Code string    // CodeDone, or why RC refused; "" if Polled
	Time time.Time // of RC's event or, if Polled, of the look at the list

	// Polled says that no event came, but that RC lists the user as deactivated, more than 15 minutes after that was
	// asked for. That tells less: the list has users whose deactivation still runs too, so that the data is deleted by
	// RC's promise of 15 minutes, not by its word. A refusal never shows in the list.
	Polled bool
}

// Done reports whether the operation succeeded: RC said so or, if Polled, it must have by its own documentation.
func (r Result) Done() bool { return r.Code == CodeDone || r.Polled }

// Handle keeps the result of an event and wakes who waits for it. It is to be a Config's OnDeactivation, or to be called
// by that. An event that comes again changes nothing. Its error is the [Store]'s: return it, so that RC sends the event
// again. With a Config's Queue RC doesn't: there a store that fails must be tried again by the function that calls Handle.
func (o *Operations) Handle(ctx context.Context, e DeactivationEvent) error {
	if err := o.store.PutResult(ctx, e.OperationID, e.UserID, Result{Type: e.Type, Code: e.Code, Time: e.Time}); err != nil {
		return err
	}
	o.wake(e.OperationID)
	if e.Type == Deactivation && e.Done() {
		return o.learnDeactivated(ctx, e)
	}
	return nil
}

// learnDeactivated takes the time of an event for that of the deactivation if nothing better is known: it was asked for
// before that. As nobody can be deactivated twice within an hour, a time less than an hour before is the same
// deactivation's. A time that is yet to come is none.
func (o *Operations) learnDeactivated(ctx context.Context, e DeactivationEvent) error {
	user := []string{e.UserID}
	known, err := o.store.Deactivated(ctx, user)
	if err != nil {
		return err
	}
	at := e.Time
	if now := time.Now(); at.After(now) {
		at = now
	}
	if before, ok := known[e.UserID]; ok && at.Sub(before) < reactivationAfter {
		return nil
	}
	return o.store.PutDeactivated(ctx, user, at)
}

// WaitError says of which users nothing was heard when [Operations.Wait] ended.
type WaitError struct {
	OperationID string
	Missing     []string // in the order of the call
	Err         error    // the context's cause, and the last errors of the store and of polling if there were any
}

// Error returns a text such as "webhook: operation C70B: no result for 2 users (u1, u2): context deadline exceeded".
func (e *WaitError) Error() string {
	shown := e.Missing[:min(len(e.Missing), shownUsers)]
	more := ""
	if len(shown) < len(e.Missing) {
		more = ", ..."
	}
	plural := "s"
	if len(e.Missing) == 1 {
		plural = ""
	}
	return fmt.Sprintf("webhook: operation %s: no result for %d user%s (%s%s): %v",
		e.OperationID, len(e.Missing), plural, strings.Join(shown, ", "), more, e.Err)
}

const shownUsers = 3

// Unwrap returns the cause.
func (e *WaitError) Unwrap() error { return e.Err }

// Wait returns when RC has said for each of the users what became of it: done or refused, see [Result.Done]. The events
// may come before Wait is called, be it an hour, in any order, and more than once: the first counts. Several calls may
// wait for one operation, and Wait may be called again.
//
// Give ctx a deadline. RC takes up to 15 minutes for a deactivation, may be 5 minutes late, and drops an event after 3
// attempts, which nothing but [OperationsOptions.Poll] makes up for, by then: 25 minutes are a good deadline. When ctx
// ends, Wait returns the results that it has, and a [*WaitError] that names the other users and matches the context's
// cause. Other errors are [*rcuser.ArgumentError].
//
// A test on rctest lets the minutes pass by its Server.Advance or by being in a [testing/synctest] bubble.
func (o *Operations) Wait(ctx context.Context, op rcuser.Operation, userIDs []string) (map[string]Result, error) {
	if err := checkWait(ctx, op, userIDs); err != nil {
		return nil, err
	}
	w := newWaiter(userIDs)
	if o.poll != 0 {
		w.due = o.due(ctx, op, userIDs)
	}
	o.join(op.ID, w)
	defer o.leave(op.ID, w)
	var again <-chan time.Time
	if o.shared {
		ticker := time.NewTicker(sharedPoll)
		defer ticker.Stop()
		again = ticker.C
	}
	for o.look(ctx, op.ID, w) {
		select {
		case <-ctx.Done():
			return o.giveUp(ctx, op, w)
		case <-w.wake:
		case <-again:
		}
	}
	return w.results, nil
}

// giveUp looks once more, as another process may have put something into the store since the last time.
func (o *Operations) giveUp(ctx context.Context, op rcuser.Operation, w *waiter) (map[string]Result, error) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLook)
	defer cancel()
	if !o.look(last, op.ID, w) {
		return w.results, nil
	}
	cause := context.Cause(ctx)
	if !errors.Is(cause, ctx.Err()) {
		cause = errors.Join(cause, ctx.Err())
	}
	return w.results, &WaitError{op.ID, w.missing, errors.Join(cause, w.storeErr, w.pollError())}
}

const (
	sharedPoll = time.Second
	lastLook   = time.Second // when there is no time left
)

func checkWait(ctx context.Context, op rcuser.Operation, userIDs []string) error {
	switch {
	case ctx == nil:
		return &rcuser.ArgumentError{Name: "ctx", Reason: "is nil"}
	case op.ID == "":
		return &rcuser.ArgumentError{Name: "op.ID", Reason: "is empty"}
	case len(userIDs) == 0:
		return &rcuser.ArgumentError{Name: "userIDs", Reason: "no ids, at least 1 is needed"}
	}
	if at := slices.Index(userIDs, ""); at >= 0 {
		return &rcuser.ArgumentError{Name: fmt.Sprintf("userIDs[%d]", at), Reason: "is empty"}
	}
	return nil
}
