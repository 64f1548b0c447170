package webhook

import (
	"context"
	"sync/atomic"
	"time"
)

// ReplayGuard remembers the signatures of handled requests, so that a request isn't handled twice while its signature is
// valid. [NewReplayGuard] returns one for a single process; several processes that receive webhooks, and a process whose
// requests must be remembered after a restart, need an implementation on a shared store. It is called from many goroutines
// at once. Keys have at most 64 bytes.
//
// # Leases
//
// A process may die between Claim and Commit. Its claim must end by itself, after a lease of 5 seconds: that is longer
// than the 4 seconds for which a callback's context lasts, and short enough for RC's attempts, of which there are 3,
// for 5 seconds each and about a second apart. While Claim returns [Busy], the handler asks again every 200 ms until
// its answer is due, 4 seconds after the request's arrival, and only then answers 503. It asks a last time at that
// moment, and handles the request even if RC no longer learns of it. So a request that a dead process had claimed is
// handled during the next attempt, also if that is RC's third. With a longer lease, that one may be refused and the
// event lost.
//
// A callback that ignores its context may outlive the lease. The same handler doesn't handle the request a second time
// meanwhile: it never calls Claim for a key that it is handling. Another process may, so that the event is handled twice,
// which callbacks must tolerate anyway. The guard in memory has no lease, as its claims die with the process.
//
// On Redis, with an owner that is unique to the guard, such as a random ID made at the start of the process:
//
//	Claim:    SET key owner NX PX 5000; if the key exists, GET key: "done" is Handled, anything else Busy
//	Commit:   SET key done PXAT until
//	Release:  if GET key == owner then DEL key   (a script, so that nothing comes in between)
//
// In SQL, with a table of key, owner and until:
//
//	Claim:    INSERT ... ON CONFLICT (key) DO UPDATE SET owner = ?, until = now + 5 s WHERE until < now; a row changed is
//	          Claimed, otherwise the row's owner tells: '' is Handled, anything else Busy
//	Commit:   INSERT (key, '', until) ON CONFLICT (key) DO UPDATE SET owner = '', until = ?
//	Release:  DELETE ... WHERE key = ? AND owner = ?
//
// Release must check the owner: after the lease the claim may be another process's. Commit needn't, because the callbacks
// have succeeded, whoever has the claim by then; with the check, the event would be handled again.
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
// their signatures are valid, it forgets those first that expire first, and the [Handler] logs that once a minute. It uses
// about 150 bytes a request, whatever the size of the request, and frees the memory after the requests have expired.
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
	g.forgotten.Add(g.handled.set(key, struct{}{}, until))
	return nil
}

func (g *memoryGuard) Release(_ context.Context, key string) error {
	g.handled.mu.Lock()
	defer g.handled.mu.Unlock()
	delete(g.busy, key)
	return nil
}
