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

// Operations waits for the results of deactivations and reactivations, which RC executes after it has answered the call,
// and reports for each user by webhook. Create one with [NewOperations], and use its Handle as callback of a [Handler]:
//
//	webhook.Config{OnDeactivation: ops.Handle, ...}
//
//	op, err := client.Users.Deactivate(ctx, ids)
//	...
//	results, err := ops.Wait(ctx, op, ids)
//
// [Operations.DeactivateAndWait] does both, and a [Tracker] waits for the operations of bulk work.
//
// It is safe for concurrent use. It has goroutines only while results are waited for. All calls of Wait share them and what
// they read: each operation is read from the [Store] by one call at a time, and RC's list of deactivated users by one poll.
type Operations struct {
	client       *rcuser.Client
	store        *guardedStore
	sharedStore  bool          // other processes may write to store
	pollInterval time.Duration // 0 = never
	starts       *expiringMap[string, operationStart]
	forgotUntil  time.Time // until then an operation may be a reactivation that starts forgot; starts.mu guards it

	mu         sync.Mutex
	awaited    map[string]*awaited // by operation ID
	stopShared context.CancelFunc  // nil while awaited is empty
	reading    int                 // reads that run
	readQueue  []*awaited          // to be read, and not being read
	polling    bool
}

// OperationsOptions configures [Operations]. The zero value is right for a single process.
type OperationsOptions struct {
	// Store is read once a second for each operation that is waited for, however many calls of Wait there are, and after
	// each of its events. nil = in memory: 100,000 results for an hour, of which none is dropped. If there are more, Handle
	// returns an error, so that RC sends the event again, and so does a Wait that misses a result. RC accepts up to 360,000
	// deactivations an hour; for more than 100,000 use a Store of your own. In memory are also the times of the last 100,000
	// deactivations, for [TooEarlyError].
	Store Store
	// Poll is how often the list of deactivated users is read during a Wait, starting 15 minutes after the deactivation,
	// which is RC's maximum; 0 = never, else at least 1 second. Polling finds deactivations whose webhook was lost, see
	// [Result.Polled]. It reads the whole list, at 50 ids a call. The 15 minutes start at [Operations.Deactivate], at the
	// time in the store, or else at the first Wait. With polling, don't wait for a reactivation unless it was started by
	// [Operations.Reactivate], or given to a [Tracker] of reactivations, in this process and less than an hour ago.
	Poll time.Duration
}

// NewOperations returns Operations that call RC with client. It does no I/O. An error is an [*rcuser.ArgumentError].
func NewOperations(client *rcuser.Client, opts OperationsOptions) (*Operations, error) {
	switch {
	case client == nil:
		return nil, &rcuser.ArgumentError{Name: "client", Reason: "is nil"}
	case opts.Poll != 0 && opts.Poll < time.Second:
		return nil, &rcuser.ArgumentError{Name: "OperationsOptions.Poll", Reason: fmt.Sprintf("%v, it must be at least 1s", opts.Poll)}
	}
	o := &Operations{
		client: client, sharedStore: opts.Store != nil, pollInterval: opts.Poll,
		starts: newExpiringMap[string, operationStart](maxStored), awaited: make(map[string]*awaited),
	}
	if !o.sharedStore {
		opts.Store = newMemoryStore()
	}
	o.store = newGuardedStore(opts.Store)
	return o, nil
}

// Result is the result of an operation for one user.
type Result struct {
	Type OperationType
	Code string    // CodeDone, or the reason why RC refused; "" if Polled
	Time time.Time // of RC's event or, if Polled, of reading the list

	// Polled means that no event arrived, but RC lists the user as deactivated more than 15 minutes after the request. This
	// is weaker than an event: the list also has users whose deactivation is still running, so that the user's data is
	// deleted only if RC kept its maximum of 15 minutes. The list never shows a refusal.
	Polled bool
}

// Done reports whether the operation succeeded: by RC's event or, if Polled, by its documented maximum of 15 minutes.
func (r Result) Done() bool { return r.Code == CodeDone || r.Polled }

