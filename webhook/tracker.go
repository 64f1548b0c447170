package webhook

import (
	"context"
	"errors"

	"github.com/f0207b22/rcuser"
)

// Tracker waits for the operations of bulk work. It waits from their start, so that the work may take longer than the hour
// for which results are kept in memory. It needs about 200 bytes for each user. Create one with [Operations.Track]:
//
//	tracker := ops.Track(webhook.Deactivation)
//	defer tracker.Stop()
//	report, err := client.Bulk.Deactivate(ctx, ids, rcuser.BulkOptions{OnOperation: tracker.Started})
//	...
//	results, err := tracker.Wait(ctx)
//
// It is safe for concurrent use.
type Tracker struct {
	operations *Operations
	kind       OperationType
	waiter     *waiter
}

// ErrTrackerStopped is the cause of the [*WaitError] of [Tracker.Wait] if results were missing when [Tracker.Stop] was
// called.
var ErrTrackerStopped = errors.New("webhook: the tracker was stopped")

// Track returns a Tracker for the operations of one piece of bulk work: Deactivation for [rcuser.BulkService.Deactivate],
// Reactivation for [rcuser.BulkService.Reactivate].
func (o *Operations) Track(kind OperationType) *Tracker {
	return &Tracker{operations: o, kind: kind, waiter: newWaiter()}
}

// Started adds an operation, and stores its time as [Operations.Deactivate] does, which takes a second at most. Use it as
// OnOperation of [rcuser.BulkOptions], or call it from there. After Stop it only stores the time.
func (t *Tracker) Started(op rcuser.Operation, userIDs []string) {
	if op.ID == "" || len(userIDs) == 0 {
		return
	}
	t.operations.started(context.Background(), op, userIDs, t.kind)
	t.operations.await(t.waiter, op.ID, userIDs)
}

// Wait returns when there is a result for each user of the operations that have started, as [Operations.Wait] does; so call
// it when the bulk work has returned. Users whose deactivation RC didn't accept have none: see [rcuser.BulkReport]. A user
// of several operations is done if one of them is.
//
// If ctx or Stop ends the wait, the error is a [*WaitError] without an OperationID. After the end of ctx Wait may be called
// again, and goes on.
func (t *Tracker) Wait(ctx context.Context) (map[string]Result, error) {
	if ctx == nil {
		return nil, &rcuser.ArgumentError{Name: "ctx", Reason: "is nil"}
	}
	for {
		cause := t.operations.wait(ctx, t.waiter)
		results, missing, stopped := t.operations.outcome(t.waiter)
		switch {
		case len(missing) == 0:
			return results, nil
		case cause != nil:
			return results, &WaitError{Missing: missing, Err: cause}
		case stopped:
			return results, &WaitError{Missing: missing, Err: ErrTrackerStopped}
		}
	} // an operation started in between
}

// Stop ends the tracking and every Wait. Without it, a tracker whose results never arrive reads the store for ever. It may
// be called more than once.
func (t *Tracker) Stop() {
	t.operations.abandon(t.waiter)
}
