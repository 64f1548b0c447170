package rcuser_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// TestLengthIsDeclared is for servers that don't take chunked bodies; net/http chunks whatever it isn't told the length of.
func TestLengthIsDeclared(t *testing.T) {
	t.Parallel()
	type seen struct {
		length   int64
		encoding []string
		body     string
	}
	requests := make(chan seen, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- seen{r.ContentLength, r.TransferEncoding, string(body)}
		_, _ = io.WriteString(w, `{"code":200,"users":[],"status":"1"}`)
	}))
	t.Cleanup(server.Close)
	client, err := rcuser.NewClient(rcuser.Config{AppKey: "k", AppSecret: "s", DataCenter: rcuser.DataCenter{Primary: server.URL}})
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	_, err = client.Presence.Online(t.Context(), "bob")
	require.NoError(t, err)
	require.Equal(t, seen{10, nil, "userId=bob"}, <-requests)
	_, err = client.Bans.List(t.Context(), rcuser.PageOptions{})
	require.NoError(t, err)
	require.Equal(t, seen{0, nil, ""}, <-requests)
}
