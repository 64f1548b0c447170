package rcuser

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter paces a client's attempts, so that they stay within the rates at which RC accepts calls. The SDK's own
// works within the process; an implementation may share the rates of an app among several. Implementations are safe
// for concurrent use.
type Limiter interface {
	// Wait returns when the attempt may be sent, or at once with an error that matches ctx's, or
	// context.DeadlineExceeded if ctx would end first: the call then ends, having sent nothing more.
	Wait(ctx context.Context, attempt LimitedAttempt) error
	// Pause is called when RC refused a call of the endpoint as one too many: nothing more should be sent to it
	// before d has passed.
	Pause(endpoint string, d time.Duration)
}

// LimitedAttempt is what a [Limiter] needs to know of an attempt.
type LimitedAttempt struct {
	Endpoint  string // the path
	PerSecond int    // the rate at which RC accepts calls of it or, for some endpoints, ids
	Units     int    // what this attempt counts: 1, or its ids
	MaxUnits  int    // the most that an attempt of the endpoint can count
}

// fullRate is what is used of RC's rate: the two clocks differ, and RC's limiter is not known to forgive a burst.
func (a LimitedAttempt) fullRate() rate.Limit { return rate.Limit(float64(a.PerSecond) * 0.98) }

// NoLimit never waits.
var NoLimit Limiter = noLimit{}

type noLimit struct{}

func (noLimit) Wait(context.Context, LimitedAttempt) error { return nil }
func (noLimit) Pause(string, time.Duration)                {}

// processLimiter is the default: it spaces the attempts of each endpoint evenly, and adapts where calls are refused.
type processLimiter struct{ endpoints sync.Map } // of string to *endpointLimiter

type endpointLimiter struct {
	tokens *rate.Limiter
	full   rate.Limit

	mu          sync.Mutex
	pausedUntil time.Time
	slowedAt    time.Time // when the rate was lowered last
	raisedAt    time.Time // when it was adjusted last
}

// A refused call means that others use the app's rate too: this process then takes less of it, and slowly tries for more.
const (
	slowDown    = 0.75        // of the rate that was too much
	slowDownGap = time.Second // calls in flight are refused for the same reason
	recovery    = 0.01        // of the full rate a second
	leastShare  = 0.02        // of the full rate
)

func (l *processLimiter) Wait(ctx context.Context, a LimitedAttempt) error {
	e := l.endpoint(a)
	for {
		if err := sleepUntil(ctx, e.pauseEnd()); err != nil {
			return err
		}
		e.speedUp()
		if err := e.tokens.WaitN(ctx, a.Units); err != nil {
			if ctx.Err() != nil {
				return contextError(ctx)
			}
			return fmt.Errorf("the wait for one of %d a second would be too long: %w", a.PerSecond, context.DeadlineExceeded)
		}
		if !time.Now().Before(e.pauseEnd()) { // else RC refused another's call while this one waited
			return nil
		}
	}
}

func (l *processLimiter) Pause(endpoint string, d time.Duration) {
	e, ok := l.endpoints.Load(endpoint)
	if !ok {
		return // nothing was sent to it yet
	}
	limiter := e.(*endpointLimiter)
	limiter.mu.Lock()
	defer limiter.mu.Unlock()
	now := time.Now()
	if until := now.Add(d); until.After(limiter.pausedUntil) {
		limiter.pausedUntil = until
	}
	if now.Sub(limiter.slowedAt) >= slowDownGap {
		limiter.slowedAt, limiter.raisedAt = now, now
		limiter.tokens.SetLimit(max(limiter.tokens.Limit()*slowDown, limiter.full*leastShare))
	}
}

// speedUp raises a lowered rate by what the time since allows.
func (e *endpointLimiter) speedUp() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if limit := e.tokens.Limit(); limit < e.full {
		now := time.Now()
		e.tokens.SetLimit(min(e.full, limit+e.full*recovery*rate.Limit(now.Sub(e.raisedAt).Seconds())))
		e.raisedAt = now
	}
}

func (l *processLimiter) endpoint(a LimitedAttempt) *endpointLimiter {
	if known, ok := l.endpoints.Load(a.Endpoint); ok {
		e := known.(*endpointLimiter)
		e.allow(a)
		return e
	}
	full := a.fullRate()
	e, _ := l.endpoints.LoadOrStore(a.Endpoint, &endpointLimiter{full: full, tokens: rate.NewLimiter(full, a.MaxUnits)})
	return e.(*endpointLimiter)
}

// allow takes what a method knows about its endpoint, if it was Client.Call that came first, which knows nothing.
func (e *endpointLimiter) allow(a LimitedAttempt) {
	full := a.fullRate()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.tokens.Burst() < a.MaxUnits {
		e.tokens.SetBurst(a.MaxUnits)
	}
	if e.full < full {
		e.full = full
		e.tokens.SetLimit(full)
	}
}

func (e *endpointLimiter) pauseEnd() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.pausedUntil
}

// sleepUntil fails at once if ctx would end first.
func sleepUntil(ctx context.Context, at time.Time) error {
	wait := time.Until(at)
	if wait <= 0 {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(at) {
		return fmt.Errorf("RC's rate limit asks to wait %v: %w", wait, context.DeadlineExceeded)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return contextError(ctx)
	case <-timer.C:
		return nil
	}
}
