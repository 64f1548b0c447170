package rcuser

import (
	"context"
	"fmt"
	"sync"
)

// fleet keeps calls in flight: a further one begins as soon as the one before got through the limiter, so that it is
// the limiter alone that sets the pace, whatever the latency.
type fleet struct {
	client *Client
	stop   context.CancelCauseFunc
	slots  chan struct{}
	passed <-chan struct{} // closed when the latest call got through the limiter
	group  sync.WaitGroup
}

// maxInFlight is beyond what RC's rates keep in flight at a latency of 2 s.
const maxInFlight = 256

func newFleet(client *Client, stop context.CancelCauseFunc) *fleet {
	passed := make(chan struct{})
	close(passed)
	return &fleet{client: client, stop: stop, slots: make(chan struct{}, maxInFlight), passed: passed}
}

// launch waits for its turn and runs do, which is given a client for its calls, in a goroutine. It reports false, and
// doesn't run it, if ctx ends first.
func (f *fleet) launch(ctx context.Context, do func(*Client)) bool {
	select {
	case <-f.passed:
	case <-ctx.Done():
		return false
	}
	select {
	case f.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	if ctx.Err() != nil { // it may have ended together with what was waited for
		<-f.slots
		return false
	}
	passed := make(chan struct{})
	f.passed = passed
	pass := sync.OnceFunc(func() { close(passed) })
	client := f.client.withLimiter(gate{f.client.limiter, pass, f.stop})
	f.group.Go(func() {
		defer func() { <-f.slots }()
		defer pass()
		do(client)
	})
	return true
}

func (f *fleet) wait() { f.group.Wait() }

// gate is a Limiter that tells when an attempt got through, and when none will any more: as the deadline comes first, it
// does so for all that would follow.
type gate struct {
	Limiter
	pass func()
	stop context.CancelCauseFunc
}

func (g gate) Wait(ctx context.Context, attempt LimitedAttempt) error {
	err := g.Limiter.Wait(ctx, attempt)
	if err != nil {
		g.stop(fmt.Errorf("rate limit: %w", err))
	}
	g.pass()
	return err
}
