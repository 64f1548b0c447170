package rctest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// TestTimerOnlyWithWebhook: without one, the garbage collector can free a server that isn't closed.
func TestTimerOnlyWithWebhook(t *testing.T) {
	t.Parallel()
	srv := NewServer()
	defer srv.Close()
	client, err := rcuser.NewClient(srv.Config())
	require.NoError(t, err)
	_, err = client.Users.Deactivate(t.Context(), []string{"u1"})
	require.NoError(t, err)
	require.Nil(t, srv.state.timer)
	for _, end := range []func(){func() { srv.SetWebhook(nil) }, func() { srv.SetWebhookURL("") }, srv.Close} {
		srv.SetWebhook(http.NotFoundHandler())
		require.NotNil(t, srv.state.timer)
		end()
		require.Nil(t, srv.state.timer)
	}
}
