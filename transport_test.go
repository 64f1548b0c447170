package rcuser_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

// wrapper makes a transport around the next one.
type wrapper func(next http.RoundTripper) http.RoundTripper

// use sets WrapTransport.
func (w wrapper) use(c *rcuser.Config) { c.WrapTransport = w }

func wrap(roundTrip func(next http.RoundTripper, req *http.Request) (*http.Response, error)) wrapper {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripFunc(func(req *http.Request) (*http.Response, error) { return roundTrip(next, req) })
	}
}

type spanKey struct{}

// tracing does what OpenTelemetry's otelhttp does: it puts a span and a trace of its own into the context, clones the
// request, adds a header and wraps the answer's body.
var tracing = wrap(func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
	ctx := context.WithValue(req.Context(), spanKey{}, "span")
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:     func(httptrace.GotConnInfo) {},
		ConnectDone: func(string, string, error) {},
	})
	out := req.Clone(ctx)
	out.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	resp, err := next.RoundTrip(out)
	if err != nil {
		return resp, err
	}
	resp.Body = struct{ io.ReadCloser }{resp.Body}
	return resp, nil
})

// buffering reads the request's body and the answer's, and replaces both. It never closes the answer's.
var buffering = wrap(func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
	sent, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	out := req.Clone(req.Context())
	out.Body, out.GetBody = io.NopCloser(bytes.NewReader(sent)), nil
	resp, err := next.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(got))
	return resp, err
})

// withoutContext sends requests with a context that has nothing of the caller's.
var withoutContext = wrap(func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
	return next.RoundTrip(req.Clone(context.Background()))
})

// hidingErrors returns errors that say nothing of those below.
var hidingErrors = wrap(func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
	resp, err := next.RoundTrip(req)
	if err != nil {
		return nil, errors.New("the request failed")
	}
	return resp, nil
})

var wrappers = map[string]wrapper{
	"unchanged":       func(next http.RoundTripper) http.RoundTripper { return next },
	"tracing":         tracing,
	"tracing, twice":  func(next http.RoundTripper) http.RoundTripper { return tracing(tracing(next)) },
	"buffering":       buffering,
	"without context": withoutContext,
	"later": wrap(func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		return next.RoundTrip(req.WithContext(context.WithoutCancel(req.Context())))
	}),
}

// TestWrapTransportUsesPerConnection counts the requests on each connection at a server that never closes one.
func TestWrapTransportUsesPerConnection(t *testing.T) {
	t.Parallel()
	for name, wrap := range wrappers {
		uses := &tally[net.Conn]{}
		client := overWire(t, systemtest.RawServer(t, keepsOpen(uses)), wrap.use, once)
		for range 500 {
			require.NoError(t, ban(t.Context(), client), name)
		}
		requireUses(t, uses, 500)
		require.Len(t, uses.counts(), 7, name)
	}
}

// TestWrapTransportIsCalledOnce by NewClient, and what it returns gets every attempt.
func TestWrapTransportIsCalledOnce(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, success) })
	for name, own := range map[string]*http.Client{"own": nil, "no transport": {}, "user's": {Transport: &http.Transport{DisableKeepAlives: true}}} {
		var calls, requests int
		client := overWire(t, server.URL, func(c *rcuser.Config) {
			c.HTTPClient = own
			c.WrapTransport = func(next http.RoundTripper) http.RoundTripper {
				calls++
				return roundTripFunc(func(req *http.Request) (*http.Response, error) {
					requests++
					return next.RoundTrip(req)
				})
			}
		})
		require.Equal(t, 1, calls, name)
		for range 3 {
			require.NoError(t, ban(t.Context(), client))
		}
		require.Equal(t, []int{1, 3}, []int{calls, requests}, name)
	}
}

func TestWrapTransportReturnsNil(t *testing.T) {
	t.Parallel()
	_, err := rcuser.NewClient(rcuser.Config{
		AppKey: testKey, AppSecret: testSecret, DataCenter: rcuser.Beijing,
		WrapTransport: func(http.RoundTripper) http.RoundTripper { return nil },
	})
	require.EqualError(t, err, "rcuser: WrapTransport: returned nil")
	var argErr *rcuser.ArgumentError
	require.ErrorAs(t, err, &argErr)
}

