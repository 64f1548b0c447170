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
func (o *Operations) Deactivate(ctx context.Context, userIDs []string) (rcuser.Operation, error) {
	op, err := o.client.Users.Deactivate(ctx, userIDs)
	if err == nil {
		o.rememberStart(op.ID, operationStart{at: time.Now()})
		_ = o.store.PutDeactivated(ctx, userIDs, time.Now()) // the caller needs the operation even if the time is lost
	}
	return op, err
}

// Reactivate calls [rcuser.UsersService.Reactivate]. RC refuses a reactivation within an hour of the deactivation. If the
// store has the time of the deactivation, from [Operations.Deactivate] or from an event, the error is a [*TooEarlyError]
// that wraps RC's error and says when a reactivation will be possible.
func (o *Operations) Reactivate(ctx context.Context, userIDs []string) (rcuser.Operation, error) {
	op, err := o.client.Users.Reactivate(ctx, userIDs)
	if err == nil {
		o.rememberStart(op.ID, operationStart{time.Now(), true})
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
	known, err := o.store.Deactivated(ctx, userIDs)
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
