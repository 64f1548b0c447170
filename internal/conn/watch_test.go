package conn_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/internal/conn"
)

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func startWatch(t *testing.T) *conn.Watch {
	t.Helper()
	w := new(conn.Watch)
	w.Start(t.Context(), time.Now().Add(time.Minute), false)
	return w
}

// TestNotSent has the errors of a transport that isn't net/http's, which saw no connection.
func TestNotSent(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	reset := &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	handshake := &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	for _, tc := range []struct {
		err     error
		notSent bool
	}{
		{refused, true},
		{fmt.Errorf("span: %w", refused), true},
		{errors.Join(refused, refused), true},
		{&net.OpError{Op: "proxyconnect", Net: "tcp", Err: refused}, true},
		{&net.OpError{Op: "socks connect", Net: "tcp", Err: io.EOF}, true},
		{&conn.ProxyError{StatusCode: 407}, true},
		{handshake, true},
		{fmt.Errorf("span: %w", handshake), true},

		{nil, false},
		{reset, false},
		{errors.Join(refused, reset), false},
		{fmt.Errorf("%w, then %w", refused, io.EOF), false},
		{&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}, false}, // of a handshake that wasn't seen
		{context.Canceled, false},
		{errors.New("circuit open"), false},
	} {
		w := startWatch(t)
		trace := httptrace.ContextClientTrace(w)
		trace.GetConn("rc.example:443")
		trace.TLSHandshakeDone(tls.ConnectionState{}, handshake)
		require.Equal(t, tc.notSent, w.NotSent(roundTripFunc(nil), tc.err), "%v", tc.err)
		require.Equal(t, tc.err != nil, w.NotSent(&http.Transport{}, tc.err), "%v: net/http's tells by itself", tc.err)
		trace.GotConn(httptrace.GotConnInfo{})
		require.False(t, w.NotSent(roundTripFunc(nil), tc.err), "%v", tc.err)
		require.False(t, w.NotSent(&http.Transport{}, tc.err), "%v", tc.err)
	}
}

// TestNotSentAfterAnUnseenDial is about a transport of net/http that uses another for a scheme: it sees no connection.
func TestNotSentAfterAnUnseenDial(t *testing.T) {
	t.Parallel()
	transport := new(http.Transport)
	transport.RegisterProtocol("https", roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }))
	w := startWatch(t)
	req, err := http.NewRequestWithContext(w, http.MethodPost, "https://rc.example/", nil)
	require.NoError(t, err)
	_, err = transport.RoundTrip(req)
	require.Error(t, err)
	require.False(t, w.NotSent(transport, err))
}

// TestEOFOfAHandshake can't be told from that of another transport, which the wrapper may have used after it.
func TestEOFOfAHandshake(t *testing.T) {
	t.Parallel()
	w := startWatch(t)
	httptrace.ContextClientTrace(w).TLSHandshakeDone(tls.ConnectionState{}, io.EOF)
	require.False(t, w.NotSent(roundTripFunc(nil), io.EOF))
}

// TestWatchAndPeerClosed has what a trace saw before the request failed with a reset.
func TestWatchAndPeerClosed(t *testing.T) {
	t.Parallel()
	reset := &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	kept, made := httptrace.GotConnInfo{Reused: true, WasIdle: true}, httptrace.GotConnInfo{}
	for name, tc := range map[string]struct {
		conns    []httptrace.GotConnInfo
		answered bool
		want     bool
	}{
		"none":                    {nil, false, false},
		"kept":                    {[]httptrace.GotConnInfo{kept}, false, true},
		"two kept":                {[]httptrace.GotConnInfo{kept, kept}, false, true},
		"new":                     {[]httptrace.GotConnInfo{made}, false, false},
		"kept, then new":          {[]httptrace.GotConnInfo{kept, made}, false, false},
		"side request, kept":      {[]httptrace.GotConnInfo{made, kept}, true, false},
		"kept, byte of an answer": {[]httptrace.GotConnInfo{kept}, true, false},
	} {
		w := startWatch(t)
		trace := httptrace.ContextClientTrace(w)
		for _, info := range tc.conns {
			trace.GotConn(info)
		}
		if tc.answered {
			trace.GotFirstResponseByte()
		}
		require.Equal(t, tc.want, w.PeerClosed(nil, reset), name)
		require.False(t, w.PeerClosed(nil, context.Canceled), name)
	}
}

