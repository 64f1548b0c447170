package rcuser

import (
	"context"
	"math"
	"sync"
	"time"
)

// Limiter delays a client's attempts so that they stay within the rates at which RC accepts calls. [NewLimiter] makes the
// SDK's own, which covers one process alone; another implementation may share an app's rates among processes.
// Implementations must be safe for concurrent use.
type Limiter interface {
	// Wait returns nil when the attempt may be sent. It returns an error that matches ctx.Err() as soon as ctx ends, and one
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
	MaxUnits  int    // the most units that an attempt of the endpoint can have; for Client.Call those of this one
}

// NoLimit is a Limiter that never waits.
var NoLimit Limiter = noLimit{}

type noLimit struct{}

func (noLimit) Wait(context.Context, LimitedAttempt) error { return nil }
func (noLimit) Pause(string, time.Duration)                {}

// LimiterOptions configures [NewLimiter].
type LimiterOptions struct {
	// Share is this process's part of the app's rates, above 0 and at most 1; zero means 1. Eight processes with a Share
	// of 1.0/8 each stay within the rates together. The part of an endpoint's units a second is rounded down to a whole
	// number if it is at least 1. An attempt with more units than the part, such as one that deactivates 100 users, is
	// sent all the same, and delays the next one until it is paid for.
	Share float64
}

// NewLimiter returns the limiter that a client has if [Config].Limiter is nil, or one for a part of the app's rates. A
// limiter can be shared by the clients of one app, and wrapped by another Limiter.
//
// The attempts of each endpoint start in the order of their Waits; one whose ctx ends uses nothing of the rate. They are
// spaced evenly: after n units the next attempt starts n/PerSecond seconds later, and within any second at most PerSecond
// units start, whatever the sizes of the attempts, unless one alone has more; both at 98 % of PerSecond. If attempts of an
// endpoint differ in PerSecond, the highest value so far applies.
//
// A refused call means that other processes use the app's rates too. The endpoint is then paused, and its rate lowered to
// 80 %, or to 50 % if it had been lowered less than 5 s before; at most once a second and not below 2 % of the full rate.
// It recovers on a cubic curve, slowly around the rate at which RC refused: within 1 minute after one refused call, and
// about 2 after many. Eight processes that call as fast as they can settle within 20 s; RC then refuses about 0.4 % of
// their calls.
//
// A Share outside 0 to 1 is refused by [NewClient] with an [*ArgumentError] or, if the limiter is wrapped, by every Wait.
func NewLimiter(options LimiterOptions) Limiter {
	l := &processLimiter{share: options.Share}
	switch {
	case options.Share == 0:
		l.share = 1
	case !(options.Share > 0 && options.Share <= 1): // NaN too
		l.invalid = argumentErrorf("Limiter", "LimiterOptions.Share %v is not between 0 and 1", options.Share)
	}
	return l
}

// processLimiter is the Limiter of one process.
type processLimiter struct {
	share   float64
	invalid *ArgumentError // what is wrong with the options; nil if nothing
	queues  sync.Map       // of an endpoint's path to its *limiterQueue
}

func (l *processLimiter) Wait(ctx context.Context, a LimitedAttempt) error {
	switch {
	case ctx.Err() != nil:
		return contextError(ctx)
	case l.invalid != nil:
		return l.invalid
	}
	a.PerSecond, a.Units = min(max(1, a.PerSecond), math.MaxInt32), min(max(1, a.Units), math.MaxInt32)
	return l.queue(a.Endpoint).wait(ctx, a)
}

func (l *processLimiter) queue(endpoint string) *limiterQueue {
	q, ok := l.queues.Load(endpoint)
	if !ok {
		q, _ = l.queues.LoadOrStore(endpoint, &limiterQueue{schedule: rateSchedule{share: l.share}})
	}
	return q.(*limiterQueue)
}

func (l *processLimiter) Pause(endpoint string, d time.Duration) {
	l.queue(endpoint).pause(d)
}

// checkLimiter refuses the SDK's own limiter if its options are wrong.
func checkLimiter(limiter Limiter) error {
	if l, ok := limiter.(*processLimiter); ok && l != nil && l.invalid != nil {
		return l.invalid
	}
	return nil
}
