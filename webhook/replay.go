package webhook

import (
	"context"
	"time"
)

// ReplayGuard remembers which requests were handled, by the key of their signature, so that the same request isn't
// handled twice within the time in which its signature is good. [NewReplayGuard] makes one for a single process; where
// several processes share the work, implement one on what they share. It is used from many goroutines at once.
//
// On Redis, Claim is SET key owner NX PX 60000 and, if that did nothing, GET; Commit is SET key done PXAT until; Release
// deletes the key if it still has the owner that Claim gave it. The minute lets another process have a request whose
// process died, and is more than a function may take without a queue.
//
// An error of Claim makes the handler answer 503, so that RC sends the request again. Errors of the other two are logged.
type ReplayGuard interface {
	// Claim takes a request for the caller, unless it was handled before or is being handled.
	Claim(ctx context.Context, key string) (Claim, error)
	// Commit says that a claimed request was handled. It must be remembered up to and including the given time.
	Commit(ctx context.Context, key string, until time.Time) error
	// Release says that a claimed request was not handled, so that it may be claimed again.
	Release(ctx context.Context, key string) error
}

// Claim is the answer of [ReplayGuard.Claim].
type Claim int

// The answers. The zero value is none of them.
const (
	Claimed Claim = iota + 1 // the caller has it now
	Busy                     // it is being handled
	Handled                  // it was handled
)

// DefaultReplays is how many requests a [Handler] without a [ReplayGuard] of its own remembers: all of them up to some
// 150 requests a second.
const DefaultReplays = 100_000

// unlimitedReplays is how long a signature is remembered that is good for ever.
const unlimitedReplays = 24 * time.Hour

// NewReplayGuard returns a guard in memory that remembers so many requests, at least 1. If more are handled while their
// signatures are good, it forgets those first that come to their end first. It holds some 200 bytes a request, and
// nothing when all have come to their end.
func NewReplayGuard(most int) ReplayGuard {
	return &memoryGuard{busy: make(map[string]struct{}), handled: newExpiring[string, struct{}](max(most, 1))}
}

type memoryGuard struct {
	handled *expiring[string, struct{}]
	busy    map[string]struct{} // under the same mutex
}

func (g *memoryGuard) Claim(_ context.Context, key string) (Claim, error) {
	g.handled.mu.Lock()
	defer g.handled.mu.Unlock()
	if _, ok := g.handled.get(key); ok {
		return Handled, nil
	}
	if _, ok := g.busy[key]; ok {
		return Busy, nil
	}
	g.busy[key] = struct{}{}
	return Claimed, nil
}

func (g *memoryGuard) Commit(_ context.Context, key string, until time.Time) error {
	g.handled.mu.Lock()
	defer g.handled.mu.Unlock()
	delete(g.busy, key)
	g.handled.put(key, struct{}{}, until)
	return nil
}

func (g *memoryGuard) Release(_ context.Context, key string) error {
	g.handled.mu.Lock()
	defer g.handled.mu.Unlock()
	delete(g.busy, key)
	return nil
}
