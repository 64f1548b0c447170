package rcuser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/f0207b22/rcuser/internal/clock"
	"github.com/f0207b22/rcuser/internal/failover"
	"github.com/f0207b22/rcuser/internal/loop"
)

// RetryPolicy says how often a call is attempted and how long it waits in between. The zero value of a field selects its
// default.
//
// A call is repeated if nothing was sent, or after HTTP 429, [ErrRateLimited], [ErrInternal], [ErrTimeout], any HTTP
// 5xx, a timeout of the attempt, a broken connection, or an answer that isn't RC's (RC's is a JSON object with a code):
// every method is safe to repeat. A call of [Client.Call] that isn't Idempotent is repeated only if the attempt was not
// applied, see [Outcome]. Redirects, and answers of RC that say success but can't be decoded, are not repeated. A call
// never waits past its context's deadline: if a wait doesn't fit, the call fails at once.
//
// After a failed connection, a timeout, an HTTP 5xx or an answer that isn't RC's, the call's next attempt goes to the data
// center's other host, the first time without a wait. All calls then prefer that host. They switch at most every 30 s, and
// one call, never one that isn't safe to repeat, tries the primary again after 5 minutes, or 10 s later if its context
// ended meanwhile. A context whose deadline passes counts as a timeout if the host had sent nothing for a fifth of
// Config.AttemptTimeout. If the peer had already closed a reused connection, that doesn't count as the host's failure: the
// attempt is repeated at once on a new connection. A bad certificate, a failed TLS negotiation and other failures that
// another attempt can't change are not repeated at the same host.
//
// An attempt that RC refused with [ErrSignature] is repeated once, at once, with another time: that of RC's answer if this
// machine's clock is more than 4 minutes off it or, if RC's time was signed already, this machine's own. Whichever of the
// two RC accepts is used from then on. MaxAttempts doesn't count this attempt, but 1 turns it off too: this machine's
// clock is used as it is then.
//
// A client has a budget of 100 retries while nothing succeeds; it refills as calls succeed. While it is empty, calls fail
// after their first attempt, so that an outage isn't made worse. Three retries of a call are free: its first at the other
// host, unless that host failed in the last 30 s and didn't answer since; its first on a new connection after the peer had
// closed a reused one; and the one with another time.
type RetryPolicy struct {
	// MaxAttempts counts the first attempt too. Zero means 3; 1 turns retries off.
	MaxAttempts int

	// BaseWait sets the waits: random between 0 and BaseWait, then 2 BaseWait, 4 BaseWait and so on; ten times that
	// after HTTP 429 or ErrRateLimited. Zero means 100 ms.
	BaseWait time.Duration

	// MaxWait limits these waits. Zero means 5 s.
	MaxWait time.Duration

	// MaxRetryAfter is the longest Retry-After that a call waits for; a longer one ends the call. It doesn't count for the
	// other host, to which a call moves at once; what is left of it counts when the call comes back. Zero means 20 s.
	MaxRetryAfter time.Duration
}

const rateLimitedFactor = 10

func (p RetryPolicy) check() error {
	switch {
	case p.MaxAttempts < 0:
		return argumentErrorf("Retry.MaxAttempts", "%d is negative", p.MaxAttempts)
	case p.BaseWait < 0:
		return argumentErrorf("Retry.BaseWait", "%v is negative", p.BaseWait)
	case p.MaxWait < 0:
		return argumentErrorf("Retry.MaxWait", "%v is negative", p.MaxWait)
	case p.MaxRetryAfter < 0:
		return argumentErrorf("Retry.MaxRetryAfter", "%v is negative", p.MaxRetryAfter)
	}
	return nil
}

func (p RetryPolicy) withDefaults() RetryPolicy {
	return RetryPolicy{
		MaxAttempts:   cmp.Or(p.MaxAttempts, 3),
		BaseWait:      cmp.Or(p.BaseWait, 100*time.Millisecond),
		MaxWait:       cmp.Or(p.MaxWait, 5*time.Second),
		MaxRetryAfter: cmp.Or(p.MaxRetryAfter, 20*time.Second),
	}
}

// longestWait is the upper limit of the random wait after the attempt of that number.
func (p RetryPolicy) longestWait(number int, rateLimited bool) time.Duration {
	times := func(d time.Duration, factor int) time.Duration {
		if d > p.MaxWait/time.Duration(factor) {
			return p.MaxWait
		}
		return d * time.Duration(factor)
	}
	longest := min(p.BaseWait, p.MaxWait)
	if rateLimited {
		longest = times(longest, rateLimitedFactor)
	}
	for range min(number-1, 63) { // enough for any base
		longest = times(longest, 2)
	}
	return longest
}

