package webhook_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

// sharedStore is a store that several processes share, and that can fail.
type sharedStore struct {
	mu          sync.Mutex
	results     map[[2]string]webhook.Result
	deactivated map[string]time.Time
	err         error
	reads       int
}

func newSharedStore() *sharedStore {
	return &sharedStore{results: map[[2]string]webhook.Result{}, deactivated: map[string]time.Time{}}
}

func (s *sharedStore) PutResult(_ context.Context, operationID, userID string, result webhook.Result) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.results[[2]string{operationID, userID}]; !ok && s.err == nil {
		s.results[[2]string{operationID, userID}] = result
	}
	return s.err
}

func (s *sharedStore) Results(_ context.Context, operationID string, userIDs []string) (map[string]webhook.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	found := map[string]webhook.Result{}
	for _, id := range userIDs {
		if result, ok := s.results[[2]string{operationID, id}]; ok && s.err == nil {
			found[id] = result
		}
	}
	return found, s.err
}

func (s *sharedStore) PutDeactivated(_ context.Context, userIDs []string, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range userIDs {
		s.deactivated[id] = at
	}
	return s.err
}

func (s *sharedStore) Deactivated(_ context.Context, userIDs []string) (map[string]time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]time.Time{}
	for _, id := range userIDs {
		if at, ok := s.deactivated[id]; ok {
			found[id] = at
		}
	}
	return found, s.err
}

func (s *sharedStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// badStore is a sharedStore whose calls do something else first, and that counts them.
type badStore struct {
	*sharedStore

	// before is called by every method, with its name and the operation's id, if any. An error ends the call.
	before func(ctx context.Context, method, operationID string) error

	mu             sync.Mutex
	calls          map[string]int
	running, limit int // now, and at most at a time
}

func newBadStore(before func(ctx context.Context, method, operationID string) error) *badStore {
	return &badStore{sharedStore: newSharedStore(), before: before, calls: map[string]int{}}
}

func (s *badStore) enter(ctx context.Context, method, operationID string) error {
	s.mu.Lock()
	s.calls[method]++
	s.running++
	s.limit = max(s.limit, s.running)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.running--
		s.mu.Unlock()
	}()
	return s.before(ctx, method, operationID)
}

func (s *badStore) count(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

func (s *badStore) most() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limit
}

func (s *badStore) PutResult(ctx context.Context, operationID, userID string, result webhook.Result) error {
	if err := s.enter(ctx, "PutResult", operationID); err != nil {
		return err
	}
	return s.sharedStore.PutResult(ctx, operationID, userID, result)
}

func (s *badStore) Results(ctx context.Context, operationID string, userIDs []string) (map[string]webhook.Result, error) {
	if err := s.enter(ctx, "Results", operationID); err != nil {
		return nil, err
	}
	return s.sharedStore.Results(ctx, operationID, userIDs)
}

func (s *badStore) PutDeactivated(ctx context.Context, userIDs []string, at time.Time) error {
	if err := s.enter(ctx, "PutDeactivated", ""); err != nil {
		return err
	}
	return s.sharedStore.PutDeactivated(ctx, userIDs, at)
}

func (s *badStore) Deactivated(ctx context.Context, userIDs []string) (map[string]time.Time, error) {
	if err := s.enter(ctx, "Deactivated", ""); err != nil {
		return nil, err
	}
	return s.sharedStore.Deactivated(ctx, userIDs)
}

var errDown = errors.New("the store is down")

// healthy is what badStore does before a call that works.
func healthy(context.Context, string, string) error { return nil }

// TestStoreSharedByProcesses has one process that receives the webhook and another that waits.
func TestStoreSharedByProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSharedStore()
		receiving := newFakeRC(t, webhook.OperationsOptions{Store: store})
		waiting, err := webhook.NewOperations(receiving.client, webhook.OperationsOptions{Store: store})
		require.NoError(t, err)
		start := time.Now()
		op, err := waiting.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		results, err := waiting.Wait(contextWithin(t, time.Hour), op, []string{"u1"})
		require.NoError(t, err)
		require.True(t, results["u1"].Done())
		require.LessOrEqual(t, time.Since(start), 15*time.Minute+time.Second)
	})
}

// TestWaitReadsStoreAtDeadline has a result that another process stores after the last tick before the deadline.
func TestWaitReadsStoreAtDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSharedStore()
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{Store: store})
		op := rcuser.Operation{ID: "C70B"}
		go func() {
			time.Sleep(9900 * time.Millisecond)
			_ = store.PutResult(t.Context(), op.ID, "u1", webhook.Result{Code: webhook.CodeDone})
		}()
		results, err := r.ops.Wait(contextWithin(t, 9950*time.Millisecond), op, []string{"u1"})
		require.NoError(t, err)
		require.True(t, results["u1"].Done())
	})
}

// TestFailingStore checks that RC sends the event again if the store fails, and that a Wait continues, as the store may
// recover.
func TestFailingStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSharedStore()
		r := newFakeRC(t, webhook.OperationsOptions{Store: store})
		op, err := r.ops.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		down := errors.New("the store is down")
		store.fail(down)
		_, err = r.ops.Wait(contextWithin(t, time.Minute), op, []string{"u1"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, down)
		time.Sleep(14*time.Minute + 500*time.Millisecond) // RC's first attempt fails
		store.fail(nil)
		results, err := r.ops.Wait(contextWithin(t, time.Minute), op, []string{"u1"})
		require.NoError(t, err)
		require.True(t, results["u1"].Done())
		synctest.Wait() // until the fake has read the answer
		statuses := []int{}
		for _, d := range r.Deliveries() {
			statuses = append(statuses, d.Status)
		}
		require.Equal(t, []int{500, 200}, statuses)
	})
}
