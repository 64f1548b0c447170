package rcuser

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// tlsServer answers with success and records each request's protocol and whether its TLS session was resumed.
func tlsServer(t *testing.T, configure func(*httptest.Server)) (*httptest.Server, func() []string) {
	t.Helper()
	var mu sync.Mutex
	var seen []string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprintf("%s resumed=%v", r.Proto, r.TLS.DidResume))
		_, _ = io.WriteString(w, `{"code":200}`)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	configure(server)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), seen...)
	}
}

// tlsClient returns a client of NewClient that also trusts the server's certificate.
func tlsClient(t *testing.T, server *httptest.Server) *Client {
	t.Helper()
	client, err := NewClient(Config{
		AppKey: "key", AppSecret: "secret", DataCenter: DataCenter{Primary: server.URL}, Limiter: NoLimit,
		Retry: RetryPolicy{BaseWait: 1},
	})
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client.caller.sender.pool.Transport().TLSClientConfig.RootCAs = roots
	return client
}

func removeBan(t *testing.T, client *Client) error {
	t.Helper()
	return client.Bans.Remove(t.Context(), []string{"u1"})
}

func TestSessionsAreResumed(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server, seen := tlsServer(t, func(s *httptest.Server) { s.TLS = &tls.Config{MaxVersion: version} })
		client := tlsClient(t, server)
		for range 3 {
			require.NoError(t, removeBan(t, client))
			require.NoError(t, removeBan(t, client))
			client.CloseIdleConnections()
		}
		const first, later = "HTTP/1.1 resumed=false", "HTTP/1.1 resumed=true"
		require.Equal(t, []string{first, first, later, later, later, later}, seen())
	}
}

func TestHTTP1IsUsedWithAnHTTP2Server(t *testing.T) {
	t.Parallel()
	server, seen := tlsServer(t, func(s *httptest.Server) { s.EnableHTTP2 = true })
	client := tlsClient(t, server)
	for range 100 {
		require.NoError(t, removeBan(t, client))
	}
	for i, request := range seen() {
		require.Equal(t, fmt.Sprintf("HTTP/1.1 resumed=%v", i >= 79), request, i)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	server, seen := tlsServer(t, func(s *httptest.Server) {
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	})
	err := removeBan(t, tlsClient(t, server))
	var rcErr *Error
	require.ErrorAs(t, err, &rcErr)
	require.ErrorContains(t, err, "protocol version")
	require.Equal(t, []any{NotApplied, 1, 0}, []any{rcErr.Outcome, rcErr.Attempts, rcErr.StatusCode})
	require.Empty(t, seen())
}

// TestCertificateForAnotherHostIsRefused requires that nothing is sent.
func TestCertificateForAnotherHostIsRefused(t *testing.T) {
	t.Parallel()
	server, seen := tlsServer(t, func(*httptest.Server) {})
	client := tlsClient(t, server)
	client.caller.sender.pool.Transport().TLSClientConfig.ServerName = "api.rong-api.com"
	err := removeBan(t, client)
	var hostname x509.HostnameError
	require.ErrorAs(t, err, &hostname)
	require.Empty(t, seen())
}

// TestIdleConnectionsAreClosed after 50 s, and not before, also below a wrapper. It uses pipes, because fake time doesn't
// advance while sockets are open.
func TestIdleConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(http.RoundTripper) http.RoundTripper{"plain": nil, "wrapped": clones} {
		synctest.Test(t, func(t *testing.T) {
			dialled := 0
			client := wrappedClient(t, wrap, pipes(t, &dialled))
			for _, tc := range []struct {
				idle time.Duration
				want int
			}{{0, 1}, {49 * time.Second, 1}, {49 * time.Second, 1}, {50 * time.Second, 2}, {time.Hour, 3}} {
				time.Sleep(tc.idle)
				synctest.Wait()
				require.NoError(t, removeBan(t, client))
				require.Equal(t, tc.want, dialled, name)
			}
			client.CloseIdleConnections()
		})
	}
}

// pipes returns a dial function whose connections are pipes to in-memory servers that answer with success.
func pipes(t *testing.T, dialled *int) func(context.Context, string, string) (net.Conn, error) {
	t.Helper()
	return func(context.Context, string, string) (net.Conn, error) {
		*dialled++
		near, far := net.Pipe()
		go func() {
			defer func() { _ = far.Close() }()
			for r := bufio.NewReader(far); ; {
				req, err := http.ReadRequest(r)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, req.Body)
				_, _ = io.WriteString(far, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"code\":200}")
			}
		}()
		return near, nil
	}
}