// retrier makes the attempts of one call and keeps their history. The methods in retrydecide.go only read it; Attempt,
// Next and the methods that those call act on it and on what all calls share.
type retrier struct {
	*caller
	request request
	result  result // where an answer is decoded
	history history
	next    step
	stop    error // the context's or the limiter's, if that is why no further attempt is made
}

// history holds the results of a call's attempts.
type history struct {
	attempts     int
	last         attempt
	lastAnswered *attempt     // the last that failed with an answer
	unknown      bool         // one of them may have been applied
	switched     bool         // an attempt was moved to the other host
	connClosed   bool         // an attempt was repeated because the peer had closed its connection
	paid         bool         // the budget paid for the last attempt
	permanent    [2]bool      // hosts where another attempt would fail the same way
	notBefore    [2]time.Time // when the hosts that failed may be asked again, by their Retry-After

	timeChanged       bool          // an attempt was signed with another time, because RC had refused the first
	refusedCorrection time.Duration // of the time that RC had refused
}

// counted returns how many of the attempts count for RetryPolicy.MaxAttempts.
func (h *history) counted() int {
	if h.timeChanged {
		return h.attempts - 1
	}
	return h.attempts
}

// step says how the next attempt is made.
type step struct {
	host       failover.Choice
	correction time.Duration // of this machine's clock, for the signature
	newConn    bool          // it needs a new connection
	paid       bool          // the budget paid for it
	wait       time.Duration // how long the call waited before it
}

// run makes the attempts and returns nil or what went wrong as an *Error. The loop of retries is entered only if the
// first attempt failed.
func (r *retrier) run(ctx context.Context) error {
	r.Attempt(ctx)
	if !r.succeeded() && loop.Run(ctx, r) {
		r.stop = contextError(ctx)
	}
	r.refundBudget()
	if !r.succeeded() {
		return r.failure()
	}
	return nil
}

func (r *retrier) succeeded() bool {
	return r.stop == nil && r.history.attempts > 0 && !r.history.last.failed()
}

// refundBudget gives the budget its reward for a call that succeeded, and the price of a retry that was taken but not made.
func (r *retrier) refundBudget() {
	switch {
	case r.next.paid:
		r.budget.Refund()
	case !r.succeeded():
	case r.history.attempts == 1:
		r.budget.FirstSucceeded()
	case r.history.paid:
		r.budget.Refund()
	}
}

// Attempt implements [loop.Call]: it waits for the rate limit, makes an attempt, and applies its result to the clock, the
// choice of hosts and the user's hooks.
func (r *retrier) Attempt(ctx context.Context) {
	var began time.Time
	if r.observer.enabled() {
		began = time.Now()
	}
	if r.stop = r.waitForLimiter(ctx); r.stop != nil {
		return
	}
	start := time.Now()
	if r.observer.enabled() {
		r.next.wait += start.Sub(began)
	}
	h := &r.history
	if h.attempts++; h.attempts == 1 {
		mayProbe := !r.request.endpoint.notRepeated
		r.next.host, r.next.correction = r.hosts.Pick(mayProbe), r.sender.clock.Correction()
	}
	h.paid, r.next.paid = r.next.paid, false
	h.last = r.sender.attempt(ctx, &r.request, r.result, r.next, start)
	if h.last.failed() {
		r.keepFailure()
	}
	r.correctClock()
	r.reportHost(ctx)
	r.report(ctx, start)
}

// waitForLimiter returns why the attempt can't be made, if the context or the limiter is the reason.
func (r *retrier) waitForLimiter(ctx context.Context) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	err := r.limiter.Wait(ctx, r.limitedAttempt())
	switch {
	case err == nil && ctx.Err() == nil:
		return nil
	case err == nil:
		return contextError(ctx)
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return fmt.Errorf("the context ended before the rate limit let the call through: %w", contextError(ctx))
	}
	return fmt.Errorf("rate limit: %w", err)
}

// limitedAttempt describes an attempt of the call to the limiter.
func (r *retrier) limitedAttempt() LimitedAttempt {
	ep := &r.request.endpoint
	return LimitedAttempt{Endpoint: ep.path, PerSecond: ep.rate, Units: r.request.units, MaxUnits: max(1, ep.maxUnits)}
}

// keepFailure keeps what later attempts and the call's error need of the last attempt, and adds to its cause how far the
// machine's clock is off, if RC refused the signature.
func (r *retrier) keepFailure() {
	h := &r.history
	a := &h.last
	switch skew := clock.Skew(a.serverTime); {
	case skew == nil:
	case a.err == nil:
		a.err = skew
	default:
		a.err = fmt.Errorf("%w: %w", skew, a.err)
	}
	h.unknown = h.unknown || a.outcome() == Unknown
	host := a.host.Index
	if !a.answered() {
		h.permanent[host] = h.permanent[host] || permanent(a.err)
		return
	}
	if r.hostFailed() {
		h.notBefore[host] = time.Now().Add(a.answer.retryAfter)
	}
	answered := *a
	h.lastAnswered = &answered
}

