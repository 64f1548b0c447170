package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/f0207b22/rcuser"
)

// minTimeToReactivation is how long after a deactivation RC refuses to reactivate the user.
const minTimeToReactivation = time.Hour

// TooEarlyError says that RC refused a reactivation, probably because at least one of the users was deactivated less than
// an hour ago. RC has no code for this refusal, so that it may have had another reason.
type TooEarlyError struct {
	NotBefore time.Time            // when all of the users can be reactivated; it may be possible slightly earlier
	Users     map[string]time.Time // when each user can be reactivated, for those of whom the store has the time
	Err       error                // RC's refusal, an [*rcuser.Error]
}

// Error returns a text such as "webhook: 1 user can't be reactivated before 2026-01-31T12:00:00Z: rcuser: ...".
func (e *TooEarlyError) Error() string {
	plural := "s"
	if len(e.Users) == 1 {
		plural = ""
	}
	return fmt.Sprintf("webhook: %d user%s can't be reactivated before %s: %v",
		len(e.Users), plural, e.NotBefore.UTC().Format(time.RFC3339), e.Err)
}

// Unwrap returns RC's refusal.
func (e *TooEarlyError) Unwrap() error { return e.Err }

// Deactivate calls [rcuser.UsersService.Deactivate] and stores the time, which [Operations.Reactivate] and polling use.
// Storing it takes a second at most; if it fails, the operation is returned all the same.
func (o *Operations) Deactivate(ctx context.Context, userIDs []string) (rcuser.Operation, error) {
	op, err := o.client.Users.Deactivate(ctx, userIDs)
	if err == nil {
		o.started(ctx, op, userIDs, Deactivation)
	}
	return op, err
}

// started remembers when an operation was requested. Nobody is told if the store fails: the event has the time too.
func (o *Operations) started(ctx context.Context, op rcuser.Operation, userIDs []string, kind OperationType) {
	now := time.Now()
	o.rememberStart(op.ID, operationStart{at: now, reactivation: kind == Reactivation})
	if kind == Deactivation {
		_ = o.store.putDeactivated(ctx, userIDs, now)
	}
}

// DeactivateAndWait is [Operations.Deactivate], of 1 to 100 users, and [Operations.Wait]. Give ctx a deadline, such as 25
// minutes.
//
// If RC didn't accept the deactivation, the results are nil and the error is that of Deactivate. If that is an
// [*rcuser.Error] whose Outcome is [rcuser.Unknown], RC may have accepted it, but its operation isn't known: call again,
// which is assumed to start another operation and to change nothing else.
//
// If ctx ends during the wait, the error is a [*WaitError], with which the wait can go on:
//
//	if failure, ok := errors.AsType[*webhook.WaitError](err); ok {
//		more, err := ops.Wait(ctx, rcuser.Operation{ID: failure.OperationID}, failure.Missing)
//	}
func (o *Operations) DeactivateAndWait(ctx context.Context, userIDs []string) (map[string]Result, error) {
	op, err := o.Deactivate(ctx, userIDs)
	if err != nil {
		return nil, err
	}
	return o.Wait(ctx, op, userIDs)
}

// Reactivate calls [rcuser.UsersService.Reactivate]. RC refuses a reactivation within an hour of the deactivation. If the
// store has the time of the deactivation, from [Operations.Deactivate] or from an event, the error is a [*TooEarlyError]
// that wraps RC's error and says when a reactivation will be possible.
func (o *Operations) Reactivate(ctx context.Context, userIDs []string) (rcuser.Operation, error) {
	op, err := o.client.Users.Reactivate(ctx, userIDs)
	if err == nil {
		o.started(ctx, op, userIDs, Reactivation)
	}
	if failure, failed := errors.AsType[*rcuser.Error](err); failed && mayBeTooEarly(failure) {
		if early := o.tooEarly(ctx, userIDs); early != nil {
			early.Err = err
			return op, early
		}
	}
	return op, err
}

// mayBeTooEarly excludes the errors that have a known reason.
func mayBeTooEarly(failure *rcuser.Error) bool {
	return failure.Outcome == rcuser.NotApplied && failure.Code != 0 && !failure.Retryable() && !slices.Contains([]rcuser.ErrorCode{
		rcuser.ErrAppSecret, rcuser.ErrNoData, rcuser.ErrSignature, rcuser.ErrTooLong, rcuser.ErrAppLocked, rcuser.ErrForbidden, rcuser.ErrNotEnabled,
	}, failure.Code)
}

// tooEarly returns an error without its cause, or nil if the store has no deactivation of the last hour.
func (o *Operations) tooEarly(ctx context.Context, userIDs []string) *TooEarlyError {
	known, err := o.store.deactivatedTimes(ctx, userIDs)
	if err != nil {
		return nil
	}
	now := time.Now()
	early := &TooEarlyError{Users: make(map[string]time.Time)}
	for id, at := range known {
		if until := at.Add(minTimeToReactivation); until.After(now) {
			early.Users[id] = until
			if until.After(early.NotBefore) {
				early.NotBefore = until
			}
		}
	}
	if len(early.Users) == 0 {
		return nil
	}
	return early
}
