package rctest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// refusedConnect requires that the token doesn't connect, and returns the error.
func (f *fake) refusedConnect(token string, reason error) rctest.ConnectError {
	f.t.Helper()
	err := f.Connect(token)
	require.ErrorIs(f.t, err, reason)
	var refused *rctest.ConnectError
	require.ErrorAs(f.t, err, &refused)
	require.Equal(f.t, reason, refused.Reason)
	require.NotContains(f.t, err.Error(), "rongnav", "no token in a text")
	return *refused
}

func TestConnect(t *testing.T) {
	t.Parallel()
	f, other := setup(t), setup(t)
	token := f.register("a")
	f.refusedConnect("", rctest.ErrUnknownToken)
	require.Empty(t, f.refusedConnect(other.register("a"), rctest.ErrUnknownToken).UserID)
	require.False(t, f.User("a").Online)

	require.NoError(t, f.Connect(token))
	require.True(t, f.User("a").Online)
	require.NoError(t, f.Connect(f.register("a")), "a further device")

	f.ok(blockPath, "userId=a&minute=5")
	require.False(t, f.User("a").Online)
	refused := f.refusedConnect(token, rctest.ErrBanned)
	require.Equal(t, f.User("a").BannedUntil, refused.BannedUntil)
	require.Contains(t, refused.Error(), `user "a": the user is banned until `+refused.BannedUntil.Format(time.DateTime))
	require.False(t, f.User("a").Online)
	f.Advance(5 * time.Minute)
	require.NoError(t, f.Connect(token))
}

func TestConnectWithAnExpiredToken(t *testing.T) {
	t.Parallel()
	f := setup(t)
	token := f.register("a")
	require.NoError(t, f.Connect(token))
	f.ok(expirePath, "userId=a&time="+millis(f.Now().Add(time.Millisecond)))
	require.True(t, f.User("a").Online, "expiring doesn't disconnect")
	f.refusedConnect(token, rctest.ErrExpiredToken)
	f.ok(blockPath, "userId=a&minute=5")
	require.Equal(t, "a", f.refusedConnect(token, rctest.ErrExpiredToken).UserID, "the reason that doesn't end by itself")
}

func TestConnectADeactivatedUser(t *testing.T) {
	t.Parallel()
	f := setup(t)
	token := f.register("a")
	f.ok(deactivatePath, "userId=a")
	f.refusedConnect(token, rctest.ErrDeactivated)
	f.Advance(time.Hour)
	f.refusedConnect(token, rctest.ErrDeactivated)
	f.ok(reactivatePath, "userId=a")
	f.refusedConnect(token, rctest.ErrExpiredToken)
	require.NoError(t, f.Connect(f.register("a")))
}

func TestConnectEvents(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		token := f.register("a")
		require.NoError(t, f.Connect(token))
		require.NoError(t, f.Connect(token))
		f.ok(blockPath, "userId=a&minute=5")
		require.Error(t, f.Connect(token))
		f.ok(unblockPath, "userId=a")
		require.NoError(t, f.Connect(token))
		require.Equal(t, []string{"0 0s", "1 0s", "0 0s"}, a.presenceStatuses())
	})
}
