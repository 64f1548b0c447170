package webhook_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

// TestEventStrings checks that a value without a name is printed as it is.
func TestEventStrings(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"online", "offline", "logged out", "9", ""}, []string{
		webhook.Online.String(), webhook.Offline.String(), webhook.LoggedOut.String(), webhook.Status("9").String(), webhook.Status("").String(),
	})
	require.Equal(t, []string{"deactivation", "reactivation", "2"}, []string{
		webhook.Deactivation.String(), webhook.Reactivation.String(), webhook.OperationType("2").String(),
	})
	require.True(t, webhook.DeactivationEvent{Code: "0"}.Done())
	require.False(t, webhook.DeactivationEvent{Code: "00"}.Done())
	require.False(t, webhook.DeactivationEvent{}.Done())
}
