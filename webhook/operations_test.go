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

// fakeRC is a fake RC, a client of it, and Operations that use the client.
type fakeRC struct {
	*rctest.Server
	client *rcuser.Client
	ops    *webhook.Operations
}

func newFakeRC(t *testing.T, opts webhook.OperationsOptions) *fakeRC {
	t.Helper()
	r := newFakeRCWithoutWebhook(t, opts)
	h, err := webhook.NewHandler(webhook.Config{
		Credentials:    webhook.StaticCredentials(r.Credentials()),
		OnDeactivation: r.ops.Handle,
	})
	require.NoError(t, err)
	r.SetWebhook(h)
	return r
}

// newFakeRCWithoutWebhook returns a fake whose events are lost.
func newFakeRCWithoutWebhook(t *testing.T, opts webhook.OperationsOptions) *fakeRC {
	t.Helper()
	server := rctest.NewServer()
	t.Cleanup(server.Close)
	client, err := rcuser.NewClient(server.Config())
	require.NoError(t, err)
	ops, err := webhook.NewOperations(client, opts)
	require.NoError(t, err)
	return &fakeRC{server, client, ops}
}

// deactivationEvent returns the event that RC posts for a user.
func deactivationEvent(op rcuser.Operation, userID, code string, at time.Time) webhook.DeactivationEvent {
	return webhook.DeactivationEvent{UserID: userID, OperationID: op.ID, Type: webhook.Deactivation, Code: code, Time: at}
}

// contextWithin returns a context that ends after d.
func contextWithin(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRC(t, webhook.OperationsOptions{})
		r.RefuseDeactivation("u2", "24410")
		start := time.Now()
		op, err := r.client.Users.Deactivate(t.Context(), []string{"u1", "u2"})
		require.NoError(t, err)
		results, err := r.ops.Wait(contextWithin(t, time.Hour), op, []string{"u1", "u2"})
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
		r := newFakeRC(t, webhook.OperationsOptions{})
		_, err := r.client.Users.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		time.Sleep(time.Hour)
		op, err := r.ops.Reactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		results, err := r.ops.Wait(contextWithin(t, time.Second), op, []string{"u1"})
		require.NoError(t, err)
		require.Equal(t, webhook.Reactivation, results["u1"].Type)
		require.True(t, results["u1"].Done())
	})
}

// TestEventsBeforeWait has an event that arrives up to an hour before Wait is called.
func TestEventsBeforeWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{})
		op, at := rcuser.Operation{ID: "C70B"}, time.Now()
		require.NoError(t, r.ops.Handle(t.Context(), deactivationEvent(op, "u1", "0", at)))
		time.Sleep(59 * time.Minute)
		for range 2 {
			results, err := r.ops.Wait(t.Context(), op, []string{"u1", "u1"})
			require.NoError(t, err)
			require.Equal(t, map[string]webhook.Result{"u1": {Type: webhook.Deactivation, Code: "0", Time: at}}, results)
		}
		time.Sleep(time.Hour)
		_, err := r.ops.Wait(contextWithin(t, time.Second), op, []string{"u1"})
		require.ErrorIs(t, err, context.DeadlineExceeded, "results are kept for an hour")
	})
}

// TestFirstEventCounts checks that a later, contradicting event changes nothing, so that all calls of Wait return the
// same.
func TestFirstEventCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{})
		op := rcuser.Operation{ID: "C70B"}
		for _, code := range []string{"0", "0", "7"} {
			require.NoError(t, r.ops.Handle(t.Context(), deactivationEvent(op, "u1", code, time.Now())))
			time.Sleep(time.Minute)
		}
		results, err := r.ops.Wait(t.Context(), op, []string{"u1"})
		require.NoError(t, err)
		require.Equal(t, "0", results["u1"].Code)
		require.True(t, results["u1"].Time.Equal(time.Now().Add(-3*time.Minute)))
	})
}

// TestOtherEventsDontEndAWait has events of the same user in another operation, and of another user in the same one.
func TestOtherEventsDontEndAWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{})
		op, other := rcuser.Operation{ID: "C70B"}, rcuser.Operation{ID: "B1D6"}
		ctx, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("the caller gave up")
		go func() {
			_ = r.ops.Handle(ctx, deactivationEvent(other, "u1", "0", time.Now()))
			_ = r.ops.Handle(ctx, deactivationEvent(op, "u3", "0", time.Now()))
			_ = r.ops.Handle(ctx, deactivationEvent(op, "u2", "0", time.Now()))
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
		require.EqualError(t, err, "webhook: operation C70B: no result for 2 users (u1, u4): the caller gave up\ncontext canceled")
		_, err = r.ops.Wait(contextWithin(t, 0), op, []string{"u1"})
		require.EqualError(t, err, "webhook: operation C70B: no result for 1 user (u1): context deadline exceeded")
	})
}

func TestConcurrentWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRC(t, webhook.OperationsOptions{})
		op, err := r.client.Users.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		errs := make([]error, 8)
		var group sync.WaitGroup
		for i := range errs {
			group.Go(func() { _, errs[i] = r.ops.Wait(contextWithin(t, time.Hour), op, []string{"u1"}) })
		}
		group.Wait()
		require.NoError(t, errors.Join(errs...))
	})
}

func TestOperationsInvalidArguments(t *testing.T) {
	t.Parallel()
	r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{})
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
