package webhook_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
	"github.com/f0207b22/rcuser/webhook"
)

// rc is a fake RC that posts to a handler which feeds Operations.
type rc struct {
	*rctest.Server
	client *rcuser.Client
	ops    *webhook.Operations
}

func newRC(t *testing.T, opts webhook.OperationsOptions) *rc {
	t.Helper()
	r := newSilentRC(t, opts)
	h, err := webhook.NewHandler(webhook.Config{
		Credentials:    webhook.StaticCredentials(rcuser.Credentials{AppKey: r.AppKey, AppSecret: r.AppSecret}),
		OnDeactivation: r.ops.Handle,
	})
	require.NoError(t, err)
	r.SetWebhook(h)
	return r
}

// newSilentRC is a fake whose events nobody gets.
func newSilentRC(t *testing.T, opts webhook.OperationsOptions) *rc {
	t.Helper()
	server := rctest.NewServer()
	t.Cleanup(server.Close)
	client, err := rcuser.NewClient(server.Config())
	require.NoError(t, err)
	ops, err := webhook.NewOperations(client, opts)
	require.NoError(t, err)
	return &rc{server, client, ops}
}

// ended is the event that RC posts for a user.
func ended(op rcuser.Operation, userID, code string, at time.Time) webhook.DeactivationEvent {
	return webhook.DeactivationEvent{UserID: userID, OperationID: op.ID, Type: webhook.Deactivation, Code: code, Time: at}
}

// within is a context that ends after d of the bubble's time.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestWaitEndsWithTheEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRC(t, webhook.OperationsOptions{})
		r.RefuseDeactivation("u2", "24410")
		start := time.Now()
		op, err := r.client.Users.Deactivate(t.Context(), []string{"u1", "u2"})
		require.NoError(t, err)
		results, err := r.ops.Wait(within(t, time.Hour), op, []string{"u1", "u2"})
		require.NoError(t, err)
		require.Equal(t, 15*time.Minute, time.Since(start))
		require.True(t, results["u1"].Done())
		require.False(t, results["u2"].Done())
		require.Equal(t, "24410", results["u2"].Code)
		for _, result := range results {
			require.Equal(t, webhook.Deactivation, result.Type)
			require.True(t, result.Time.Equal(start.Add(15*time.Minute)))
			require.False(t, result.Polled)
		}
		require.Len(t, results, 2)
	})
}

func TestWaitForAReactivation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRC(t, webhook.OperationsOptions{})
		_, err := r.client.Users.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		time.Sleep(time.Hour)
		op, err := r.ops.Reactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		results, err := r.ops.Wait(within(t, time.Second), op, []string{"u1"})
		require.NoError(t, err)
		require.Equal(t, webhook.Reactivation, results["u1"].Type)
		require.True(t, results["u1"].Done())
	})
}

// TestEventsBeforeWait come while the app does something else, or before it even has RC's answer.
func TestEventsBeforeWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newSilentRC(t, webhook.OperationsOptions{})
		op, at := rcuser.Operation{ID: "C70B"}, time.Now()
		require.NoError(t, r.ops.Handle(t.Context(), ended(op, "u1", "0", at)))
		time.Sleep(59 * time.Minute)
		for range 2 {
			results, err := r.ops.Wait(t.Context(), op, []string{"u1", "u1"})
			require.NoError(t, err)
			require.Equal(t, map[string]webhook.Result{"u1": {Type: webhook.Deactivation, Code: "0", Time: at}}, results)
		}
		time.Sleep(time.Hour)
		_, err := r.ops.Wait(within(t, time.Second), op, []string{"u1"})
		require.ErrorIs(t, err, context.DeadlineExceeded, "after an hour it is forgotten")
	})
}

// TestFirstEventCounts also if another contradicts it, so that two who wait are told the same.
func TestFirstEventCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newSilentRC(t, webhook.OperationsOptions{})
		op := rcuser.Operation{ID: "C70B"}
		for _, code := range []string{"0", "0", "7"} {
			require.NoError(t, r.ops.Handle(t.Context(), ended(op, "u1", code, time.Now())))
			time.Sleep(time.Minute)
		}
		results, err := r.ops.Wait(t.Context(), op, []string{"u1"})
		require.NoError(t, err)
		require.Equal(t, "0", results["u1"].Code)
		require.True(t, results["u1"].Time.Equal(time.Now().Add(-3*time.Minute)))
	})
}

// TestOtherEventsDontEndAWait looks at the same user in another operation, and another user in the same.
func TestOtherEventsDontEndAWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newSilentRC(t, webhook.OperationsOptions{})
		op, other := rcuser.Operation{ID: "C70B"}, rcuser.Operation{ID: "B1D6"}
		ctx, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("the user closed the window")
		go func() {
			_ = r.ops.Handle(ctx, ended(other, "u1", "0", time.Now()))
			_ = r.ops.Handle(ctx, ended(op, "u3", "0", time.Now()))
			_ = r.ops.Handle(ctx, ended(op, "u2", "0", time.Now()))
			synctest.Wait()
			cancel(reason)
		}()
		results, err := r.ops.Wait(ctx, op, []string{"u1", "u2", "u4"})
		require.Equal(t, []string{"u2"}, slices.Collect(maps.Keys(results)))
		missing, ok := errors.AsType[*webhook.WaitError](err)
		require.True(t, ok)
		require.Equal(t, []string{"u1", "u4"}, missing.Missing)
		require.Equal(t, "C70B", missing.OperationID)
		require.ErrorIs(t, err, reason)
		require.ErrorIs(t, err, context.Canceled)
		require.EqualError(t, err, "webhook: operation C70B: no result for 2 users (u1, u4): the user closed the window\ncontext canceled")
		_, err = r.ops.Wait(within(t, 0), op, []string{"u1"})
		require.EqualError(t, err, "webhook: operation C70B: no result for 1 user (u1): context deadline exceeded")
	})
}

