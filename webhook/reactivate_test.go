package webhook_test

import (
	"errors"
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
