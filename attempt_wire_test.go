package rcuser_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var arrived atomic.Int32
	elsewhere := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		arrived.Add(1)
		answer(w, http.StatusOK, success)
	})
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", elsewhere.URL+"/user/block.json")
			answer(w, status, "")
		})
		for name, change := range map[string]func(*rcuser.Config){
			"own transport":  func(*rcuser.Config) {},
			"user's default": func(c *rcuser.Config) { c.HTTPClient = &http.Client{} },
			"user's policy": func(c *rcuser.Config) {
				c.HTTPClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
			},
		} {
			rcErr := requireError(t, ban(t.Context(), overWire(t, server.URL, change)))
			require.Equal(t, []any{status, rcuser.NotApplied, 1, false},
				[]any{rcErr.StatusCode, rcErr.Outcome, rcErr.Attempts, rcErr.Retryable()}, name)
		}
	}
	require.Zero(t, arrived.Load())
}

// TestWireFormat checks a request as the server receives it.
func TestWireFormat(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 1)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got <- r
		answer(w, http.StatusOK, success)
	})
	client := overWire(t, server.URL+"/prefix")
	require.NoError(t, client.Bans.Remove(t.Context(), []string{"a&b", "c,d"}))
	r := <-got
	require.Equal(t, "POST /prefix/user/unblock.json HTTP/1.1", r.Method+" "+r.RequestURI+" "+r.Proto)
	require.Equal(t, server.Listener.Addr().String(), r.Host)
	require.Equal(t, []string{"a&b", "c,d"}, r.PostForm["userId"])
	require.Equal(t, testKey, r.Header.Get("App-Key"))
	require.Equal(t, rcuser.Sign(testSecret, r.Header.Get("Nonce"), r.Header.Get("Timestamp")), r.Header.Get("Signature"))
}

// TestContentLengthOfCall requires a Content-Length, because not every proxy accepts chunked bodies.
func TestContentLengthOfCall(t *testing.T) {
	t.Parallel()
	type framing struct {
		length   int64
		encoding []string
	}
	got := make(chan framing, 1)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got <- framing{r.ContentLength, r.TransferEncoding}
		answer(w, http.StatusOK, success)
	})
	client := overWire(t, server.URL)
	require.NoError(t, ban(t.Context(), client))
	require.Equal(t, framing{18, nil}, <-got)
	require.NoError(t, client.Call(t.Context(), rcuser.Request{Path: "/x.json"}, nil))
	require.Equal(t, framing{0, nil}, <-got)
}

func TestHTMLOverTheWire(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("Content-Type", "text/html")
		answer(w, http.StatusBadGateway, html)
	})
	rcErr := requireError(t, ban(t.Context(), overWire(t, server.URL)))
	require.Equal(t, []any{502, html, 3, rcuser.Unknown, server.Listener.Addr().String()},
		[]any{rcErr.StatusCode, string(rcErr.Body), rcErr.Attempts, rcErr.Outcome, rcErr.Host})
	require.EqualValues(t, 3, requests.Load())
}

// TestConnectionRefused calls a port on which nothing listens. Client.Call repeats that too.
func TestConnectionRefused(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	base := "http://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	for name, change := range map[string]func(*rcuser.Config){
		"own transport": func(*rcuser.Config) {},
		"wrapped": func(c *rcuser.Config) {
			c.HTTPClient = &http.Client{Transport: roundTripFunc((&http.Transport{}).RoundTrip)}
		},
	} {
		for _, call := range []error{ban(t.Context(), overWire(t, base, change)), other("/x.json", nil)(t.Context(), overWire(t, base, change))} {
			rcErr := requireError(t, call)
			require.Equal(t, []any{3, rcuser.NotApplied, 0, true},
				[]any{rcErr.Attempts, rcErr.Outcome, rcErr.StatusCode, rcErr.Retryable()}, name)
			require.ErrorIs(t, rcErr, syscall.ECONNREFUSED)
			require.Equal(t, listener.Addr().String(), rcErr.Host)
		}
	}
}

