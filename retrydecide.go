package rcuser

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/f0207b22/rcuser/internal/clock"
)

// decide says whether another attempt may follow after a wait and, if the context is the reason that none does, why.
func (r *retrier) decide(ctx context.Context, wait time.Duration, tooLong bool) (again bool, stop error) {
	ended := contextEnd(ctx)
	_, otherTime := r.otherTime()
	switch {
	case !r.repeatable():
		return false, nil
	case ended != nil && r.history.last.abandoned:
		return false, nil // the attempt's own error says so
	case ended != nil:
		return false, ended
	case tooLong, !otherTime && r.history.counted() >= r.retry.MaxAttempts:
		return false, nil
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false, fmt.Errorf("no time to wait %v for the next attempt: %w", wait, context.DeadlineExceeded)
	}
	return true, nil
}

// repeatable reports whether the last attempt's failure allows another.
func (r *retrier) repeatable() bool {
	a := &r.history.last
	_, otherTime := r.otherTime()
	switch {
	case a.final:
		return false
	case r.history.permanent[a.host.Index] && !r.leavesHost():
		return false
	case !a.sent, otherTime:
		return true
	case a.answer.saysSuccess() && a.answer.status < 500:
		return false
	case a.outcome() == NotApplied:
		return a.answer.rateLimited() || a.answer.foreign()
	}
	return !r.request.endpoint.notRepeated
}

// hostFailed reports whether the last attempt's failure is its host's: no connection, a timeout, the silence in which the
// caller's deadline passed, a 5xx, or an answer that isn't RC's.
func (r *retrier) hostFailed() bool {
	switch a := &r.history.last; {
	case a.final || a.connClosed:
		return false
	case a.abandoned:
		return a.silent
	default:
		return !a.answered() || a.answer.status >= 500 || a.answer.foreign()
	}
}

// leavesHost reports whether the next attempt goes to the other host.
func (r *retrier) leavesHost() bool {
	if len(r.sender.bases) < 2 || !r.hostFailed() {
		return false
	}
	return !r.history.permanent[1-r.history.last.host.Index]
}

// otherTime returns the correction of this machine's clock with which an attempt is repeated whose signature RC refused: to
// RC's time or, if that was signed already, none. ok is false if there is no other time, or it was tried before.
func (r *retrier) otherTime() (correction time.Duration, ok bool) {
	a := &r.history.last
	switch {
	case a.answer.code != ErrSignature || r.history.timeChanged || r.retry.MaxAttempts == 1:
		return 0, false
	case r.next.correction != 0:
		return 0, true
	}
	return a.serverTime.Sub(a.signedAt), clock.Wrong(a.signedAt, a.serverTime)
}

// nextWait returns the wait before the next attempt, and whether its host asks for a longer one than allowed.
func (r *retrier) nextWait() (wait time.Duration, tooLong bool) {
	a, asked := &r.history.last, r.askedWait()
	if asked > r.retry.MaxRetryAfter {
		return r.retry.MaxRetryAfter, true
	}
	_, otherTime := r.otherTime()
	if a.connClosed || otherTime || r.firstMove() {
		return asked, false
	}
	longest := r.retry.longestWait(r.history.counted(), a.answer.rateLimited())
	jitter := rand.N(min(longest, math.MaxInt64-1) + 1) //nolint:gosec // jitter needs no secrecy
	return max(asked, jitter), false
}

// askedWait returns how long the host of the next attempt asks to wait.
func (r *retrier) askedWait() time.Duration {
	a := &r.history.last
	if r.leavesHost() {
		return max(0, time.Until(r.history.notBefore[1-a.host.Index]))
	}
	return a.answer.retryAfter
}

// firstMove reports whether the next attempt is the call's first at the other host.
func (r *retrier) firstMove() bool { return !r.history.switched && r.leavesHost() }

// free reports whether the next attempt takes nothing from the budget.
func (r *retrier) free() bool {
	a := &r.history.last
	if _, otherTime := r.otherTime(); otherTime {
		return true
	}
	if a.connClosed {
		return !r.history.connClosed
	}
	return r.firstMove() && !r.hosts.FailedLately(1-a.host.Index)
}
