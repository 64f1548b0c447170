package rcuser_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

// transports are the ways on which a request can go.
func transports(t *testing.T) map[string]func(*rcuser.Config) {
	t.Helper()
	transport := &http.Transport{MaxResponseHeaderBytes: 64 << 10}
	t.Cleanup(transport.CloseIdleConnections)
	user := func(rt http.RoundTripper) func(*rcuser.Config) {
		return func(c *rcuser.Config) { c.HTTPClient = &http.Client{Transport: rt} }
	}
	return map[string]func(*rcuser.Config){
		"SDK's":           func(*rcuser.Config) {},
		"SDK's, wrapped":  tracing.use,
		"user's":          user(transport),
		"user's, wrapped": user(tracing(transport)),
	}
}

// hostileAnswers are what a peer sends after the request, and what a call makes of it: the outcome if it fails, and a part
// of the text, or success if that is empty.
var hostileAnswers = map[string]struct {
	sent string
	text string
}{
	"nothing":             {"", "the connection was closed before an answer came"},
	"one byte":            {"H", "malformed HTTP"},
	"half a header":       {"HTTP/1.1 200 OK\r\nContent-Le", "malformed MIME header"},
	"half a header line":  {"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n", "the connection was closed in the middle of the answer"},
	"a 1xx flood":         {strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 200_000), "exceeded 65536 bytes"},
	"a few 1xx":           {strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 3) + rawSuccess, ""},
	"a large header":      {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 65<<10) + "\r\n\r\n", "exceeded 65536 bytes"},
	"an endless header":   {"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 1<<18), "exceeded 65536 bytes"},
	"garbage":             {"\x16\x03\x01\x00\x00\x00\xff\xfe", "malformed HTTP"},
	"another protocol":    {"220 smtp.example ESMTP\r\n\r\n", "malformed HTTP"},
	"no version":          {"HTTP/x.y 200 OK\r\n\r\n", "malformed HTTP"},
	"a long status":       {"HTTP/1.1 2000 OK\r\n\r\n", "malformed HTTP"},
	"two lengths":         {"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nContent-Length: 5\r\n\r\n" + success, "Content-Length"},
	"a negative length":   {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + success, "Content-Length"},
	"a bad chunk":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "the answer broke off"},
	"half a body":         {"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{", "the answer broke off"},
	"HTTP/1.0":            {"HTTP/1.0 200 OK\r\n\r\n" + success, ""},
	"no reason phrase":    {"HTTP/1.1 200\r\nContent-Length: 12\r\n\r\n" + success, ""},
	"a header of NULs":    {"HTTP/1.1 200 OK\r\nX: \x00\r\nContent-Length: 12\r\n\r\n" + success, "malformed"},
	"a type of bad bytes": {"HTTP/1.1 200 OK\r\nContent-Type: " + strings.Repeat("\x80", 61) + "\r\nContent-Length: 1\r\n\r\n<", "not JSON"},
	"status 000":          {"HTTP/1.1 000 OK\r\nContent-Length: 12\r\n\r\n" + success, "its HTTP status is 000"},
	"status 042":          {"HTTP/1.1 042 OK\r\nContent-Length: 13\r\n\r\n" + `{"code":1002}`, "its HTTP status is 042"},
	"switched protocols":  {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "empty"},
}

func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	for name, hostile := range hostileAnswers {
		for transport, change := range transports(t) {
			base := systemtest.RawServer(t, func(conn net.Conn) {
				systemtest.ReadRequest(bufio.NewReader(conn))
				_, _ = io.WriteString(conn, hostile.sent)
			})
			err := ban(t.Context(), overWire(t, base, change, once))
			if hostile.text == "" {
				require.NoError(t, err, "%s, %s", name, transport)
				continue
			}
			rcErr := requireError(t, err)
			require.Equal(t, rcuser.Unknown, rcErr.Outcome, "%s, %s", name, transport)
			require.ErrorContains(t, rcErr.Err, hostile.text, "%s, %s", name, transport)
			require.NotContains(t, []string{"EOF", "unexpected EOF", ""}, rcErr.Err.Error())
		}
	}
}

// TestAnswerBeforeTheBodyIsRead succeeds, on every connection of a server that never reads.
func TestAnswerBeforeTheBodyIsRead(t *testing.T) {
	t.Parallel()
	for name, change := range transports(t) {
		base := systemtest.RawServer(t, func(conn net.Conn) {
			r := bufio.NewReader(conn)
			_, _ = r.ReadString('\n')
			_, _ = io.WriteString(conn, rawSuccess)
			_, _ = io.Copy(io.Discard, r)
		})
		client := overWire(t, base, change, once)
		require.NoError(t, ban(t.Context(), client), name)
	}
}

// TestTrailingBytesAreNoAnswer sends another call's refusal behind each success.
func TestTrailingBytesAreNoAnswer(t *testing.T) {
	t.Parallel()
	const refusal = "HTTP/1.1 400 Bad Request\r\nContent-Length: 13\r\n\r\n" + `{"code":1002}`
	for name, change := range transports(t) {
		base := systemtest.RawServer(t, func(conn net.Conn) {
			for r := bufio.NewReader(conn); systemtest.ReadRequest(r) != nil; {
				_, _ = io.WriteString(conn, rawSuccess+refusal)
			}
		})
		client := overWire(t, base, change)
		for range 3 {
			require.NoError(t, ban(t.Context(), client), name)
		}
	}
}

