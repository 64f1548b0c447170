package conn_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/internal/conn"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

// record keeps strings in order.
type record struct {
	mu   sync.Mutex
	seen []string
}

func (r *record) add(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, fmt.Sprintf(format, args...))
}

func (r *record) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.seen...)
}

// TestAddresses dials the host of the URL with its port, or the scheme's, in ASCII, and asks Proxy for that URL.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for base, want := range map[string][]string{
		"http://rc.example/user":        {"http://rc.example/", "rc.example:80"},
		"https://rc.example":            {"https://rc.example/", "rc.example:443"},
		"https://rc.example:80":         {"https://rc.example:80/", "rc.example:80"},
		"http://rc.example:":            {"http://rc.example:/", "rc.example:80"},
		"http://127.0.0.1:8080":         {"http://127.0.0.1:8080/", "127.0.0.1:8080"},
		"http://[::1]":                  {"http://[::1]/", "[::1]:80"},
		"https://[::1]:8443":            {"https://[::1]:8443/", "[::1]:8443"},
		"http://[fe80::1%25eth0]:80":    {"http://[fe80::1%25eth0]:80/", "[fe80::1%eth0]:80"},
		"http://b\u00fccher.example":    {"http://b%C3%BCcher.example/", "xn--bcher-kva.example:80"},
		"https://b\u00fccher.example:9": {"https://b%C3%BCcher.example:9/", "xn--bcher-kva.example:9"},
	} {
		c := newClient(t, base)
		var seen record
		unreachable := errors.New("unreachable")
		c.pool.Transport().Proxy = func(req *http.Request) (*url.URL, error) {
			seen.add("%s", req.URL)
			return nil, nil
		}
		c.pool.Transport().DialContext = func(_ context.Context, network, address string) (net.Conn, error) {
			require.Equal(t, "tcp", network)
			seen.add("%s", address)
			return nil, unreachable
		}
		_, err := c.take(t.Context())
		require.ErrorIs(t, err, unreachable)
		require.Equal(t, want, seen.all())
	}
}

func TestAddressesThatCantBeDialled(t *testing.T) {
	t.Parallel()
	for base, text := range map[string]string{
		"ftp://rc.example": `unsupported protocol scheme "ftp"`, "//rc.example": `unsupported protocol scheme ""`,
		"http:///user": "no host in the request's URL",
	} {
		_, err := newClient(t, base).take(t.Context())
		require.EqualError(t, err, text)
	}
}

func TestIPv6(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("SKIPPED: this machine has no IPv6 loopback address: ", err)
	}
	s := newServer(t, nil, func(s *httptest.Server) {
		_ = s.Listener.Close()
		s.Listener = listener
		s.Start()
	})
	newClient(t, s.URL).requireCalls(t, 3)
	require.Equal(t, []int{3}, s.uses.counts())
}

// TestRefusedDial keeps the error of the dial.
func TestRefusedDial(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	c := newClient(t, "http://"+listener.Addr().String())
	_, err = c.take(t.Context())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	var op *net.OpError
	require.ErrorAs(t, err, &op)
	require.Equal(t, "dial", op.Op)
	require.NotErrorIs(t, err, context.DeadlineExceeded)
}

// hangs is a dial that only its context ends, with an error that doesn't say so.
func hangs(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, errors.New("no answer")
}

func TestDialHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, "http://rc.example")
		c.pool.Transport().DialContext = hangs
		c.timeout = 50 * time.Millisecond
		start := time.Now()
		_, err := c.take(t.Context())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "no answer")
		require.Equal(t, 50*time.Millisecond, time.Since(start))

		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
		start = time.Now()
		_, err = c.take(ctx)
		require.ErrorIs(t, err, cause)
		require.Equal(t, 20*time.Millisecond, time.Since(start))
	})
}

