package webhook

import (
	"context"
	"time"
)

// Store keeps what RC said of deactivations and reactivations, for the processes that share it: the one that RC posts an
// event to needn't be the one that waits for it. It is used from many goroutines at once. Everything may be forgotten
// after a time, as after the hours or days for which the app may still ask.
type Store interface {
	// PutResult keeps the result for a user of an operation. If there is one already, that stays.
	PutResult(ctx context.Context, operationID, userID string, result Result) error
	// Results returns those results of an operation's users that there are.
	Results(ctx context.Context, operationID string, userIDs []string) (map[string]Result, error)
	// PutDeactivated keeps when users were deactivated last.
	PutDeactivated(ctx context.Context, userIDs []string, at time.Time) error
	// Deactivated returns when users were deactivated last; those of whom that isn't known are missing.
	Deactivated(ctx context.Context, userIDs []string) (map[string]time.Time, error)
}

const (
	storedResults = 100_000
	storedFor     = time.Hour // a deactivation is reported within 15 minutes, and keeps from reactivating for an hour
)

// memoryStore is for a single process.
type memoryStore struct {
	results     *expiring[resultKey, Result]
	deactivated *expiring[string, time.Time]
}

type resultKey struct{ operationID, userID string }

func newMemoryStore() *memoryStore {
	return &memoryStore{newExpiring[resultKey, Result](storedResults), newExpiring[string, time.Time](storedResults)}
}

func (s *memoryStore) PutResult(_ context.Context, operationID, userID string, result Result) error {
	s.results.mu.Lock()
	defer s.results.mu.Unlock()
	key := resultKey{operationID, userID}
	if _, ok := s.results.get(key); !ok {
		s.results.put(key, result, time.Now().Add(storedFor))
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
		s.deactivated.put(id, at, time.Now().Add(storedFor))
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
