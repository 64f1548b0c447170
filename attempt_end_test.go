package rcuser_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

// deadlineOnly is a context whose deadline passes without Err being set, as it is for the instant in which a dial's own
// timer is faster than the context's.
type deadlineOnly struct {
	context.Context
	deadline time.Time
}

func (c deadlineOnly) Deadline() (time.Time, bool) { return c.deadline, true }

// TestDialThatEndsWithTheCallersDeadline must not be taken for a failure of the host.
func TestDialThatEndsWithTheCallersDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log warnings
		client, tap := newClient(t, func(*http.Request) (*http.Response, error) {
			time.Sleep(10 * time.Millisecond)
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
		}, log.to, func(c *rcuser.Config) { c.DataCenter.Backup = rcuser.Beijing.Backup })
		ctx := deadlineOnly{t.Context(), time.Now().Add(10 * time.Millisecond)}
		rcErr := requireError(t, ban(ctx, client))
		require.Equal(t, context.DeadlineExceeded, rcErr.Err)
		require.Equal(t, []any{1, rcuser.NotApplied}, []any{rcErr.Attempts, rcErr.Outcome})
		require.Len(t, tap.requests(), 1)
		require.Zero(t, log.count(switching))
	})
}

// TestSlowCredentialsAreNotTheHostsFault has a backup, which gets no request.
func TestSlowCredentialsAreNotTheHostsFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log warnings
		client, _ := newClient(t, unexpected(t), log.to, func(c *rcuser.Config) {
			c.DataCenter.Backup = rcuser.Beijing.Backup
			c.AppKey, c.AppSecret = "", ""
			c.Credentials = func(context.Context) (rcuser.Credentials, error) {
				time.Sleep(5 * time.Second)
				return rcuser.Credentials{AppKey: "k", AppSecret: "s"}, nil
			}
		})
		rcErr := requireError(t, ban(t.Context(), client))
		require.ErrorContains(t, rcErr, "credentials: context deadline exceeded")
		require.Equal(t, []any{1, rcuser.NotApplied}, []any{rcErr.Attempts, rcErr.Outcome})
		require.Zero(t, log.count(switching))
	})
}

type panics struct{}

func (*panics) UnmarshalJSON([]byte) error { panic("in the caller's type") }

// TestPanicWhileDecodingLeavesNoConnection is about panics that the caller recovers, as HTTP handlers do.
func TestPanicWhileDecodingLeavesNoConnection(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{}, 10)
	serveOpen := keepsOpen(&tally[net.Conn]{})
	base := systemtest.RawServer(t, func(c net.Conn) {
		serveOpen(c)
		closed <- struct{}{}
	})
	client := overWire(t, base, once)
	for range cap(closed) {
		require.Panics(t, func() { _ = client.Call(t.Context(), rcuser.Request{Path: "/x.json"}, new(panics)) })
	}
	for range cap(closed) {
		select {
		case <-closed:
		case <-time.After(5 * time.Second):
			require.FailNow(t, "a connection stays open")
		}
	}
}

// TestPanicOfTheCredentials passes through, and the next call works.
func TestPanicOfTheCredentials(t *testing.T) {
	t.Parallel()
	uses := &tally[net.Conn]{}
	ill := false
	client := overWire(t, systemtest.RawServer(t, keepsOpen(uses)), func(c *rcuser.Config) {
		c.AppKey, c.AppSecret = "", ""
		c.Credentials = func(context.Context) (rcuser.Credentials, error) {
			if ill {
				panic("in the credentials")
			}
			return rcuser.Credentials{AppKey: "k", AppSecret: "s"}, nil
		}
	})
	for range 3 {
		ill = false
		require.NoError(t, ban(t.Context(), client))
		ill = true
		require.PanicsWithValue(t, "in the credentials", func() { _ = ban(t.Context(), client) })
	}
	require.Equal(t, []int{3}, uses.counts(), "the connection is kept")
}

// TestSilenceIsNoClosedConnection has the user's transport give up on a reused connection: that is the host's failure.
func TestSilenceIsNoClosedConnection(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var requests atomic.Int32
	primary := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) > 1 {
			<-release
		}
		answer(w, http.StatusOK, success)
	})
	t.Cleanup(func() { close(release) })
	backup := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, success) })
	transport := &http.Transport{ResponseHeaderTimeout: 20 * time.Millisecond}
	t.Cleanup(transport.CloseIdleConnections)
	var log warnings
	client := overWire(t, primary.URL, log.to, func(c *rcuser.Config) {
		c.DataCenter.Backup = backup.URL
		c.HTTPClient = &http.Client{Transport: transport}
	})
	require.NoError(t, ban(t.Context(), client))
	require.NoError(t, ban(t.Context(), client))
	require.Equal(t, 1, log.count(switching))
	require.EqualValues(t, 2, requests.Load(), "the next attempt went to the backup")
}

// TestStreamResetOfHTTP2 has a transport of the user's, wrapped, whose connection lives while the primary resets every
// stream: the backup is to be asked.
func TestStreamResetOfHTTP2(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	primary := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) > 1 {
			panic(http.ErrAbortHandler)
		}
		answer(w, http.StatusOK, success)
	}))
	primary.EnableHTTP2 = true
	primary.StartTLS()
	t.Cleanup(primary.Close)
	backup := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, success) })
	transport := primary.Client().Transport
	var log warnings
	client := overWire(t, primary.URL, log.to, func(c *rcuser.Config) {
		c.DataCenter.Backup = backup.URL
		c.HTTPClient = &http.Client{Transport: roundTripFunc(transport.RoundTrip)}
	})
	for range 5 {
		require.NoError(t, ban(t.Context(), client))
	}
	require.Equal(t, 1, log.count(switching))
	require.EqualValues(t, 2, requests.Load())
}

// TestGetBodyOfAnEmptyForm is for wrappers that rewind a body without looking whether there is one.
func TestGetBodyOfAnEmptyForm(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, func(req *http.Request) (*http.Response, error) {
		body, err := req.GetBody()
		require.NoError(t, err)
		data, err := io.ReadAll(body)
		require.NoError(t, err)
		require.Empty(t, data)
		return reply(http.StatusOK, `{"code":200,"users":[]}`)(req)
	})
	_, err := client.Bans.List(t.Context(), rcuser.PageOptions{})
	require.NoError(t, err)
}
