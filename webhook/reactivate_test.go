package webhook_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
	"github.com/f0207b22/rcuser/webhook"
)

func TestReactivatingTooEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRC(t, webhook.OperationsOptions{})
		start := time.Now()
		_, err := r.ops.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		time.Sleep(10 * time.Minute)
		_, err = r.ops.Deactivate(t.Context(), []string{"u2"})
		require.NoError(t, err)
		time.Sleep(30 * time.Minute) // the events must not replace the exact times
		_, err = r.ops.Reactivate(t.Context(), []string{"u1", "u2", "u3"})
		early, ok := errors.AsType[*webhook.TooEarlyError](err)
		require.True(t, ok)
		require.ErrorIs(t, err, rcuser.ErrParameter)
		require.True(t, early.NotBefore.Equal(start.Add(70*time.Minute)))
		require.Len(t, early.Users, 2)
		require.True(t, early.Users["u1"].Equal(start.Add(time.Hour)))
		require.True(t, early.Users["u2"].Equal(early.NotBefore))
		require.Contains(t, err.Error(), "webhook: 2 users can't be reactivated before 2000-01-01T01:10:00Z: rcuser: POST /user/reactivate.json: 1002")
		time.Sleep(time.Until(early.NotBefore))
		_, err = r.ops.Reactivate(t.Context(), []string{"u1", "u2", "u3"})
		require.NoError(t, err)
	})
}

// TestReactivationTimeFromEvent has a deactivation that another program requested, before its event.
func TestReactivationTimeFromEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRC(t, webhook.OperationsOptions{})
		start := time.Now()
		_, err := r.client.Users.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		_, err = r.ops.Reactivate(t.Context(), []string{"u1"})
		_, known := errors.AsType[*webhook.TooEarlyError](err)
		require.False(t, known, "the store has no time yet")
		require.ErrorIs(t, err, rcuser.ErrParameter)
		time.Sleep(15*time.Minute + time.Second)
		_, err = r.ops.Reactivate(t.Context(), []string{"u1"})
		early, ok := errors.AsType[*webhook.TooEarlyError](err)
		require.True(t, ok)
		require.True(t, early.NotBefore.Equal(start.Add(75*time.Minute)))
	})
}

// TestEventTimeInTheFuture checks that a wrong time, which no signature covers, can't delay NotBefore beyond an hour.
func TestEventTimeInTheFuture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{})
		op, err := r.client.Users.Deactivate(t.Context(), []string{"u1"})
		require.NoError(t, err)
		require.NoError(t, r.ops.Handle(t.Context(), deactivationEvent(op, "u1", "0", time.Now().AddDate(1000, 0, 0))))
		_, err = r.ops.Reactivate(t.Context(), []string{"u1"})
		early, ok := errors.AsType[*webhook.TooEarlyError](err)
		require.True(t, ok)
		require.True(t, early.NotBefore.Equal(time.Now().Add(time.Hour)))
	})
}

// TestDeactivationAfterReactivation checks that a second deactivation starts a new hour.
func TestDeactivationAfterReactivation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRC(t, webhook.OperationsOptions{Store: newSharedStore()})
		for range 2 {
			_, err := r.client.Users.Deactivate(t.Context(), []string{"u1"})
			require.NoError(t, err)
			start := time.Now()
			time.Sleep(16 * time.Minute)
			_, err = r.ops.Reactivate(t.Context(), []string{"u1"})
			early, ok := errors.AsType[*webhook.TooEarlyError](err)
			require.True(t, ok)
			require.True(t, early.NotBefore.Equal(start.Add(75*time.Minute)))
			time.Sleep(time.Until(early.NotBefore))
			_, err = r.ops.Reactivate(t.Context(), []string{"u1"})
			require.NoError(t, err)
		}
	})
}

// TestOtherRefusals checks that errors with a known reason don't become a TooEarlyError.
func TestOtherRefusals(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]rctest.Fault{
		"signature":   {Code: 1004},
		"rate":        {Code: 1008, RetryAfter: "30"},
		"not enabled": {Code: 1009},
		"unknown":     {Kind: rctest.LostAnswer, Times: rctest.Always},
		"broken":      {Status: 404, Body: "<html>", Times: rctest.Always},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newFakeRCWithoutWebhook(t, webhook.OperationsOptions{})
				_, err := r.ops.Deactivate(t.Context(), []string{"u1"})
				require.NoError(t, err)
				r.Inject(fault)
				_, err = r.ops.Reactivate(t.Context(), []string{"u1"})
				require.Error(t, err)
				_, early := errors.AsType[*webhook.TooEarlyError](err)
				require.False(t, early)
			})
		})
	}
}

func TestDeactivateAndWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRC(t, webhook.OperationsOptions{})
		r.RefuseDeactivation("u99", "24410")
		start := time.Now()
		results, err := r.ops.DeactivateAndWait(contextWithin(t, 25*time.Minute), userIDs(100))
		require.NoError(t, err)
		require.Equal(t, 15*time.Minute, time.Since(start))
		require.Len(t, results, 100)
		require.True(t, results["u0"].Done())
		require.Equal(t, "24410", results["u99"].Code)
	})
}

// TestDeactivateAndWaitArguments checks that the limits are those of Users.Deactivate, and that nothing is sent.
func TestDeactivateAndWaitArguments(t *testing.T) {
	t.Parallel()
	r := newFakeRC(t, webhook.OperationsOptions{})
	for _, ids := range [][]string{nil, {"u1", ""}, {"u1,u2"}, {strings.Repeat("x", 65)}, userIDs(101)} {
		results, err := r.ops.DeactivateAndWait(t.Context(), ids)
		_, ok := errors.AsType[*rcuser.ArgumentError](err)
		require.True(t, ok, "%v", err)
		require.Nil(t, results)
	}
	require.Empty(t, r.Requests())
}

// TestDeactivateAndWaitWithoutAnswer checks that a second call waits for another operation if the first one's is unknown.
func TestDeactivateAndWaitWithoutAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRC(t, webhook.OperationsOptions{})
		r.Inject(rctest.Fault{Kind: rctest.LostAnswer, Times: rctest.Always})
		results, err := r.ops.DeactivateAndWait(contextWithin(t, 25*time.Minute), []string{"u1"})
		failure, ok := errors.AsType[*rcuser.Error](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, rcuser.Unknown, failure.Outcome)
		require.Nil(t, results)
		require.True(t, r.User("u1").Deactivated)
		r.ClearFaults()
		results, err = r.ops.DeactivateAndWait(contextWithin(t, 25*time.Minute), []string{"u1"})
		require.NoError(t, err)
		require.True(t, results["u1"].Done())
	})
}

// TestDeactivateAndWaitGoesOn checks that Wait finishes what a context has ended.
func TestDeactivateAndWaitGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRC(t, webhook.OperationsOptions{})
		results, err := r.ops.DeactivateAndWait(contextWithin(t, time.Minute), []string{"u1", "u2"})
		require.Empty(t, results)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		failure, ok := errors.AsType[*webhook.WaitError](err)
		require.True(t, ok)
		require.Equal(t, []string{"u1", "u2"}, failure.Missing)
		results, err = r.ops.Wait(contextWithin(t, 25*time.Minute), rcuser.Operation{ID: failure.OperationID}, failure.Missing)
		require.NoError(t, err)
		require.Len(t, results, 2)
	})
}
