package webhook

import (
	"context"
	"fmt"
	"time"
)

// Store keeps the results of deactivations and reactivations. Processes that share a store can wait for events that RC
// posts to another of them. Entries may be deleted once the app won't ask for them any more, for instance after some hours
// or days.
//
// It is called from many goroutines at once, at most 4 in Results at a time, for different operations, and 64 in all other
// calls. A method should return when its context ends. One that doesn't, that panics or calls [runtime.Goexit] counts as
// failed, and delays nobody beyond the end of the caller's context; but while 4 calls of Results hang, no other begins.
type Store interface {
	// PutResult stores the result of a user in an operation. If there is one already, it must not be replaced.
	PutResult(ctx context.Context, operationID, userID string, result Result) error
	// Results returns the stored results of the given users in an operation. Users without a result are missing. Results
	// that are returned together with an error count too. The context ends after 10 seconds.
	Results(ctx context.Context, operationID string, userIDs []string) (map[string]Result, error)
	// PutDeactivated stores when users were deactivated, and replaces earlier times.
	PutDeactivated(ctx context.Context, userIDs []string, at time.Time) error
	// Deactivated returns when users were deactivated last. Users without a stored time are missing.
	Deactivated(ctx context.Context, userIDs []string) (map[string]time.Time, error)
}

const (
	maxStored = 100_000   // entries of each kind
	storedFor = time.Hour // RC reports a deactivation within 15 minutes, and refuses a reactivation for an hour
)

// memoryStore is a Store for a single process. It drops no result within an hour, and refuses more than it can hold. Of the
// times of deactivation it keeps the latest: those that it drops would expire first, and only a [TooEarlyError] misses them.
type memoryStore struct {
	results     *expiringMap[resultKey, Result]
	deactivated *expiringMap[string, time.Time]

	refused      int       // how often an event was refused, until refusedUntil; results.mu guards both
	refusedUntil time.Time // an hour after the last refusal
}

type resultKey struct{ operationID, userID string }

func newMemoryStore() *memoryStore {
	return &memoryStore{
		results: newExpiringMap[resultKey, Result](maxStored), deactivated: newExpiringMap[string, time.Time](maxStored),
	}
}

func (s *memoryStore) PutResult(_ context.Context, operationID, userID string, result Result) error {
	s.results.mu.Lock()
	defer s.results.mu.Unlock()
	key, now := resultKey{operationID, userID}, time.Now()
	if _, ok := s.results.get(key); ok || s.results.setWithinLimit(key, result, now.Add(storedFor)) {
		return nil
	}
	if now.After(s.refusedUntil) {
		s.refused = 0
	}
	s.refused++
	s.refusedUntil = now.Add(storedFor)
	return s.fullError()
}

func (s *memoryStore) fullError() error {
	return fmt.Errorf("webhook: the store in memory is full: it keeps %d results for an hour, and refused an event %d times",
		maxStored, s.refused)
}

// Results returns an error too if any result is missing that may be one of those that were refused.
func (s *memoryStore) Results(_ context.Context, operationID string, userIDs []string) (map[string]Result, error) {
	s.results.mu.Lock()
	defer s.results.mu.Unlock()
	found := make(map[string]Result, len(userIDs))
	for _, id := range userIDs {
		if result, ok := s.results.get(resultKey{operationID, id}); ok {
			found[id] = result
		}
	}
	if len(found) < len(userIDs) && !time.Now().After(s.refusedUntil) {
		return found, s.fullError()
	}
	return found, nil
}

func (s *memoryStore) PutDeactivated(_ context.Context, userIDs []string, at time.Time) error {
	s.deactivated.mu.Lock()
	defer s.deactivated.mu.Unlock()
	for _, id := range userIDs {
		s.deactivated.set(id, at, time.Now().Add(storedFor))
	}
	return nil
}

func (s *memoryStore) Deactivated(_ context.Context, userIDs []string) (map[string]time.Time, error) {
	s.deactivated.mu.Lock()
	defer s.deactivated.mu.Unlock()
	found := make(map[string]time.Time, len(userIDs))
	for _, id := range userIDs {
		if at, ok := s.deactivated.get(id); ok {
			found[id] = at
		}
	}
	return found, nil
}
