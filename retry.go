package rcuser

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// RetryPolicy says how often and how long a call tries. The zero value of a field is its default.
//
// Repeated is what was never sent, HTTP 429, [ErrRateLimited], [ErrInternal], [ErrTimeout], any HTTP 5xx, a timeout
// of the attempt, a connection that broke and an answer that can't be understood: every method but [Client.Call] is
// safe to repeat. A call never sleeps past its context's deadline: a wait that can't fit ends it at once.
type RetryPolicy struct {
	MaxAttempts   int           // in all; 0 = 3, 1 = no retries
	BaseWait      time.Duration // waits are random between 0 and BaseWait, 2 BaseWait, 4 BaseWait ..., from ten times that after HTTP 429 or ErrRateLimited; 0 = 100 ms
	MaxWait       time.Duration // no wait of our own is longer; 0 = 5 s
	MaxRetryAfter time.Duration // a longer Retry-After ends the call, a shorter one is kept; 0 = 20 s
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
	longest := times(p.BaseWait, 1)
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
	decode    func([]byte) error

	number       int           // attempts made
	last         *attempt      // of them
	lastAnswered *attempt      // the last that got an answer
	unknown      bool          // one of them may have been applied
	wait         time.Duration // before the next one
	waiting      bool          // between two attempts
	stop         error         // why there is no further one, if it isn't the last one's result
}

// run returns nil or what went wrong as an *Error.
func (r *repeater) run(ctx context.Context) error {
	loop := &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     r,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax:   r.client.retry.MaxAttempts - 1,
		CheckRetry: r.checkRetry,
		Backoff:    func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return r.wait },
		// What counts was noted by RoundTrip; there is no body to close.
		ErrorHandler: func(_ *http.Response, err error, _ int) (*http.Response, error) { return nil, err },
	}
	req := &http.Request{Method: http.MethodPost, URL: r.client.host, Header: http.Header{}}
	_, err := loop.Do(&retryablehttp.Request{Request: req.WithContext(ctx)}) //nolint:bodyclose // it is empty
	switch {
	case r.waiting: // the context ended first
		r.stop = contextError(ctx)
	case r.last != nil && r.stop == nil && !r.last.failed():
		return nil
	case r.last == nil && r.stop == nil:
		r.stop = err
	}
	return r.failure()
}

// checkRetry decides on the attempt that RoundTrip noted, whatever the loop saw of it.
func (r *repeater) checkRetry(ctx context.Context, _ *http.Response, _ error) (bool, error) {
	if r.stop != nil || r.last == nil || !r.last.failed() || !r.repeatable() {
		return false, nil
	}
	if ctx.Err() != nil {
		if !errors.Is(r.last.err, ctx.Err()) {
			r.stop = contextError(ctx)
		}
		return false, nil
	}
	if r.number >= r.client.retry.MaxAttempts {
		return false, nil
	}
	wait, ok := r.nextWait()
	if !ok {
		return false, nil
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		r.stop = fmt.Errorf("no time to wait %v for the next attempt: %w", wait, context.DeadlineExceeded)
		return false, nil
	}
	r.wait, r.waiting = wait, true
	return true, nil
}

// repeatable reports whether the last attempt's failure allows another.
func (r *repeater) repeatable() bool {
	switch a := r.last; {
	case a.final:
		return false
	case !a.sent, a.answer != nil && a.answer.rateLimited():
		return true
	case a.outcome() == NotApplied:
		return false
	}
	return !r.endpoint.notRepeated
}

// nextWait draws the wait before the next attempt; false means that RC asks for more patience than allowed.
func (r *repeater) nextWait() (time.Duration, bool) {
	policy, asked, limited := r.client.retry, time.Duration(0), false
	if a := r.last.answer; a != nil {
		asked, limited = a.retryAfter, a.rateLimited()
	}
	if asked > policy.MaxRetryAfter {
		return 0, false
	}
	wait := rand.N(min(policy.longestWait(r.number, limited), math.MaxInt64-1) + 1) //nolint:gosec // jitter needs no secrecy
	return max(asked, wait), true
}

// failure is the call's error: the last answer, and the last attempt's cause.
func (r *repeater) failure() *Error {
	e := &Error{
		Endpoint:  r.endpoint.path,
		Host:      r.client.host.Host,
		RequestID: r.requestID,
		Attempts:  r.number,
		Outcome:   NotApplied,
		Err:       r.stop,
	}
	if r.unknown {
		e.Outcome = Unknown
	}
	if r.last != nil && r.last.err != nil {
		e.Err = r.last.err
		if r.stop != nil {
			e.Err = fmt.Errorf("%w: %w", r.stop, r.last.err)
		}
	}
	if r.lastAnswered != nil {
		a := r.lastAnswered.answer
		e.Host, e.StatusCode, e.Code, e.Message = r.lastAnswered.host, a.status, a.code, a.message
		e.RetryAfter, e.Body = a.retryAfter, a.excerpt
	}
	return e
}
