package rcuser

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"time"

	"github.com/f0207b22/rcuser/internal/clock"
	"github.com/f0207b22/rcuser/internal/failover"
	"github.com/f0207b22/rcuser/internal/loop"
)

// RetryPolicy says how often a call is attempted and how long it waits in between. The zero value of a field selects its
// default.
//
// A call is repeated if nothing was sent, or after HTTP 429, [ErrRateLimited], [ErrInternal], [ErrTimeout], any HTTP
// 5xx, a timeout of the attempt, a broken connection, or an answer that can't be understood: every method but
// [Client.Call] is safe to repeat. A call never waits past its context's deadline: if a wait doesn't fit, the call fails
// at once.
//
// After a failed connection, a timeout, a broken answer or an HTTP 5xx, the call's next attempt goes to the data center's
// other host, the first time without a wait unless the answer has a Retry-After. All calls then prefer that host. They
// switch at most every 30 s, and one call tries the primary again after 5 minutes. If the peer had already closed a
// reused connection, the host isn't blamed: the attempt is repeated at once on a new connection. An attempt that was
// refused with [ErrSignature] while this machine's clock is more than 4 minutes off is repeated once, at once, with the
// time of RC's answer.
//
// A client has a budget of 100 retries while nothing succeeds; it refills as calls succeed. While it is empty, calls fail
// after their first attempt, so that an outage isn't made worse.
type RetryPolicy struct {
	// MaxAttempts counts the first attempt too. Zero means 3; 1 turns retries off.
	MaxAttempts int

	// BaseWait sets the waits: random between 0 and BaseWait, then 2 BaseWait, 4 BaseWait and so on; ten times that
	// after HTTP 429 or ErrRateLimited. Zero means 100 ms.
	BaseWait time.Duration

	// MaxWait limits these waits. Zero means 5 s.
	MaxWait time.Duration

	// MaxRetryAfter is the longest Retry-After that a call waits for; a longer one ends the call. Zero means 20 s.
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

// retrier makes the attempts of one call and keeps their history. decide, repeatable, hostFailed and nextWait only read
// it; Attempt, Next and the methods that those call act on it and on what all calls share.
type retrier struct {
	*caller
	request request
	result  result // where an answer is decoded
	history history
	next    step
	stop    error // why no further attempt is made, if the last one's result doesn't say it: the context or the limiter
}

// history holds the results of a call's attempts.
type history struct {
	attempts     int
	last         attempt
	lastAnswered *attempt // the last that failed with an answer
	unknown      bool     // one of them may have been applied
	switched     bool     // an attempt was moved to the other host
	clockFixed   bool     // a signature was made anew with a corrected time
}

// step is what an attempt is to do.
type step struct {
	host    failover.Choice
	newConn bool          // on a new connection
	wait    time.Duration // before it
}

// run makes the attempts and returns nil or what went wrong as an *Error. The loop of retries is entered only if the
// first attempt failed.
func (r *retrier) run(ctx context.Context) error {
	r.Attempt(ctx)
	if !r.succeeded() && loop.Run(ctx, r) {
		r.stop = contextError(ctx)
	}
	if !r.succeeded() {
		return r.failure()
	}
	r.refundBudget()
	return nil
}

func (r *retrier) succeeded() bool {
	return r.stop == nil && r.history.attempts > 0 && !r.history.last.failed()
}

func (r *retrier) refundBudget() {
	if r.history.attempts == 1 {
		r.budget.FirstSucceeded()
	} else {
		r.budget.RetrySucceeded()
	}
}

// Attempt implements [loop.Call]: it waits for the rate limit, makes an attempt, and applies its result to the clock, the
// choice of hosts and the user's hooks.
func (r *retrier) Attempt(ctx context.Context) {
	var began time.Time
	if r.observer.enabled() {
		began = time.Now()
	}
	if err := r.limiter.Wait(ctx, r.limitedAttempt()); err != nil {
		r.stop = fmt.Errorf("rate limit: %w", err)
		return
	}
	if ctx.Err() != nil {
		r.stop = contextError(ctx)
		return
	}
	start := time.Now()
	if r.observer.enabled() {
		r.next.wait += start.Sub(began)
	}
	h := &r.history
	if h.attempts++; h.attempts == 1 {
		r.next.host = r.hosts.Pick()
	}
	h.last = r.sender.attempt(ctx, &r.request, r.result, r.next, start)
	if h.last.failed() {
		r.correctClock()
		h.unknown = h.unknown || h.last.outcome() == Unknown
		if h.last.answered() {
			answered := h.last
			h.lastAnswered = &answered
		}
	}
	r.reportHost(ctx)
	r.report(ctx, start)
}

// limitedAttempt describes an attempt of the call to the limiter.
func (r *retrier) limitedAttempt() LimitedAttempt {
	ep := &r.request.endpoint
	return LimitedAttempt{Endpoint: ep.path, PerSecond: ep.rate, Units: r.request.units, MaxUnits: max(1, ep.maxUnits)}
}

// correctClock corrects the clock by an answer that refused the signature, and adds to its cause how far the machine's
// clock is off.
func (r *retrier) correctClock() {
	a := &r.history.last
	if a.badClock() {
		r.sender.clock.Set(a.serverTime)
	}
	switch skew := clock.Skew(a.serverTime); {
	case skew == nil:
	case a.err == nil:
		a.err = skew
	default:
		a.err = fmt.Errorf("%w: %w", skew, a.err)
	}
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
	case a.abandoned || !a.answered():
		r.hosts.Abandoned(a.host)
	default:
		r.hosts.Succeeded(a.host)
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
	if !again || !r.takeFromBudget(ctx) {
		return 0, false
	}
	r.planNext(wait)
	return wait, true
}

// decide says whether another attempt may follow after a wait and, if the context is the reason that none does, why. It
// changes nothing.
func (r *retrier) decide(ctx context.Context, wait time.Duration, tooLong bool) (again bool, stop error) {
	ended := contextEnd(ctx)
	switch {
	case !r.repeatable():
		return false, nil
	case ended != nil && r.history.last.abandoned:
		return false, nil // the attempt's own error says so
	case ended != nil:
		return false, ended
	case tooLong || r.history.attempts >= r.retry.MaxAttempts:
		return false, nil
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false, fmt.Errorf("no time to wait %v for the next attempt: %w", wait, context.DeadlineExceeded)
	}
	return true, nil
}

// repeatable reports whether the last attempt's failure allows another.
func (r *retrier) repeatable() bool {
	switch a := &r.history.last; {
	case a.final:
		return false
	case !a.sent:
		return true
	case a.badClock():
		return !r.history.clockFixed && !r.request.endpoint.notRepeated
	case a.outcome() == NotApplied:
		return a.answer.rateLimited()
	}
	return !r.request.endpoint.notRepeated
}

// hostFailed reports whether the last attempt's host should be left: no connection, a timeout, a 5xx, or an answer that
// isn't RC's. An answer that only the caller of [Client.Call] can't decode is RC's all the same.
func (r *retrier) hostFailed() bool {
	switch a := &r.history.last; {
	case a.final || a.abandoned || a.connClosed:
		return false
	case !a.answered() || a.answer.status >= 500:
		return true
	default:
		broken := a.answer.problem != nil && a.answer.status < 300
		return broken && (!a.answer.valid || !r.request.endpoint.notRepeated)
	}
}

// nextWait returns the wait before the next attempt, and whether RC asks for a longer one than allowed.
func (r *retrier) nextWait() (wait time.Duration, tooLong bool) {
	a, asked := &r.history.last, r.history.last.answer.retryAfter
	if asked > r.retry.MaxRetryAfter {
		return r.retry.MaxRetryAfter, true
	}
	firstOnOtherHost := r.hostFailed() && !r.history.switched && len(r.sender.bases) > 1
	if a.connClosed || a.badClock() || firstOnOtherHost {
		return asked, false
	}
	longest := r.retry.longestWait(r.history.attempts, a.answer.rateLimited())
	jitter := rand.N(min(longest, math.MaxInt64-1) + 1) //nolint:gosec // jitter needs no secrecy
	return max(asked, jitter), false
}

// takeFromBudget takes a retry from the client's budget, and reports whether there was one.
func (r *retrier) takeFromBudget(ctx context.Context) bool {
	ok, first := r.budget.Take()
	if first {
		r.observer.warn(ctx, &r.request, "rcuser: no retries for now, the client's budget for them is empty")
	}
	return ok
}

// planNext sets the next attempt's host and connection.
func (r *retrier) planNext(wait time.Duration) {
	h := &r.history
	h.clockFixed = h.clockFixed || h.last.badClock()
	r.next = step{newConn: h.last.connClosed, wait: wait}
	if r.hostFailed() {
		r.next.host, h.switched = r.hosts.Other(h.last.host), true
	} else {
		r.next.host = r.hosts.Same(h.last.host)
	}
}

// failure returns the call's error: the last answer, and the last attempt's cause.
func (r *retrier) failure() *Error {
	h := &r.history
	e := &Error{
		Endpoint: r.request.endpoint.path, Host: r.sender.hostName(h.last.host),
		RequestID: r.request.id, Attempts: h.attempts, Outcome: NotApplied, Err: r.stop,
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
