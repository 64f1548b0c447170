package rcuser_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

// TestSlowCredentialsSendNothing has the attempt's time run out before there is anything to sign with.
func TestSlowCredentialsSendNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, unexpected(t), once, func(c *rcuser.Config) {
			c.AppKey, c.AppSecret = "", ""
			c.Credentials = func(context.Context) (rcuser.Credentials, error) {
				time.Sleep(6 * time.Second)
				return rcuser.Credentials{AppKey: "k", AppSecret: "s"}, nil
			}
		})
		rcErr := requireError(t, ban(t.Context(), client))
		require.Equal(t, rcuser.NotApplied, rcErr.Outcome)
		require.ErrorIs(t, rcErr, context.DeadlineExceeded)
	})
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

// TestWrappedTransportIsUnderstood has a wrapper such as those for traces and metrics: what was sent is known all the
// same, and so is a connection's end.
func TestWrappedTransportIsUnderstood(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler()) // whose certificate nobody trusts
	t.Cleanup(server.Close)
	inner := &http.Transport{}
	t.Cleanup(inner.CloseIdleConnections)
	for name, transport := range map[string]http.RoundTripper{"plain": inner, "wrapped": roundTripFunc(inner.RoundTrip)} {
		client, _ := newClient(t, nil, once, func(c *rcuser.Config) {
			c.DataCenter.Primary = server.URL
			c.HTTPClient = &http.Client{Transport: transport}
		})
		rcErr := requireError(t, ban(t.Context(), client))
		require.Equal(t, rcuser.NotApplied, rcErr.Outcome, name)
	}
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

// TestBodyStaysOutOfJSON is for logs, by pointer and by value.
func TestBodyStaysOutOfJSON(t *testing.T) {
	t.Parallel()
	failure := &rcuser.Error{Endpoint: "/x", StatusCode: 502, Body: []byte(tokenMark)}
	for _, v := range append(hold(failure, failure), hold(*failure, failure)...) {
		requireHidden(t, v, tokenMark, true)
		data, err := json.Marshal(v)
		require.NoError(t, err)
		require.NotContains(t, string(data), "dE9rRW44Vzo", "base64")
	}
}

// TestNilClient is a mistake, not a crash.
func TestNilClient(t *testing.T) {
	t.Parallel()
	var client *rcuser.Client
	client.CloseIdleConnections()
	require.Error(t, client.Call(t.Context(), "/x.json", nil, nil))
}

func TestConfigRefusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	config := rcuser.Config{AppKey: "k", AppSecret: "s", DataCenter: rcuser.DataCenter{Primary: "https://host:99999"}}
	_, err := rcuser.NewClient(config)
	require.ErrorContains(t, err, "DataCenter.Primary: has a port beyond 65535")
	config.DataCenter.Primary = "https://host/a%2Fb"
	_, err = rcuser.NewClient(config)
	require.ErrorContains(t, err, "escaped")
	config.DataCenter.Primary = "http://[::ffff:127.0.0.1]:8080"
	_, err = rcuser.NewClient(config)
	require.NoError(t, err)
	config.HTTPClient = &http.Client{Jar: jar{}}
	_, err = rcuser.NewClient(config)
	require.ErrorContains(t, err, "HTTPClient.Jar")
}

type jar struct{ http.CookieJar }