// TestSentIsSafeBelowAnyWrapper has wrappers that send by ways that the SDK can't see. A request may have been sent unless
// all that failed was a dial.
func TestSentIsSafeBelowAnyWrapper(t *testing.T) {
	t.Parallel()
	closing := systemtest.RawServer(t, func(conn net.Conn) { systemtest.ReadRequest(bufio.NewReader(conn)) })
	side := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "token") })
	elsewhere := func(req *http.Request, base string) (*http.Response, error) {
		out := req.Clone(context.Background())
		out.URL.Host = strings.TrimPrefix(base, "http://")
		return (&http.Transport{DisableKeepAlives: true}).RoundTrip(out)
	}
	for name, tc := range map[string]struct {
		wrap wrapper
		want rcuser.Outcome
	}{
		"unchanged": {wrappers["unchanged"], rcuser.NotApplied},
		"tracing":   {tracing, rcuser.NotApplied},
		"side request, then the dial": {wrap(func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			get, err := http.NewRequestWithContext(req.Context(), http.MethodGet, side.URL, nil)
			if err != nil {
				return nil, err
			}
			resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(get)
			if err != nil {
				return nil, err
			}
			_ = resp.Body.Close()
			return next.RoundTrip(req)
		}), rcuser.Unknown},
		"another way after the dial": {wrap(func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			if resp, err := next.RoundTrip(req); err == nil {
				return resp, nil
			}
			return elsewhere(req, closing)
		}), rcuser.Unknown},
		"no call of next": {wrap(func(http.RoundTripper, *http.Request) (*http.Response, error) {
			return nil, io.ErrClosedPipe
		}), rcuser.Unknown},
	} {
		for transport, change := range transports(t) {
			for _, around := range []func(*rcuser.Config){
				tc.wrap.use,
				func(c *rcuser.Config) { // the wrapper is the user's own
					c.WrapTransport = nil
					if c.HTTPClient != nil {
						c.HTTPClient.Transport = tc.wrap(c.HTTPClient.Transport)
					} else {
						c.HTTPClient = &http.Client{Transport: tc.wrap(&http.Transport{})}
					}
				},
			} {
				client := overWire(t, "http://127.0.0.1:1", change, around, once)
				require.Equal(t, tc.want, requireError(t, ban(t.Context(), client)).Outcome, "%s, %s", name, transport)
			}
		}
	}
}

// TestProxyOfTheUsersRefuses is about a transport of the user's, for which the status is known by its text alone. Below a
// wrapper such an error can't be told from others, so that the outcome is what is safe.
func TestProxyOfTheUsersRefuses(t *testing.T) {
	t.Parallel()
	for status, text := range map[string]string{
		"407 Proxy Authentication Required": "the proxy refused CONNECT: Proxy Authentication Required",
		"403 Forbidden":                     "the proxy refused CONNECT: Forbidden",
		"401 Unauthorized":                  "the proxy refused CONNECT: Unauthorized",
		"502 ":                              "the proxy refused CONNECT",
		"502":                               "the proxy refused CONNECT: unknown status code",
	} {
		base := systemtest.RawServer(t, func(conn net.Conn) {
			systemtest.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n")
		})
		proxy := &url.URL{Scheme: "http", User: url.UserPassword("user", "pa55word"), Host: strings.TrimPrefix(base, "http://")}
		transport := &http.Transport{Proxy: http.ProxyURL(proxy)}
		for _, tc := range []struct {
			transport http.RoundTripper
			want      rcuser.Outcome
		}{{transport, rcuser.NotApplied}, {tracing(transport), rcuser.Unknown}} {
			client := overWire(t, "https://rc.example", once, func(c *rcuser.Config) { c.HTTPClient = &http.Client{Transport: tc.transport} })
			rcErr := requireError(t, ban(t.Context(), client))
			require.EqualError(t, rcErr.Err, text)
			require.Equal(t, tc.want, rcErr.Outcome, text)
			require.NotContains(t, rcErr.Error(), "pa55word")
		}
	}
}

// TestIdleTimeoutAnswerIsNoRefusal has a server that answers 408 to the second request on each connection and closes it,
// as HAProxy does with one that was idle. The backup isn't asked.
func TestIdleTimeoutAnswerIsNoRefusal(t *testing.T) {
	t.Parallel()
	const closing = "HTTP/1.1 408 Request Time-out\r\nConnection: close\r\nContent-Type: text/html\r\n\r\n" + html
	for name, change := range transports(t) {
		var served atomic.Int32
		base := systemtest.RawServer(t, func(conn net.Conn) {
			r := bufio.NewReader(conn)
			if systemtest.ReadRequest(r) != nil {
				served.Add(1)
				_, _ = io.WriteString(conn, rawSuccess)
				systemtest.ReadRequest(r)
				_, _ = io.WriteString(conn, closing)
			}
		})
		var log warnings
		client := overWire(t, base, change, log.to, deadBackup)
		for range 5 {
			require.NoError(t, ban(t.Context(), client), name)
		}
		require.EqualValues(t, 5, served.Load(), name)
		require.Zero(t, log.count(switching), name)
	}
}

// TestSwitchedProtocols: the peer sends 101, which nothing asked for, and then keeps the connection open.
func TestSwitchedProtocols(t *testing.T) {
	t.Parallel()
	for name, change := range transports(t) {
		end := make(chan struct{})
		base := systemtest.RawServer(t, func(conn net.Conn) {
			systemtest.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, hostileAnswers["switched protocols"].sent)
			<-end
		})
		failed := make(chan error, 1)
		go func() { failed <- ban(t.Context(), overWire(t, base, change, once)) }()
		select {
		case err := <-failed:
			require.Equal(t, rcuser.Unknown, requireError(t, err).Outcome, name)
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the call hangs", name)
		}
		close(end)
	}
}