func TestManyWaitForOneOperation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRC(t, webhook.OperationsOptions{})
		op, err := r.client.Users.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		errs := make([]error, 8)
		var group sync.WaitGroup
		for i := range errs {
			group.Go(func() { _, errs[i] = r.ops.Wait(within(t, time.Hour), op, []string{"u1"}) })
		}
		group.Wait()
		require.NoError(t, errors.Join(errs...))
	})
}

// shared is a store of several processes, which may fail.
type shared struct {
	mu          sync.Mutex
	results     map[[2]string]webhook.Result
	deactivated map[string]time.Time
	err         error
	looks       int
}

func newShared() *shared {
	return &shared{results: map[[2]string]webhook.Result{}, deactivated: map[string]time.Time{}}
}

func (s *shared) PutResult(_ context.Context, operationID, userID string, result webhook.Result) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.results[[2]string{operationID, userID}]; !ok && s.err == nil {
		s.results[[2]string{operationID, userID}] = result
	}
	return s.err
}

func (s *shared) Results(_ context.Context, operationID string, userIDs []string) (map[string]webhook.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	found := map[string]webhook.Result{}
	for _, id := range userIDs {
		if result, ok := s.results[[2]string{operationID, id}]; ok && s.err == nil {
			found[id] = result
		}
	}
	return found, s.err
}

func (s *shared) PutDeactivated(_ context.Context, userIDs []string, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range userIDs {
		s.deactivated[id] = at
	}
	return s.err
}

func (s *shared) Deactivated(_ context.Context, userIDs []string) (map[string]time.Time, error) {
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

func (s *shared) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// TestSeveralProcesses has RC post to one process while another waits.
func TestSeveralProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newShared()
		receiving := newRC(t, webhook.OperationsOptions{Store: store})
		waiting, err := webhook.NewOperations(receiving.client, webhook.OperationsOptions{Store: store})
		require.NoError(t, err)
		start := time.Now()
		op, err := waiting.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		results, err := waiting.Wait(within(t, time.Hour), op, []string{"u1"})
		require.NoError(t, err)
		require.True(t, results["u1"].Done())
		require.LessOrEqual(t, time.Since(start), 15*time.Minute+time.Second)
	})
}

// TestLastLook finds what another process put into the store since the last one.
func TestLastLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newShared()
		r := newSilentRC(t, webhook.OperationsOptions{Store: store})
		op := rcuser.Operation{ID: "C70B"}
		go func() {
			time.Sleep(9900 * time.Millisecond)
			_ = store.PutResult(t.Context(), op.ID, "u1", webhook.Result{Code: webhook.CodeDone})
		}()
		results, err := r.ops.Wait(within(t, 9950*time.Millisecond), op, []string{"u1"})
		require.NoError(t, err)
		require.True(t, results["u1"].Done())
	})
}

// TestFailingStore makes RC send the event again, and doesn't end a Wait: the store may come back.
func TestFailingStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newShared()
		r := newRC(t, webhook.OperationsOptions{Store: store})
		op, err := r.ops.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		down := errors.New("the store is down")
		store.fail(down)
		_, err = r.ops.Wait(within(t, time.Minute), op, []string{"u1"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, down)
		time.Sleep(14*time.Minute + 500*time.Millisecond) // the first attempt fails
		store.fail(nil)
		results, err := r.ops.Wait(within(t, time.Minute), op, []string{"u1"})
		require.NoError(t, err)
		require.True(t, results["u1"].Done())
		synctest.Wait() // for the answer to be read
		statuses := []int{}
		for _, d := range r.Deliveries() {
			statuses = append(statuses, d.Status)
		}
		require.Equal(t, []int{500, 200}, statuses)
	})
}

func TestWrongArgumentsOfOperations(t *testing.T) {
	t.Parallel()
	r := newSilentRC(t, webhook.OperationsOptions{})
	op := rcuser.Operation{ID: "C70B"}
	wait := func(ctx context.Context, op rcuser.Operation, ids ...string) error {
		_, err := r.ops.Wait(ctx, op, ids)
		return err
	}
	_, noClient := webhook.NewOperations(nil, webhook.OperationsOptions{})
	_, tooOften := webhook.NewOperations(r.client, webhook.OperationsOptions{Poll: 999 * time.Millisecond})
	_, negative := webhook.NewOperations(r.client, webhook.OperationsOptions{Poll: -time.Second})
	for name, err := range map[string]error{
		"rcuser: client: is nil": noClient,
		"rcuser: OperationsOptions.Poll: 999ms, it must be at least 1s": tooOften,
		"rcuser: OperationsOptions.Poll: -1s, it must be at least 1s":   negative,
		"rcuser: ctx: is nil":                           wait(nil, op, "u1"),
		"rcuser: op.ID: is empty":                       wait(t.Context(), rcuser.Operation{}, "u1"),
		"rcuser: userIDs: no ids, at least 1 is needed": wait(t.Context(), op),
		"rcuser: userIDs[1]: is empty":                  wait(t.Context(), op, "u1", ""),
		"rcuser: userIDs[0]: is empty":                  wait(t.Context(), op, ""),
	} {
		_, ok := errors.AsType[*rcuser.ArgumentError](err)
		require.True(t, ok, name)
		require.EqualError(t, err, name)
	}
}
