package webhook

import (
	"context"
	"time"
)

const (
	claimInterval = 200 * time.Millisecond // between claims of a request that another process is handling
	settleTimeout = 5 * time.Second        // for the guard, after a request was handled
)

// handleOnce handles a verified request unless one with its signature was handled. While another one is being handled, here
// or in another process, it waits for that one's result until its own answer is due.
func (q *request) handleOnce(verified Verified, body []byte) error {
	h := q.handler
	q.hold.key, q.hold.body = verified.ReplayKey, h.bodies.hash(body)
	waited, err := q.takeHold()
	if err != nil {
		return err
	}
	defer h.holds.release(&q.hold)
	claim, claimWaited, err := q.claim()
	switch {
	case err != nil:
		return &Error{Reason: errGuard, Err: err}
	case claim == Handled:
		h.warnOfOtherBody(q)
		return nil
	case claim == Busy:
		return q.busyError()
	case claim != Claimed:
		return &Error{Reason: errGuard, Detail: "Claim returned an unknown value"}
	}
	defer q.settle(verified)
	return q.handle(q.callbackContext(waited || claimWaited), body)
}

// handle decodes the body, and calls the callbacks or queues the events.
func (q *request) handle(ctx context.Context, body []byte) error {
	d, err := decode(body)
	if err != nil {
		return err
	}
	q.events.Store(int32(len(d.events))) //nolint:gosec // at most 10,000
	if d.unreadable > 0 {
		q.handler.warnOfUnreadable(q, d)
	}
	if err := q.handler.accept(ctx, q.http.Context(), d.events); err != nil {
		return err
	}
	q.accepted.Store(true)
	return nil
}

// callbackContext returns the context for callbacks. A request that had to wait for another one gets as much time as any:
// if it succeeds too late for its own answer, the next attempt is answered 200 at once.
func (q *request) callbackContext(waited bool) context.Context {
	if !waited {
		return &q.ctx
	}
	late := &deadlineContext{values: q.ctx.values, deadline: time.Now().Add(answerTimeout)}
	q.handler.setLate(q, late)
	if q.handler.lifetime.Err() != nil { // checked after setLate, so that Shutdown can't miss it
		late.cancel()
	}
	return late
}

// settle commits or releases the claim. An error of the guard is only logged, because the events were handled or failed
// already; but a guard that takes too long still makes the answer 503.
func (q *request) settle(verified Verified) {
	h := q.handler
	ctx := &deadlineContext{values: q.ctx.values, deadline: time.Now().Add(settleTimeout)}
	defer ctx.cancel()
	if !q.accepted.Load() {
		if err := h.config.Replays.Release(ctx, q.hold.key); err != nil {
			h.logGuard(ctx, "webhook: not handled, and the claim is not released", err)
		}
		return
	}
	h.bodies.put(&q.hold)
	if err := h.config.Replays.Commit(ctx, q.hold.key, h.config.Window.retainUntil(verified.SignedAt)); err != nil {
		h.logGuard(ctx, "webhook: handled, but not remembered as handled", err)
	}
	h.warnIfGuardFull(ctx)
}

// takeHold waits until no other goroutine of this handler works on a request with the same signature.
func (q *request) takeHold() (waited bool, err error) {
	holds := &q.handler.holds
	for {
		other, released := holds.take(&q.hold, waited)
		if other == nil {
			return waited, nil
		}
		if other.body != q.hold.body && !waited {
			q.handler.warnOfTwoBodies(q)
		}
		if released == nil {
			return waited, &Error{Reason: errBusy, Detail: "too many requests are waiting for it"}
		}
		waited = true
		due := wait(q, released)
		holds.leave(other)
		if due {
			return waited, q.busyError()
		}
	}
}

// claim asks the guard, and again while another process has the claim: that process may have died, or its callback may
// fail.
func (q *request) claim() (claim Claim, waited bool, err error) {
	for {
		claim, err = q.handler.config.Replays.Claim(&q.ctx, q.hold.key)
		if err != nil || claim != Busy {
			return claim, waited, err
		}
		waited = true
		pause := time.NewTimer(claimInterval)
		due := wait(q, pause.C)
		pause.Stop()
		if due {
			claim, err = q.lastClaim()
			return claim, waited, err
		}
	}
}

// lastClaim asks once more when the answer is due, since this may be RC's last attempt: if RC sent it a second after a process
// had died with its claim, the claim's lease of 5 seconds ends just now.
func (q *request) lastClaim() (Claim, error) {
	if q.handler.lifetime.Err() != nil {
		return Busy, nil
	}
	ctx := &deadlineContext{values: q.ctx.values, deadline: time.Now().Add(settleTimeout)}
	defer ctx.cancel()
	return q.handler.config.Replays.Claim(ctx, q.hold.key)
}

// wait returns when event happens, or true when the answer is due. It goes on if the client closes the connection: this may
// be RC's last attempt.
func wait[T any](q *request, event <-chan T) (due bool) {
	if !q.state.CompareAndSwap(stateWorking, stateWaiting) {
		return true
	}
	select {
	case <-event:
	case <-q.ctx.Done():
		q.expire()
	}
	return !q.state.CompareAndSwap(stateWaiting, stateWorking)
}

// busyError is the error of a request whose answer became due while it waited.
func (q *request) busyError() error {
	if q.handler.lifetime.Err() != nil {
		return &Error{Reason: errShutdown}
	}
	return &Error{Reason: errBusy}
}
