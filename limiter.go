package rcuser

import "context"

// Limiter paces a client's attempts, so that they stay within the rates at which RC accepts calls. Implementations
// are safe for concurrent use.
type Limiter interface {
	// Wait returns when an attempt of the endpoint may be sent, or with an error when ctx ends first or would end
	// before that: the call then fails with it, nothing more is sent. Units is what RC counts for this call: 1, or
	// the number of ids of an endpoint whose rate is in ids.
	Wait(ctx context.Context, endpoint string, units int) error
}

// NoLimit never waits.
var NoLimit Limiter = noLimit{}

type noLimit struct{}

func (noLimit) Wait(context.Context, string, int) error { return nil }
