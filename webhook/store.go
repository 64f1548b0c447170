package webhook

import (
	"context"
	"time"
)

// Store keeps the results of deactivations and reactivations. Processes that share a store can wait for events that RC
// posts to another of them. It is called from many goroutines at once. Entries may be deleted once the app won't ask for
// them any more, for instance after some hours or days.
type Store interface {
	// PutResult stores the result of a user in an operation. If there is one already, it must not be replaced.
	PutResult(ctx context.Context, operationID, userID string, result Result) error
	// Results returns the stored results of the given users in an operation. Users without a result are missing.
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

// memoryStore is a Store for a single process.
type memoryStore struct {
	results     *expiringMap[resultKey, Result]
	deactivated *expiringMap[string, time.Time]
}

type resultKey struct{ operationID, userID string }

func newMemoryStore() *memoryStore {
	return &memoryStore{newExpiringMap[resultKey, Result](maxStored), newExpiringMap[string, time.Time](maxStored)}
}

func (s *memoryStore) PutResult(_ context.Context, operationID, userID string, result Result) error {
	s.results.mu.Lock()
	defer s.results.mu.Unlock()
	key := resultKey{operationID, userID}
	if _, ok := s.results.get(key); !ok {
		s.results.set(key, result, time.Now().Add(storedFor))
	}
	return nil
}

func (s *memoryStore) Results(_ context.Context, operationID string, userIDs []string) (map[string]Result, error) {
	s.results.mu.Lock()
	defer s.results.mu.Unlock()
	found := make(map[string]Result, len(userIDs))
	for _, id := range userIDs {
		if result, ok := s.results.get(resultKey{operationID, id}); ok {
			found[id] = result
		}
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