// TestNewConnThatWasUsedBefore closes without an answer: that is the host's failure, as another repeat may end the same way.
func TestNewConnThatWasUsedBefore(t *testing.T) {
	t.Parallel()
	w := new(conn.Watch)
	w.Start(t.Context(), time.Now().Add(time.Minute), true)
	httptrace.ContextClientTrace(w).GotConn(httptrace.GotConnInfo{Reused: true})
	require.False(t, w.NotSent(&http.Transport{}, io.EOF))
	require.False(t, w.PeerClosed(nil, io.EOF))
}

// TestWatchAndCallersTrace calls both, also for a context derived from the watch.
func TestWatchAndCallersTrace(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	var seen record
	w := new(conn.Watch)
	w.Start(traced(context.WithValue(t.Context(), valueKey{}, "v"), &seen), time.Now().Add(time.Minute), false)
	require.Equal(t, "v", w.Value(valueKey{}))
	require.Same(t, httptrace.ContextClientTrace(w), httptrace.ContextClientTrace(w))
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	ctx, cancel := context.WithCancel(traced(w, new(record)))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, nil)
	require.NoError(t, err)
	resp, err := transport.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.True(t, w.MayBeConnected())
	require.True(t, w.Answered())
	require.Contains(t, seen.all(), "ConnectStart tcp")
	require.Contains(t, seen.all(), "GotFirstResponseByte")
}

// TestNewConnClosesKeptOnes of net/http's transport, to the host of the request, and then dials.
func TestNewConnClosesKeptOnes(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		<-release
		_, _ = io.WriteString(w, success)
	})
	elsewhere := serve(t, nil)
	transport := &http.Transport{MaxIdleConnsPerHost: 10}
	t.Cleanup(transport.CloseIdleConnections)
	send := func(base string, newConn bool) error {
		c := newClient(t, base)
		w := new(conn.Watch)
		w.Start(t.Context(), time.Now().Add(time.Minute), newConn)
		resp, err := transport.RoundTrip(c.request(w))
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return errors.Join(err, resp.Body.Close())
	}
	time.AfterFunc(10*time.Millisecond, func() { close(release) })
	for _, err := range append(atOnce(5, func() error { return send(s.URL, false) }), send(elsewhere.URL, false)) {
		require.NoError(t, err)
	}
	kept := len(s.uses.counts())
	require.NoError(t, send(s.URL, true))
	require.Len(t, s.uses.counts(), kept+1)
	require.Eventually(t, func() bool { return s.open.Load() == 1 }, 5*time.Second, time.Millisecond)
	require.NoError(t, send(s.URL, false))
	require.NoError(t, send(elsewhere.URL, false))
	require.Len(t, s.uses.counts(), kept+1, "the new one is kept")
	require.Equal(t, []int{2}, elsewhere.uses.counts())
}

// TestNewConnKeepsHTTP2 connections, on which other requests may be in flight.
func TestNewConnKeepsHTTP2(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, success) }))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	var seen record
	for _, newConn := range []bool{false, true} {
		w := new(conn.Watch)
		w.Start(traced(t.Context(), &seen), time.Now().Add(time.Minute), newConn)
		req, err := http.NewRequestWithContext(w, http.MethodPost, s.URL, nil)
		require.NoError(t, err)
		resp, err := s.Client().Transport.RoundTrip(req)
		require.NoError(t, err)
		require.Equal(t, 2, resp.ProtoMajor)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	dials := 0
	for _, line := range seen.all() {
		if line == "ConnectStart tcp" {
			dials++
		}
	}
	require.Equal(t, 1, dials)
}
