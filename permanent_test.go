package rcuser_test

import (
	"bufio"
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
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

// badServers are servers at which another attempt fails the same way, and those at which it may not.
var badServers = map[string]struct {
	permanent bool
	base      func(t *testing.T) string
}{
	"unknown authority": {true, func(t *testing.T) string { return tlsBase(t, nil) }},
	"TLS 1.1":           {true, func(t *testing.T) string { return tlsBase(t, &tls.Config{MaxVersion: tls.VersionTLS11}) }},
	"another cipher": {true, func(t *testing.T) string {
		return tlsBase(t, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}})
	}},
	"plain text answered to TLS": {true, func(t *testing.T) string {
		return "https" + serve(t, func(http.ResponseWriter, *http.Request) {}).URL[len("http"):]
	}},
	"TLS answered to plain text": {true, func(t *testing.T) string {
		return systemtest.RawServer(t, func(conn net.Conn) {
			systemtest.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, "\x15\x03\x01\x00\x02\x02\x16")
		})
	}},
	"reset in the handshake": {false, func(t *testing.T) string {
		return "https" + systemtest.RawServer(t, func(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) })[len("http"):]
	}},
	"no handshake": {false, func(t *testing.T) string {
		return "https" + systemtest.RawServer(t, func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) })[len("http"):]
	}},
}

// tlsBase returns the URL of a server whose certificate nobody trusts.
func tlsBase(t *testing.T, config *tls.Config) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

// TestWhatNoRepetitionMends tries each server with the SDK's own connections, with a transport of the user's, and with one
// that hides the types of errors.
func TestWhatNoRepetitionMends(t *testing.T) {
	t.Parallel()
	for name, tc := range badServers {
		for kind, transport := range map[string]func() http.RoundTripper{
			"own":       func() http.RoundTripper { return nil },
			"net/http":  func() http.RoundTripper { return &http.Transport{} },
			"wrapped":   func() http.RoundTripper { return roundTripFunc(wrapError(&http.Transport{}, "%w")) },
			"flattened": func() http.RoundTripper { return roundTripFunc(wrapError(&http.Transport{}, "%v")) },
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				base := tc.base(t)
				want := 3
				if tc.permanent {
					want = 1
				}
				client := overWire(t, base, using(transport()))
				rcErr := requireError(t, ban(t.Context(), client))
				require.Equal(t, []any{want, !tc.permanent}, []any{rcErr.Attempts, rcErr.Retryable()}, rcErr.Error())

				var attempts int
				backup := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, success) })
				client = overWire(t, base, using(transport()), func(c *rcuser.Config) {
					c.DataCenter.Backup = backup.URL
					c.OnCall = func(_ context.Context, info rcuser.CallInfo) { attempts = info.Attempts }
				})
				require.NoError(t, ban(t.Context(), client))
				require.Equal(t, 2, attempts)
			})
		}
	}
}

func using(transport http.RoundTripper) func(*rcuser.Config) {
	return func(c *rcuser.Config) {
		if transport != nil {
			c.HTTPClient = &http.Client{Transport: transport}
		}
	}
}

func wrapError(transport *http.Transport, verb string) roundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		resp, err := transport.RoundTrip(req)
		if err != nil {
			err = fmt.Errorf("traced: "+verb, err)
		}
		return resp, err
	}
}

// TestPermanentErrors lists errors as transports return them.
func TestPermanentErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, true},
		{&url.Error{Op: "Post", URL: "https://h", Err: &tls.CertificateVerificationError{Err: errors.New("x")}}, true},
		{x509.CertificateInvalidError{Reason: x509.Expired}, true},
		{errors.Join(io.EOF, x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h"}), true},
		{x509.SystemRootsError{}, true},
		{tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, true},
		{fmt.Errorf("rt: %w", http.ErrSchemeMismatch), true},
		{errors.New("http: server gave HTTP response to HTTPS client"), true},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}, true},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: protocol version not supported")}, true},
		{&net.OpError{Op: "proxyconnect", Net: "tcp", Err: errors.New("x509: certificate has expired")}, true},
		{errors.New("tls: server selected unsupported protocol version 302"), true},
		{errors.New(`unsupported protocol scheme "ftp"`), true},
		{errors.New(`invalid proxy address ":": missing host`), true},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: internal error")}, false},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: user canceled")}, false},
		{errors.New("net/http: TLS handshake timeout"), false},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, false},
		{&net.DNSError{Err: "no such host", IsNotFound: true}, false},
		{io.ErrUnexpectedEOF, false},
		{errors.New(""), false},
	} {
		require.Equal(t, !tc.want, (&rcuser.Error{Err: tc.err}).Retryable(), "%v", tc.err)
		client, tap := newClient(t, failWith(tc.err), bothHosts, func(c *rcuser.Config) { c.Retry.BaseWait = 1 })
		require.Error(t, ban(t.Context(), client))
		require.Equal(t, map[bool]string{true: "pb", false: "pbp"}[tc.want], hostSequence(tap), "%v", tc.err)
	}
}

// TestHostWhereItFailedForGood stays with the other host, though that fails too.
func TestHostWhereItFailedForGood(t *testing.T) {
	t.Parallel()
	bad := failWith(x509.UnknownAuthorityError{})
	for want, hosts := range map[string][2]roundTripFunc{
		"pbb": {bad, reply(503, "")},
		"pbp": {reply(503, ""), bad},
		"pb":  {bad, bad},
	} {
		client, tap := newClient(t, byHost(t, hosts[0], hosts[1]), bothHosts, func(c *rcuser.Config) { c.Retry.BaseWait = 1 })
		require.Error(t, ban(t.Context(), client))
		require.Equal(t, want, hostSequence(tap))
	}
}

// TestPreferenceReturnsToAHostWhereItFailedForGood switches the preference during the call.
func TestPreferenceReturnsToAHostWhereItFailedForGood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := slowly(31*time.Second, reply(503, ""))
		client, tap := newClient(t, byHost(t, failWith(x509.UnknownAuthorityError{}), slow), bothHosts,
			func(c *rcuser.Config) { c.AttemptTimeout = time.Minute })
		require.Error(t, ban(t.Context(), client))
		require.Equal(t, "pbb", hostSequence(tap))
	})
}
