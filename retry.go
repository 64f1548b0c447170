package rcuser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/f0207b22/rcuser/internal/failover"
)

// RetryPolicy says how often and how long a call tries. The zero value of a field is its default.
//
// A call is repeated if nothing was sent, or after HTTP 429, [ErrRateLimited], [ErrInternal], [ErrTimeout], any HTTP
// 5xx, a timeout of the attempt, a connection that broke, or an answer that can't be understood: every method but
// [Client.Call] is safe to repeat. A call never sleeps past its context's deadline: a wait that can't fit ends it at once.
//
// When a host gives no connection, no answer in time, a broken one or an HTTP 5xx, the call's next attempt goes to the
// data center's other host, the first time without a wait of our own. All calls then prefer that host; they switch at
// most every 30 s, and try the primary again with one call after 5 minutes. A kept connection that turns out closed is
// no such reason: the attempt is repeated at once on a new one. So is, once, an attempt refused with [ErrSignature]
// when this machine's clock is more than 4 minutes off, with RC's time.
//
// A client has a budget for retries: 100 while nothing succeeds. It refills as calls succeed. While it is empty,
// calls fail after their first attempt, so that an outage isn't made worse.
type RetryPolicy struct {
	MaxAttempts   int           // in all; 0 = 3, 1 = no retries
	BaseWait      time.Duration // waits are random between 0 and BaseWait, 2 BaseWait, 4 BaseWait ..., from ten times that after HTTP 429 or ErrRateLimited; 0 = 100 ms
	MaxWait       time.Duration // no wait of our own is longer; 0 = 5 s
	MaxRetryAfter time.Duration // a longer Retry-After ends the call, a shorter one is waited for; 0 = 20 s
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
	if p.MaxAttempts == 0 {
		p.MaxAttempts = 3
	}
	if p.BaseWait == 0 {
		p.BaseWait = 100 * time.Millisecond
	}
	if p.MaxWait == 0 {
		p.MaxWait = 5 * time.Second
	}
	if p.MaxRetryAfter == 0 {
		p.MaxRetryAfter = 20 * time.Second
	}
	return p
}

// longestWait is what a wait after the attempt of that number is drawn from.
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

// repeater makes the attempts of one call. The loop is retryablehttp's, every decision in it is taken here.
type repeater struct {
	client    *Client
	endpoint  endpoint
	units     int // of the rate limit
	body      []byte
	requestID string
	result    result

	number       int             // attempts made
	next         failover.Choice // the host of the next attempt
	switched     bool            // another host than the first one's was chosen already
	fresh        bool            // the next attempt needs a new connection
	resigned     bool            // a signature was made anew for a corrected time already
	last         attempt         // of those made
	lastAnswered attempt         // the last that got an answer
	unknown      bool            // one of them may have been applied
	wait         time.Duration   // before the next one
	waiting      bool            // between two attempts
	stop         error           // why there is no further one, if it isn't the last one's result

	// These are here to be allocated together with the rest.
	http     http.Client
	loop     retryablehttp.Client
	response http.Response
}

// run returns nil or what went wrong as an *Error.
func (r *repeater) run(ctx context.Context) error {
	r.http.Transport = r // whose answers are no redirects to it: they have no Location
	r.loop.HTTPClient = &r.http
	r.loop.RetryMax = r.client.retry.MaxAttempts - 1
	r.loop.CheckRetry = r.checkRetry
	r.loop.Backoff = func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return r.wait }
	r.loop.ErrorHandler = passError
	req := &http.Request{Method: http.MethodPost, URL: r.client.bases[0], Header: noHeader}
	_, err := r.loop.Do(&retryablehttp.Request{Request: req.WithContext(ctx)}) //nolint:bodyclose // it is empty
	switch {
	case r.waiting: // the context ended first
		r.stop = contextError(ctx)
	case r.number > 0 && r.stop == nil && !r.last.failed():
		r.reward()
		return nil
	case r.number == 0 && r.stop == nil:
		r.stop = err
	}
	return r.failure()
}

// noHeader stays empty: attempts have their own headers.
var noHeader = http.Header{}

// passError is all that is left to do at the end: RoundTrip noted what counts, and there is no body to close.
func passError(_ *http.Response, err error, _ int) (*http.Response, error) { return nil, err }

func (r *repeater) reward() {
	if r.number == 1 {
		r.client.budget.FirstSucceeded()
	} else {
		r.client.budget.RetrySucceeded()
	}
}

// demand is what the limiter is asked for.
func (r *repeater) demand() LimitedAttempt {
	return LimitedAttempt{
		Endpoint: r.endpoint.path, PerSecond: r.endpoint.rate, Units: r.units, MaxUnits: max(1, r.endpoint.maxUnits),
	}
}