// keptOnce is a server that answers once on each connection and closes it at the first byte of the next request. The
// first n connections answer only when all of them have a request.
func keptOnce(t *testing.T, n int) (base string, applied *tally[string]) {
	t.Helper()
	applied = &tally[string]{}
	var barrier sync.WaitGroup
	barrier.Add(n)
	var conns atomic.Int32
	base = systemtest.RawServer(t, func(conn net.Conn) {
		if int(conns.Add(1)) <= n {
			conn = delayedConn{conn, func() { barrier.Done(); barrier.Wait() }}
		}
		oneAnswerPerConn(applied, waysToClose["closed at the first byte"])(conn)
	})
	return base, applied
}

// TestFiveClosedConnectionsBelowAWrapper has no backup: the repeat must be made on a new connection, below whatever the
// user has put around a transport.
func TestFiveClosedConnectionsBelowAWrapper(t *testing.T) {
	t.Parallel()
	usersOwn := func(c *rcuser.Config) {
		transport := &http.Transport{MaxIdleConnsPerHost: 8}
		t.Cleanup(transport.CloseIdleConnections)
		c.HTTPClient = &http.Client{Transport: transport}
	}
	hidden := func(w wrapper) func(*rcuser.Config) {
		return func(c *rcuser.Config) {
			usersOwn(c)
			c.HTTPClient.Transport = w(c.HTTPClient.Transport)
		}
	}
	none := func(*rcuser.Config) {}
	for name, changes := range map[string][]func(*rcuser.Config){
		"SDK's":                      {none, none},
		"SDK's, tracing":             {none, tracing.use},
		"SDK's, tracing, cancel":     {none, wrappers["later"].use},
		"SDK's, error hidden":        {none, hidingErrors.use},
		"user's":                     {usersOwn, none},
		"user's, tracing":            {usersOwn, tracing.use},
		"user's, tracing of its own": {hidden(tracing), none},
		"user's, both":               {hidden(tracing), tracing.use},
	} {
		base, applied := keptOnce(t, 5)
		client := overWire(t, base, append(changes, func(c *rcuser.Config) {
			c.Retry.BaseWait, c.Retry.MaxWait = time.Minute, time.Minute // makes the test time out if a retry isn't immediate
		})...)
		atOnce(t, 5, func() error { return ban(t.Context(), client) })
		require.Len(t, applied.counts(), 5, name)
		require.NoError(t, ban(t.Context(), client), name)
		require.Len(t, applied.counts(), 6, name)
	}
}

// TestClosedConnectionAfterACannedAnswer has a wrapper that answers the first request itself.
func TestClosedConnectionAfterACannedAnswer(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]*http.Client{"SDK's": nil, "user's": {Transport: &http.Transport{}}} {
		base, applied := keptOnce(t, 1)
		canned := false
		client := overWire(t, base, deadBackup, func(c *rcuser.Config) { c.HTTPClient = own }, wrap(
			func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
				if !canned {
					canned = true
					return reply(http.StatusOK, success)(req)
				}
				return next.RoundTrip(req)
			}).use)
		for range 4 {
			require.NoError(t, ban(t.Context(), client), name)
		}
		require.Len(t, applied.counts(), 3, name)
	}
}

