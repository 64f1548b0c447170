package webhook

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

func newTestOperations(t *testing.T, opts OperationsOptions) (*Operations, *rctest.Server) {
	t.Helper()
	server := rctest.NewServer()
	t.Cleanup(server.Close)
	client, err := rcuser.NewClient(server.Config())
	require.NoError(t, err)
	ops, err := NewOperations(client, opts)
	require.NoError(t, err)
	return ops, server
}

// fill handles n events of an operation.
func fill(t *testing.T, ops *Operations, operationID string, n int) {
	t.Helper()
	for i := range n {
		e := DeactivationEvent{OperationID: operationID, UserID: fmt.Sprint(i), Type: Deactivation, Code: "7", Time: time.Now()}
		require.NoError(t, ops.Handle(t.Context(), e))
	}
}

// waitFor waits for users for a second.
func waitFor(t *testing.T, ops *Operations, operationID string, userIDs ...string) (map[string]Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	return ops.Wait(ctx, rcuser.Operation{ID: operationID}, userIDs)
}

// TestFullStoreRefusesAloud checks that the store in memory refuses the 100,001st result within an hour, drops none, and
// that the events and the calls of Wait concerned have an error that says so.
func TestFullStoreRefusesAloud(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ops, _ := newTestOperations(t, OperationsOptions{})
		full := "the store in memory is full: it keeps 100000 results for an hour, and refused an event 1 times"
		fill(t, ops, "C70B", maxStored)
		time.Sleep(59 * time.Minute)
		late := DeactivationEvent{OperationID: "B1D6", UserID: "late", Type: Deactivation, Code: "0", Time: time.Now()}
		require.ErrorContains(t, ops.Handle(t.Context(), late), full)
		_, err := waitFor(t, ops, "B1D6", "late")
		require.ErrorContains(t, err, full, "also of an event before Wait")
		results, err := waitFor(t, ops, "C70B", "0", "99999", "late")
		require.Len(t, results, 2, "none is dropped")
		require.ErrorContains(t, err, full)
		_, err = waitFor(t, ops, "C70B", "0", "50000", "99999")
		require.NoError(t, err)
		repeated := DeactivationEvent{OperationID: "C70B", UserID: "0", Type: Deactivation, Code: "0", Time: time.Now()}
		require.NoError(t, ops.Handle(t.Context(), repeated), "a result that is stored already needs no room")

		time.Sleep(time.Minute + time.Second) // the oldest have expired
		require.NoError(t, ops.Handle(t.Context(), late))
		results, err = waitFor(t, ops, "B1D6", "late")
		require.NoError(t, err)
		require.True(t, results["late"].Done())
		_, err = waitFor(t, ops, "C70B", "0")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(time.Hour)
		_, err = waitFor(t, ops, "C70B", "0")
		require.NotContains(t, err.Error(), "full", "the refusal was more than an hour ago")
	})
}

// TestFullStoreAndRepeatedEvent checks that RC's second attempt is stored if there is room again.
func TestFullStoreAndRepeatedEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ops, server := newTestOperations(t, OperationsOptions{})
		h, err := NewHandler(Config{Credentials: StaticCredentials(server.Credentials()), OnDeactivation: ops.Handle})
		require.NoError(t, err)
		server.SetWebhook(h)
		fill(t, ops, "C70B", maxStored)
		time.Sleep(45*time.Minute + 100*time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		results, err := ops.DeactivateAndWait(ctx, []string{"u1"})
		require.NoError(t, err)
		require.True(t, results["u1"].Done())
	})
}

// TestDroppedDeactivationTimes checks that NotBefore is right for all users though the oldest times were dropped.
func TestDroppedDeactivationTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ops, _ := newTestOperations(t, OperationsOptions{})
		_, err := ops.Deactivate(t.Context(), []string{"oldest"})
		require.NoError(t, err)
		for i := range maxStored {
			require.NoError(t, ops.store.PutDeactivated(t.Context(), []string{fmt.Sprint(i)}, time.Now()))
		}
		time.Sleep(10 * time.Minute)
		_, err = ops.Deactivate(t.Context(), []string{"newest"})
		require.NoError(t, err)
		start := time.Now()
		_, err = ops.Reactivate(t.Context(), []string{"oldest", "newest"})
		early, ok := errors.AsType[*TooEarlyError](err)
		require.True(t, ok)
		require.True(t, early.NotBefore.Equal(start.Add(time.Hour)))
		require.Len(t, early.Users, 1)
		_, err = ops.Reactivate(t.Context(), []string{"oldest"})
		require.ErrorIs(t, err, rcuser.ErrParameter, "without a time it is RC's refusal")
	})
}

// TestForgottenDeactivations checks that polling still takes an operation for a deactivation after some were forgotten.
func TestForgottenDeactivations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ops, _ := newTestOperations(t, OperationsOptions{Poll: time.Minute})
		op, err := ops.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		for i := range maxStored {
			ops.rememberStart(fmt.Sprint(i), operationStart{at: time.Now()})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		results, err := ops.Wait(ctx, op, []string{"u1"})
		require.NoError(t, err)
		require.True(t, results["u1"].Polled)
	})
}

// TestForgottenReactivation checks that polling takes no operation for a deactivation while it may be a reactivation that
// was forgotten, because too many operations were started, and that Wait says so.
func TestForgottenReactivation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ops, _ := newTestOperations(t, OperationsOptions{Poll: time.Minute})
		ops.rememberStart("reactivation", operationStart{at: time.Now(), reactivation: true})
		for i := range maxStored {
			ops.rememberStart(fmt.Sprint(i), operationStart{at: time.Now()})
		}
		_, err := ops.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
		defer cancel()
		results, err := ops.Wait(ctx, rcuser.Operation{ID: "reactivation"}, []string{"u1"})
		require.Empty(t, results)
		require.ErrorIs(t, err, errForgotten)
		op, err := ops.Deactivate(t.Context(), []string{"u2"})
		require.NoError(t, err)
		results, err = ops.Wait(t.Context(), op, []string{"u2"})
		require.NoError(t, err)
		require.True(t, results["u2"].Polled, "a deactivation that was just started is known")
	})
}