// correctClock is for a call whose first signature RC refused. If RC accepted the other time, all calls use that from now
// on; if it refused both, all use this machine's clock as it is.
func (r *retrier) correctClock() {
	h := &r.history
	if !h.timeChanged || !h.last.answer.fromRC {
		return
	}
	correction := r.next.correction
	if h.last.answer.code == ErrSignature {
		correction = 0
	}
	r.sender.clock.Replace(h.refusedCorrection, correction)
}

// reportHost applies the last attempt's result to the choice of host that all calls share.
func (r *retrier) reportHost(ctx context.Context) {
	a := &r.history.last
	switch {
	case r.hostFailed():
		if r.hosts.Failed(a.host) {
			from := slog.String("from", r.sender.hostName(a.host))
			r.observer.warn(ctx, &r.request, "rcuser: switching to the other host", from)
		}
	case a.answer.fromRC:
		r.hosts.Succeeded(a.host)
	default:
		r.hosts.Abandoned(a.host)
	}
}

func (r *retrier) report(ctx context.Context, start time.Time) {
	if !r.observer.enabled() {
		return
	}
	a := &r.history.last
	r.observer.attempted(ctx, Attempt{
		Endpoint: r.request.endpoint.path, Host: r.sender.hostName(a.host), RequestID: r.request.id,
		Number: r.history.attempts, StatusCode: a.answer.status, Code: a.answer.code, Err: a.err,
		Wait: r.next.wait, Duration: time.Since(start),
	})
}

// Next implements [loop.Call]: it decides what follows the last attempt, and prepares it.
func (r *retrier) Next(ctx context.Context) (wait time.Duration, again bool) {
	if r.stop != nil || !r.history.last.failed() {
		return 0, false
	}
	wait, tooLong := r.nextWait()
	if r.history.last.answer.rateLimited() {
		r.limiter.Pause(r.request.endpoint.path, wait)
	}
	again, r.stop = r.decide(ctx, wait, tooLong)
	if !again {
		return 0, false
	}
	free := r.free()
	if !free && !r.takeFromBudget(ctx) {
		return 0, false
	}
	r.planNext(wait)
	r.next.paid = !free
	return wait, true
}

// takeFromBudget takes a retry from the client's budget, and reports whether there was one.
func (r *retrier) takeFromBudget(ctx context.Context) bool {
	ok, first := r.budget.Take()
	if first {
		r.observer.warn(ctx, &r.request, "rcuser: no retries for now, the client's budget for them is empty")
	}
	return ok
}

// planNext sets the next attempt's host, connection and time.
func (r *retrier) planNext(wait time.Duration) {
	h := &r.history
	next := step{newConn: h.last.connClosed, wait: wait}
	if other, ok := r.otherTime(); ok {
		h.timeChanged, h.refusedCorrection = true, r.next.correction
		next.correction = other
	} else if h.timeChanged {
		next.correction = r.next.correction
	} else {
		next.correction = r.sender.clock.Correction()
	}
	h.connClosed = h.connClosed || h.last.connClosed
	if r.leavesHost() {
		next.host, h.switched = r.hosts.Other(h.last.host), true
	} else {
		next.host = r.hosts.Again(h.last.host)
		if h.permanent[next.host.Index] {
			next.host = r.hosts.Other(next.host)
		}
	}
	r.next = next
}

// failure returns the call's error: the last answer, and the last attempt's cause.
func (r *retrier) failure() *Error {
	h := &r.history
	e := &Error{
		Endpoint: r.request.endpoint.path, RequestID: r.request.id, Attempts: h.attempts, Outcome: NotApplied, Err: r.stop,
	}
	if h.attempts > 0 {
		e.Host = r.sender.hostName(h.last.host)
	}
	if h.unknown {
		e.Outcome = Unknown
	}
	if h.last.err != nil {
		e.Err = h.last.err
		if r.stop != nil {
			e.Err = fmt.Errorf("%w: %w", r.stop, h.last.err)
		}
	}
	if h.lastAnswered != nil {
		a := &h.lastAnswered.answer
		e.Host = r.sender.hostName(h.lastAnswered.host)
		e.StatusCode, e.Code, e.Message = a.status, a.code, a.message
		e.RetryAfter, e.Body = a.retryAfter, a.excerpt
	}
	return e
}