// Handle stores the result in an event and wakes up the calls of Wait that need it. Use it as OnDeactivation of a [Config],
// or call it from there. A repeated event changes nothing. It returns when ctx ends, also if the [Store] doesn't. An error
// comes from the Store: return it, so that RC sends the event again. With a Queue, RC doesn't send it again, so that the
// callback must retry Handle itself.
func (o *Operations) Handle(ctx context.Context, e DeactivationEvent) error {
	_, err := callStore(ctx, o.store, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, o.handle(ctx, e)
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	if op := o.awaited[e.OperationID]; op != nil {
		op.eventHandled(e.UserID, err)
		o.queueRead(op)
	}
	return err
}

func (o *Operations) handle(ctx context.Context, e DeactivationEvent) error {
	result := Result{Type: e.Type, Code: e.Code, Time: e.Time}
	if err := o.store.PutResult(ctx, e.OperationID, e.UserID, result); err != nil {
		return err
	}
	if e.Type == Deactivation && e.Done() {
		return o.storeDeactivated(ctx, e)
	}
	return nil
}

// storeDeactivated stores the event's time as the time of the deactivation, unless the store has an earlier time of the
// same deactivation, which is more exact: since a user can't be deactivated twice within an hour, any time less than an
// hour earlier belongs to the same one. A time in the future is replaced by the current time.
func (o *Operations) storeDeactivated(ctx context.Context, e DeactivationEvent) error {
	user := []string{e.UserID}
	known, err := o.store.Deactivated(ctx, user)
	if err != nil {
		return err
	}
	at := e.Time
	if now := time.Now(); at.After(now) {
		at = now
	}
	if before, ok := known[e.UserID]; ok && at.Sub(before) < minTimeToReactivation {
		return nil
	}
	return o.store.PutDeactivated(ctx, user, at)
}

// WaitError says which users had no result when the context of [Operations.Wait] or [Tracker.Wait] ended.
type WaitError struct {
	OperationID string   // "" from a Tracker, which waits for several
	Missing     []string // in the order of the argument or, from a Tracker, of the operations' start
	Err         error    // the context's cause, joined with the last errors of events, the store and polling, at most 3
}

// Error returns a text such as "webhook: operation C70B: no result for 2 users (u1, u2): context deadline exceeded".
func (e *WaitError) Error() string {
	shown := e.Missing[:min(len(e.Missing), maxShownUsers)]
	more := ""
	if len(shown) < len(e.Missing) {
		more = ", ..."
	}
	plural := "s"
	if len(e.Missing) == 1 {
		plural = ""
	}
	operation := ""
	if e.OperationID != "" {
		operation = " operation " + e.OperationID + ":"
	}
	return fmt.Sprintf("webhook:%s no result for %d user%s (%s%s): %v",
		operation, len(e.Missing), plural, strings.Join(shown, ", "), more, e.Err)
}

const maxShownUsers = 3

// Unwrap returns the cause.
func (e *WaitError) Unwrap() error { return e.Err }

// Wait returns when there is a result for each of the users, done or refused, see [Result.Done]. Events may arrive up to an
// hour before Wait is called, in any order and repeatedly; the first event of a user counts. Several calls may wait for one
// operation, and Wait may be called again. A result that another process stores is found within about a second.
//
// Give ctx a deadline, such as 25 minutes: RC takes up to 15 minutes for a deactivation and may deliver 5 minutes late. It
// drops an event after 3 failed attempts; then only [OperationsOptions.Poll] finds the result. When ctx ends, Wait reads
// the store a last time, for a second at most. Then it returns the results that it has and a [*WaitError] that lists the other
// users, matches the context's cause, and says what is wrong with the store, if anything is. Any other error is an
// [*rcuser.ArgumentError].
//
// In tests with rctest, use its Server.Advance or a [testing/synctest] bubble to let the minutes pass.
func (o *Operations) Wait(ctx context.Context, op rcuser.Operation, userIDs []string) (map[string]Result, error) {
	if err := checkWait(ctx, op, userIDs); err != nil {
		return nil, err
	}
	w := newWaiter()
	o.await(w, op.ID, userIDs)
	cause := o.wait(ctx, w)
	o.abandon(w)
	if len(w.abandons) > 0 {
		return w.results, &WaitError{op.ID, w.abandons, cause}
	}
	return w.results, nil
}

// wait returns nil when w has all results or is abandoned or, when ctx ends first, the reasons why some are missing.
func (o *Operations) wait(ctx context.Context, w *waiter) error {
	select {
	case <-o.completion(w):
		return nil
	case <-ctx.Done():
		return o.giveUp(ctx, w)
	}
}

// giveUp reads the store a last time, because another process may have written to it since the last tick.
func (o *Operations) giveUp(ctx context.Context, w *waiter) error {
	timeout := time.NewTimer(lastReadTimeout)
	defer timeout.Stop()
	late := false
	select {
	case <-o.completion(w):
	case <-o.readAgain(w):
	case <-timeout.C:
		late = true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if w.missing == 0 {
		return nil
	}
	cause := context.Cause(ctx)
	if !errors.Is(cause, ctx.Err()) {
		cause = errors.Join(cause, ctx.Err())
	}
	return errors.Join(cause, w.problems(time.Now(), late))
}

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