// checkRetry decides on the attempt that RoundTrip noted, whatever the loop saw of it.
func (r *repeater) checkRetry(ctx context.Context, _ *http.Response, _ error) (bool, error) {
	if r.stop != nil || r.number == 0 || !r.last.failed() {
		return false, nil
	}
	wait, patient := r.nextWait()
	if r.last.answer.rateLimited() {
		r.client.limiter.Pause(r.endpoint.path, wait)
	}
	if !r.repeatable() {
		return false, nil
	}
	if ctx.Err() != nil {
		if !errors.Is(r.last.err, ctx.Err()) {
			r.stop = contextError(ctx)
		}
		return false, nil
	}
	if !patient || r.number >= r.client.retry.MaxAttempts {
		return false, nil
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		r.stop = fmt.Errorf("no time to wait %v for the next attempt: %w", wait, context.DeadlineExceeded)
		return false, nil
	}
	ok, news := r.client.budget.Take()
	if news {
		r.warn(ctx, "rcuser: no retries for now, the client's budget for them is empty")
	}
	if !ok {
		return false, nil
	}
	r.prepare()
	r.wait, r.waiting = wait, true
	return true, nil
}

// repeatable reports whether the last attempt's failure allows another.
func (r *repeater) repeatable() bool {
	switch a := &r.last; {
	case a.final:
		return false
	case !a.sent:
		return true
	case a.skewed:
		return !r.resigned && !r.endpoint.notRepeated
	case a.outcome() == NotApplied:
		return a.answer.rateLimited()
	}
	return !r.endpoint.notRepeated
}

// prepare chooses where the next attempt goes, and what it must do without.
func (r *repeater) prepare() {
	r.resigned = r.resigned || r.last.skewed
	r.fresh = r.last.stale
	if r.inTrouble() {
		r.next, r.switched = r.client.hosts.Other(r.last.host), true
	} else {
		r.next = r.client.hosts.Same(r.last.host)
	}
}

// inTrouble reports whether the last attempt's host should be left: no connection, a timeout, a 5xx, an answer that
// isn't RC's. What a caller of Client.Call can't decode is RC's all the same.
func (r *repeater) inTrouble() bool {
	switch a := &r.last; {
	case a.final || a.abandoned || a.stale:
		return false
	case !a.answered() || a.answer.status >= 500:
		return true
	default:
		broken := a.answer.fault != nil && a.answer.status < 300
		return broken && (!a.answer.valid || !r.endpoint.notRepeated)
	}
}

// reportHost tells what the last attempt means for all calls' choice of host.
func (r *repeater) reportHost(ctx context.Context) {
	hosts, choice := r.client.hosts, r.last.host
	switch {
	case r.inTrouble():
		if hosts.Failed(choice) {
			r.warn(ctx, "rcuser: switching to the other host", slog.String("from", r.client.bases[choice.Index].Host))
		}
	case r.last.abandoned || !r.last.answered():
		hosts.Abandoned(choice)
	default:
		hosts.Succeeded(choice)
	}
}

// nextWait returns the wait before the next attempt; false means that RC asks for more patience than allowed.
func (r *repeater) nextWait() (time.Duration, bool) {
	policy, asked := r.client.retry, r.last.answer.retryAfter
	if asked > policy.MaxRetryAfter {
		return policy.MaxRetryAfter, false
	}
	firstOnOtherHost := r.inTrouble() && !r.switched && len(r.client.bases) > 1
	if r.last.stale || r.last.skewed || firstOnOtherHost {
		return asked, true
	}
	wait := rand.N(min(policy.longestWait(r.number, r.last.answer.rateLimited()), math.MaxInt64-1) + 1) //nolint:gosec // jitter needs no secrecy
	return max(asked, wait), true
}

// failure is the call's error: the last answer, and the last attempt's cause.
func (r *repeater) failure() *Error {
	e := &Error{
		Endpoint:  r.endpoint.path,
		Host:      r.client.bases[r.last.host.Index].Host,
		RequestID: r.requestID,
		Attempts:  r.number,
		Outcome:   NotApplied,
		Err:       r.stop,
	}
	if r.unknown {
		e.Outcome = Unknown
	}
	if r.last.err != nil {
		e.Err = r.last.err
		if r.stop != nil {
			e.Err = fmt.Errorf("%w: %w", r.stop, r.last.err)
		}
	}
	if a := r.lastAnswered.answer; a.status != 0 {
		e.Host = r.client.bases[r.lastAnswered.host.Index].Host
		e.StatusCode, e.Code, e.Message = a.status, a.code, a.message
		e.RetryAfter, e.Body = a.retryAfter, a.excerpt
	}
	return e
}

// warn is for what concerns more than one call.
func (r *repeater) warn(ctx context.Context, message string, attrs ...slog.Attr) {
	if r.client.logger != nil {
		attrs = append(attrs, slog.String("endpoint", r.endpoint.path), slog.String("request_id", r.requestID))
		r.client.logger.LogAttrs(ctx, slog.LevelWarn, message, attrs...)
	}
}
