package rcuser

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter delays a client's attempts so that they stay within the rates at which RC accepts calls. The default one covers
// the client alone; another implementation may share an app's rates among processes. Implementations must be safe for
// concurrent use.
type Limiter interface {
	// Wait returns nil when the attempt may be sent. It returns an error that matches ctx's as soon as ctx ends, and one
	// that matches context.DeadlineExceeded at once if ctx's deadline would pass first. An error ends the call without
	// another attempt.
	Wait(ctx context.Context, attempt LimitedAttempt) error
	// Pause is called when RC refused a call because the endpoint's rate was exceeded: nothing more should be sent to
	// the endpoint for d.
	Pause(endpoint string, d time.Duration)
}

// LimitedAttempt describes an attempt to a [Limiter].
type LimitedAttempt struct {
	Endpoint  string // the path
	PerSecond int    // units that RC accepts a second; a unit is a call or, for some endpoints, an id
	Units     int    // the units of this attempt
	MaxUnits  int    // the most units that an attempt of the endpoint can have
}

// fullRate is 98 % of RC's rate: the two clocks differ, and RC may not tolerate bursts.
func (a LimitedAttempt) fullRate() rate.Limit { return rate.Limit(float64(a.PerSecond) * 0.98) }

// NoLimit is a Limiter that never waits.
var NoLimit Limiter = noLimit{}

type noLimit struct{}

func (noLimit) Wait(context.Context, LimitedAttempt) error { return nil }
func (noLimit) Pause(string, time.Duration)                {}

// processLimiter is the default: it spaces the attempts of each endpoint evenly, and lowers the rate of an endpoint while
// RC refuses its calls.
type processLimiter struct{ endpoints sync.Map } // of string to *endpointLimiter

type endpointLimiter struct {
	tokens *rate.Limiter
	full   rate.Limit

	mu          sync.Mutex
	pausedUntil time.Time
	loweredAt   time.Time // when the rate was last lowered
	adjustedAt  time.Time // when it was last lowered or raised
}

// A refused call means that other processes use the app's rate too. The rate is then lowered, and raised again slowly.
const (
	lowerFactor   = 0.75        // of the current rate
	lowerInterval = time.Second // at least, between two times: calls in flight are refused for the same reason
	raisePerSec   = 0.01        // of the full rate
	minShare      = 0.02        // of the full rate
)

func (l *processLimiter) Wait(ctx context.Context, a LimitedAttempt) error {
	e := l.endpoint(a)
	for {
		if err := sleepUntil(ctx, e.pauseEnd()); err != nil {
			return err
		}
		e.raise()
		if err := e.tokens.WaitN(ctx, a.Units); err != nil {
			if ctx.Err() != nil {
				return contextError(ctx)
			}
			return fmt.Errorf("the wait for one of %d a second would be too long: %w", a.PerSecond, context.DeadlineExceeded)
		}
		if !time.Now().Before(e.pauseEnd()) { // otherwise RC refused another call meanwhile
			return nil
		}
	}
}

func (l *processLimiter) Pause(endpoint string, d time.Duration) {
	e, ok := l.endpoints.Load(endpoint)
	if !ok {
		return // no attempt has been sent to it
	}
	limiter := e.(*endpointLimiter)
	limiter.mu.Lock()
	defer limiter.mu.Unlock()
	now := time.Now()
	if until := now.Add(d); until.After(limiter.pausedUntil) {
		limiter.pausedUntil = until
	}
	if now.Sub(limiter.loweredAt) >= lowerInterval {
		limiter.loweredAt, limiter.adjustedAt = now, now
		limiter.tokens.SetLimit(max(limiter.tokens.Limit()*lowerFactor, limiter.full*minShare))
	}
}

// raise increases a lowered rate by what the time since its last adjustment allows.
func (e *endpointLimiter) raise() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if limit := e.tokens.Limit(); limit < e.full {
		now := time.Now()
		e.tokens.SetLimit(min(e.full, limit+e.full*raisePerSec*rate.Limit(now.Sub(e.adjustedAt).Seconds())))
		e.adjustedAt = now
	}
}

func (l *processLimiter) endpoint(a LimitedAttempt) *endpointLimiter {
	if loaded, ok := l.endpoints.Load(a.Endpoint); ok {
		e := loaded.(*endpointLimiter)
		e.widen(a)
		return e
	}
	full := a.fullRate()
	e, _ := l.endpoints.LoadOrStore(a.Endpoint, &endpointLimiter{full: full, tokens: rate.NewLimiter(full, a.MaxUnits)})
	return e.(*endpointLimiter)
}

// widen adopts a higher rate or more units: the endpoint's first call may have been made by Client.Call, which doesn't
// know them.
func (e *endpointLimiter) widen(a LimitedAttempt) {
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

// sleepUntil returns at a time, when ctx ends, or at once with an error if ctx's deadline comes first.
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