// silent accepts connections and says nothing, so that a TLS handshake hangs.
func silent(t *testing.T) *client {
	t.Helper()
	base := systemtest.RawServer(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	return newClient(t, "https"+base[len("http"):])
}

func TestHandshakeHangs(t *testing.T) {
	t.Parallel()
	c := silent(t)
	c.timeout = 50 * time.Millisecond
	start := time.Now()
	_, err := c.take(t.Context())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.GreaterOrEqual(t, time.Since(start), 50*time.Millisecond)

	c.timeout = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	start = time.Now()
	_, err = c.take(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(start), 4*time.Second)
}

// TestHandshakeLimit is 5 s even if the deadline is later.
func TestHandshakeLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := rawPipes(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		c.base.Scheme = "https"
		c.timeout = time.Minute
		start := time.Now()
		_, err := c.take(t.Context())
		require.ErrorContains(t, err, "TLS handshake timeout")
		require.Equal(t, 5*time.Second, time.Since(start))
	})
}

// tlsServer notes of each request the protocol and whether its session was resumed.
func tlsServer(t *testing.T, configure func(*httptest.Server)) (*server, *record) {
	t.Helper()
	seen := new(record)
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		seen.add("%s resumed=%v", r.Proto, r.TLS.DidResume)
		_, _ = io.WriteString(w, success)
	}, func(s *httptest.Server) {
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		configure(s)
		s.StartTLS()
	})
	return s, seen
}

func trusting(t *testing.T, s *server) *client {
	t.Helper()
	c := newClient(t, s.URL)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c.pool.Transport().TLSClientConfig.RootCAs = roots
	return c
}

// TestSessionsAreResumed by successors, and after CloseIdleConnections.
func TestSessionsAreResumed(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		s, seen := tlsServer(t, func(s *httptest.Server) { s.TLS = &tls.Config{MaxVersion: version} })
		c := trusting(t, s)
		c.requireCalls(t, 100)
		c.pool.CloseIdleConnections()
		c.requireCalls(t, 1)
		require.Equal(t, []int{1, 21, 79}, s.uses.counts())
		for i, request := range seen.all() {
			require.Equal(t, fmt.Sprintf("HTTP/1.1 resumed=%v", i >= 79), request, i)
		}
	}
}

func TestHTTP1OfAServerThatHasHTTP2(t *testing.T) {
	t.Parallel()
	s, seen := tlsServer(t, func(s *httptest.Server) { s.EnableHTTP2 = true })
	trusting(t, s).requireCalls(t, 2)
	require.Equal(t, []string{"HTTP/1.1 resumed=false", "HTTP/1.1 resumed=false"}, seen.all())
}

func TestTLSErrors(t *testing.T) {
	t.Parallel()
	old, _ := tlsServer(t, func(s *httptest.Server) {
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	})
	_, err := trusting(t, old).take(t.Context())
	require.ErrorContains(t, err, "protocol version")
	s, seen := tlsServer(t, func(*httptest.Server) {})
	_, err = newClient(t, s.URL).take(t.Context())
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
	c := trusting(t, s)
	c.base.Host = "localhost:" + c.base.Port()
	_, err = c.take(t.Context())
	var name x509.HostnameError
	require.ErrorAs(t, err, &name)
	plain := serve(t, nil)
	_, err = newClient(t, "https"+plain.URL[len("http"):]).take(t.Context())
	var header tls.RecordHeaderError
	require.ErrorAs(t, err, &header)
	require.Empty(t, seen.all())
}

// TestTransportSettings checks those that no other test can tell without a long wait or a proxy in the environment.
func TestTransportSettings(t *testing.T) {
	t.Parallel()
	transport := conn.NewPool().Transport()
	require.Equal(t, 5*time.Second, transport.TLSHandshakeTimeout)
	require.Equal(t, uint16(tls.VersionTLS12), transport.TLSClientConfig.MinVersion)
	require.False(t, transport.TLSClientConfig.InsecureSkipVerify)
	require.Equal(t, reflect.ValueOf(http.ProxyFromEnvironment).Pointer(), reflect.ValueOf(transport.Proxy).Pointer())
	require.NotSame(t, transport, conn.NewPool().Transport())
}
