package webhook

import (
	"context"
	"sync/atomic"
	"time"
)

// ReplayGuard remembers the signatures of handled requests, so that a request isn't handled twice while its signature is
// valid. [NewReplayGuard] returns one for a single process; several processes that receive webhooks need an
// implementation on a store that they share. It is called from many goroutines at once.
//
// On Redis, Claim is SET key owner NX PX 60000 and, if the key exists, GET; Commit is SET key done PXAT until; Release
// deletes the key if it still has the owner that Claim set. The minute is longer than a callback may take without a
// queue, and lets another process take over the request of a process that died.
//
// If Claim returns an error, the handler answers 503, so that RC sends the request again. Errors of Commit and Release
// are logged.
type ReplayGuard interface {
	// Claim reserves a request for the caller, unless it was handled already or another caller is handling it.
	Claim(ctx context.Context, key string) (Claim, error)
	// Commit marks a claimed request as handled. It must be remembered up to and including the given time.
	Commit(ctx context.Context, key string, until time.Time) error
	// Release gives up a claimed request that was not handled, so that it can be claimed again.
	Release(ctx context.Context, key string) error
}

// Claim is the result of [ReplayGuard.Claim].
type Claim int

// The results of a claim. The zero value is invalid.
const (
	Claimed Claim = iota + 1 // the caller must handle the request
	Busy                     // another caller is handling it
	Handled                  // it was handled already
)

// DefaultReplays is how many requests a [Handler] remembers if its [Config] has no [ReplayGuard]. With the default window
// this is enough for about 150 requests a second.
const DefaultReplays = 100_000

// NewReplayGuard returns a guard in memory that remembers up to limit requests (at least 1). If more are handled while
// their signatures are valid, it forgets those first that expire first. It uses about 200 bytes a request, and frees the
// memory after the requests have expired.
func NewReplayGuard(limit int) ReplayGuard {
	return &memoryGuard{busy: make(map[string]struct{}), handled: newExpiringMap[string, struct{}](max(limit, 1))}
}

type memoryGuard struct {
	handled   *expiringMap[string, struct{}]
	busy      map[string]struct{} // guarded by handled.mu
	forgotten atomic.Uint64       // requests that were removed before they expired
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
	g.forgotten.Add(uint64(g.handled.set(key, struct{}{}, until)))
	return nil
}

func (g *memoryGuard) Release(_ context.Context, key string) error {
	g.handled.mu.Lock()
	defer g.handled.mu.Unlock()
	delete(g.busy, key)
	return nil
}