// TestConnectionReset uses a server that reads each request and resets the connection.
func TestConnectionReset(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		requests.Add(1)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	})
	for name, change := range map[string]func(*rcuser.Config){
		"own transport": func(*rcuser.Config) {},
		"wrapped": func(c *rcuser.Config) {
			c.HTTPClient = &http.Client{Transport: roundTripFunc((&http.Transport{}).RoundTrip)}
		},
	} {
		requests.Store(0)
		rcErr := requireError(t, ban(t.Context(), overWire(t, server.URL, change)))
		require.Equal(t, []any{3, rcuser.Unknown, 0}, []any{rcErr.Attempts, rcErr.Outcome, rcErr.StatusCode}, name)
		require.EqualValues(t, 3, requests.Load(), name)
		rcErr = requireError(t, other("/x.json", nil)(t.Context(), overWire(t, server.URL, change)))
		require.Equal(t, []any{1, rcuser.Unknown}, []any{rcErr.Attempts, rcErr.Outcome}, name)
		require.EqualValues(t, 4, requests.Load(), name)
	}
}

// TestTruncatedAnswerOverTheWire sends less than Content-Length.
func TestTruncatedAnswerOverTheWire(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		answer(w, http.StatusOK, success)
	})
	rcErr := requireError(t, ban(t.Context(), overWire(t, server.URL, once)))
	require.ErrorIs(t, rcErr, io.ErrUnexpectedEOF)
	require.Equal(t, []any{200, rcuser.Unknown}, []any{rcErr.StatusCode, rcErr.Outcome})
}

func TestServerThatNeverAnswers(t *testing.T) {
	t.Parallel()
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	client := overWire(t, server.URL, once, func(c *rcuser.Config) { c.AttemptTimeout = 100 * time.Millisecond })
	rcErr := requireError(t, ban(t.Context(), client))
	require.ErrorContains(t, rcErr, "no answer within 100ms")
	require.Equal(t, rcuser.Unknown, rcErr.Outcome)
}

// countConnections returns a server and the number of connections opened to it.
func countConnections(t *testing.T, handler http.HandlerFunc) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(handler)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server, &opened
}

// TestFailuresKeepTheConnection lets two calls of three fail and requires all to use one connection.
func TestFailuresKeepTheConnection(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	server, opened := countConnections(t, func(w http.ResponseWriter, _ *http.Request) {
		switch requests.Add(1) % 3 {
		case 0:
			answer(w, http.StatusOK, success)
		case 1:
			answer(w, http.StatusBadRequest, `{"code":1002}`)
		default:
			answer(w, http.StatusBadGateway, html)
		}
	})
	client := overWire(t, server.URL, once)
	for range 30 {
		_ = ban(t.Context(), client)
	}
	require.EqualValues(t, 30, requests.Load())
	require.EqualValues(t, 1, opened.Load())
	client.CloseIdleConnections()
	_ = ban(t.Context(), client)
	require.EqualValues(t, 2, opened.Load(), "CloseIdleConnections closed the first")
}

// closeCounter counts calls of CloseIdleConnections.
type closeCounter struct {
	*http.Transport
	closed atomic.Int32
}

func (c *closeCounter) CloseIdleConnections() {
	c.closed.Add(1)
	c.Transport.CloseIdleConnections()
}

func TestUsersTransportIsNotClosed(t *testing.T) {
	t.Parallel()
	server, opened := countConnections(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusBadGateway, html) })
	own := &closeCounter{Transport: &http.Transport{}}
	t.Cleanup(own.Transport.CloseIdleConnections)
	for _, transport := range []http.RoundTripper{own, own.Transport} {
		client := overWire(t, server.URL, func(c *rcuser.Config) { c.HTTPClient = &http.Client{Transport: transport} })
		for range 3 {
			require.Error(t, ban(t.Context(), client))
			client.CloseIdleConnections()
		}
	}
	require.Zero(t, own.closed.Load())
	require.EqualValues(t, 1, opened.Load())
}

// TestCertificateIsChecked uses a server with a self-signed certificate.
func TestCertificateIsChecked(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		answer(w, http.StatusOK, success)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the handshake is meant to fail
	server.StartTLS()
	t.Cleanup(server.Close)
	rcErr := requireError(t, ban(t.Context(), overWire(t, server.URL, once)))
	require.Equal(t, rcuser.NotApplied, rcErr.Outcome)
	require.ErrorContains(t, rcErr, "certificate")
	require.Zero(t, requests.Load())
	client := overWire(t, server.URL, once, func(c *rcuser.Config) { c.HTTPClient = server.Client() })
	require.NoError(t, ban(t.Context(), client), "the user's transport decides what it trusts")
}

// TestWrappedTransport requires the client to know that nothing was sent, even if a RoundTripper for traces or metrics wraps
// the transport.
func TestWrappedTransport(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler()) // its certificate is not trusted
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

// TestContentLengthOfMethods requires a Content-Length: net/http sends a body of unknown length in chunks.
func TestContentLengthOfMethods(t *testing.T) {
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