// TestWrapperThatDropsTheContext gets what is safe: only a failed dial has sent nothing.
func TestWrapperThatDropsTheContext(t *testing.T) {
	t.Parallel()
	client := overWire(t, "http://127.0.0.1:1", withoutContext.use, once)
	require.Equal(t, rcuser.NotApplied, requireError(t, ban(t.Context(), client)).Outcome)
	base := systemtest.RawServer(t, func(conn net.Conn) { systemtest.ReadRequest(bufio.NewReader(conn)) })
	client = overWire(t, base, withoutContext.use, once)
	require.Equal(t, rcuser.Unknown, requireError(t, ban(t.Context(), client)).Outcome)

	silent := systemtest.RawServer(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	client = overWire(t, silent, withoutContext.use, once, func(c *rcuser.Config) { c.AttemptTimeout = 50 * time.Millisecond })
	took, err := timed(func() error { return ban(t.Context(), client) })
	require.ErrorContains(t, err, "no answer within 50ms")
	require.Less(t, took, 2*time.Second)
}

// TestWrapperThatSendsTwice sends every request twice and returns the second answer; the first it closes, leaves unread,
// or reads without closing it.
func TestWrapperThatSendsTwice(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*http.Response){
		"closed": func(resp *http.Response) { _ = resp.Body.Close() },
		"read":   func(resp *http.Response) { _, _ = io.Copy(io.Discard, resp.Body) },
		"left":   func(*http.Response) {},
	} {
		var open atomic.Int32
		uses := &tally[net.Conn]{}
		serveOpen := keepsOpen(uses)
		base := systemtest.RawServer(t, func(conn net.Conn) {
			open.Add(1)
			defer open.Add(-1)
			serveOpen(conn)
		})
		client := overWire(t, base, once, wrap(func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			first, err := next.RoundTrip(req)
			if err != nil {
				return nil, err
			}
			end(first)
			again := req.Clone(req.Context())
			if again.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
			return next.RoundTrip(again)
		}).use)
		for range 30 {
			require.NoError(t, ban(t.Context(), client), name)
		}
		requireUses(t, uses, 60)
		require.Eventually(t, func() bool { return open.Load() <= 2 }, 5*time.Second, time.Millisecond, name)
		client.CloseIdleConnections()
		require.Eventually(t, func() bool { return open.Load() == 0 }, 5*time.Second, time.Millisecond, name)
	}
}

// TestWrapperThatPanics lets the panic through, before and after the request was sent, and leaves no connection.
func TestWrapperThatPanics(t *testing.T) {
	t.Parallel()
	user := &http.Transport{}
	for name, own := range map[string]*http.Client{"SDK's": nil, "user's": {Transport: user}} {
		for _, after := range []bool{false, true} {
			var open atomic.Int32
			serveOpen := keepsOpen(&tally[net.Conn]{})
			base := systemtest.RawServer(t, func(conn net.Conn) {
				open.Add(1)
				defer open.Add(-1)
				serveOpen(conn)
			})
			client := overWire(t, base, func(c *rcuser.Config) { c.HTTPClient = own }, wrap(
				func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
					if after {
						_, _ = next.RoundTrip(req)
					}
					panic("in the wrapper")
				}).use)
			require.PanicsWithValue(t, "in the wrapper", func() { _ = ban(t.Context(), client) }, name)
			require.Eventually(t, func() bool { return open.Load() == 0 }, 5*time.Second, time.Millisecond, name)
		}
	}
}

// TestWrapperWithoutAResult returns nothing, an error without a text, or an answer beside an error.
func TestWrapperWithoutAResult(t *testing.T) {
	t.Parallel()
	base := systemtest.RawServer(t, keepsOpen(&tally[net.Conn]{}))
	for text, w := range map[string]wrapper{
		"the transport returned neither an answer nor an error": wrap(func(http.RoundTripper, *http.Request) (*http.Response, error) {
			return nil, nil //nolint:nilnil // a RoundTripper that breaks its contract
		}),
		"the transport failed without naming a cause": wrap(func(http.RoundTripper, *http.Request) (*http.Response, error) {
			return nil, errors.New(" ")
		}),
		"span: lost": wrap(func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			return resp, errors.Join(errors.New("span: lost"), err)
		}),
	} {
		rcErr := requireError(t, ban(t.Context(), overWire(t, base, w.use, once)))
		require.EqualError(t, rcErr.Err, text)
		require.Equal(t, []any{rcuser.Unknown, 0}, []any{rcErr.Outcome, rcErr.StatusCode})
	}
}

// TestAnswerBesideAnError is closed, so that it doesn't cost a connection.
func TestAnswerBesideAnError(t *testing.T) {
	t.Parallel()
	closed := 0
	client, _ := newClient(t, func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: countingBody{&closed}}, io.ErrClosedPipe
	}, once)
	require.ErrorIs(t, ban(t.Context(), client), io.ErrClosedPipe)
	require.Equal(t, 1, closed)
}

type countingBody struct{ closed *int }

func (countingBody) Read([]byte) (int, error) { return 0, io.EOF }

func (c countingBody) Close() error {
	*c.closed++
	return nil
}
