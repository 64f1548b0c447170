package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/f0207b22/rcuser"
)

// reactivationAfter is how long RC refuses to reactivate a user.
const reactivationAfter = time.Hour

// TooEarlyError is RC's refusal of a reactivation, where a deactivation of less than an hour ago is known that may
// explain it: RC has no code for that, and may have had another reason.
type TooEarlyError struct {
	NotBefore time.Time            // from when on all of the users can be reactivated; it may be possible a little earlier
	Users     map[string]time.Time // the same for each user who can't be yet, as far as is known
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

// Deactivate is [rcuser.UsersService.Deactivate], and remembers when that was, for [Operations.Reactivate].
func (o *Operations) Deactivate(ctx context.Context, userIDs []string) (rcuser.Operation, error) {
	op, err := o.client.Users.Deactivate(ctx, userIDs)
	if err == nil {
		o.begin(op.ID, begun{at: time.Now()})
		_ = o.store.PutDeactivated(ctx, userIDs, time.Now()) // it only serves to explain: no reason to lose the operation
	}
	return op, err
}

// Reactivate is [rcuser.UsersService.Reactivate]. RC refuses it within an hour of the deactivation. If the store knows
// of one, from [Operations.Deactivate] or from an event, the error is a [*TooEarlyError] around RC's that says from
// when on it will be possible.
func (o *Operations) Reactivate(ctx context.Context, userIDs []string) (rcuser.Operation, error) {
	op, err := o.client.Users.Reactivate(ctx, userIDs)
	if err == nil {
		o.begin(op.ID, begun{time.Now(), true})
	}
	if failure, failed := errors.AsType[*rcuser.Error](err); failed && mayBeTooEarly(failure) {
		if early := o.tooEarly(ctx, userIDs); early != nil {
			early.Err = err
			return op, early
		}
	}
	return op, err
}

// mayBeTooEarly leaves out the refusals that have a reason of their own.
func mayBeTooEarly(failure *rcuser.Error) bool {
	return failure.Outcome == rcuser.NotApplied && failure.Code != 0 && !failure.Retryable() && !slices.Contains([]rcuser.ErrorCode{
		rcuser.ErrAppSecret, rcuser.ErrNoData, rcuser.ErrSignature, rcuser.ErrTooLong, rcuser.ErrAppLocked, rcuser.ErrForbidden, rcuser.ErrNotEnabled,
	}, failure.Code)
}

func (o *Operations) tooEarly(ctx context.Context, userIDs []string) *TooEarlyError {
	known, err := o.store.Deactivated(ctx, userIDs)
	if err != nil {
		return nil
	}
	now := time.Now()
	early := &TooEarlyError{Users: make(map[string]time.Time)}
	for id, at := range known {
		if until := at.Add(reactivationAfter); until.After(now) {
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
