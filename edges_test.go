package rcuser_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// TestPortraitIsMeasuredInBytes has one of fewer characters than the limit has bytes.
func TestPortraitIsMeasuredInBytes(t *testing.T) {
	t.Parallel()
	portrait := strings.Repeat("用", 342)
	client, tap := newClient(t, unexpected(t))
	_, err := client.Users.Register(t.Context(), rcuser.Registration{UserID: "u", Name: "n", PortraitURI: portrait})
	requireArgumentError(t, err, "Registration.PortraitURI", "1026 bytes, at most 1024", tap)
	err = client.Users.Update(t.Context(), "u", rcuser.UserUpdate{PortraitURI: &portrait})
	requireArgumentError(t, err, "UserUpdate.PortraitURI", "1026 bytes, at most 1024", tap)
}

// TestEmptyIDsInListsAreBroken guards iterators, in which an empty id comes with an error.
func TestEmptyIDsInListsAreBroken(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, reply(200, `{"code":200,"users":["a",null]}`), once)
	_, err := client.Users.ListDeactivated(t.Context(), rcuser.PageOptions{})
	require.ErrorContains(t, err, "no id")
	_, err = client.Blocklist.List(t.Context(), "a", rcuser.CursorOptions{})
	require.ErrorContains(t, err, "no id")
}

// TestCallIsNotRepeatedOnceItMayHaveBeenApplied has answers that ask to slow down and leave open what happened.
func TestCallIsNotRepeatedOnceItMayHaveBeenApplied(t *testing.T) {
	t.Parallel()
	for status, body := range map[int]string{429: `{"code":1000}`, 500: `{"code":1008}`} {
		client, tap := newClient(t, reply(status, body))
		rcErr := requireError(t, client.Call(t.Context(), "/x.json", nil, nil))
		require.Equal(t, rcuser.Unknown, rcErr.Outcome)
		require.Len(t, tap.requests(), 1)
	}
}

// TestTextsNameTheFault is for what people who operate it meet first.
func TestTextsNameTheFault(t *testing.T) {
	t.Parallel()
	page := func(req *http.Request) (*http.Response, error) {
		resp, err := reply(404, "<html>")(req)
		resp.Header.Set("Content-Type", "text/html; charset=utf-8")
		return resp, err
	}
	client, _ := newClient(t, page, once)
	require.ErrorContains(t, ban(t.Context(), client), "/user/block.json: broken answer: it is text/html; charset=utf-8, not JSON (HTTP 404")
	client, _ = newClient(t, reply(302, ""), once)
	require.ErrorContains(t, ban(t.Context(), client), "a redirect, which is refused; is the base URL right? (HTTP 302")
}

// TestNilClient is a mistake, not a crash.
func TestNilClient(t *testing.T) {
	t.Parallel()
	var client *rcuser.Client
	client.CloseIdleConnections()
	require.Error(t, client.Call(t.Context(), "/x.json", nil, nil))
}
