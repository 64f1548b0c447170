package conn_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/internal/conn"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

func reset(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }

// failures are what a peer can do instead of answering, and whether it had then closed the connection before the use.
var failures = map[string]struct {
	fail       func(net.Conn, *bufio.Reader)
	peerClosed bool
}{
	"closed at the first byte": {func(_ net.Conn, r *bufio.Reader) { _, _ = r.Peek(1) }, true},
	"reset at the first byte":  {func(c net.Conn, r *bufio.Reader) { _, _ = r.Peek(1); reset(c) }, true},
	"closed after the request": {func(_ net.Conn, r *bufio.Reader) { systemtest.ReadRequest(r) }, true},
	"reset after the request":  {func(c net.Conn, r *bufio.Reader) { systemtest.ReadRequest(r); reset(c) }, true},
	"closed after one byte":    {afterRequest("H"), false},
	"closed after a 100":       {afterRequest("HTTP/1.1 100 Continue\r\n\r\n"), false},
	"closed in the headers":    {afterRequest("HTTP/1.1 200 OK\r\nContent-Le"), false},
	"closed in the body":       {afterRequest("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"), false},
	"reset in the body": {func(c net.Conn, r *bufio.Reader) {
		afterRequest("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{")(c, r)
		reset(c)
	}, false},
	"not HTTP":       {afterRequest("220 smtp.example ESMTP\r\n"), false},
	"HTTP/2 frames":  {afterRequest(settings + goAway), false},
	"a bad chunk":    {afterRequest("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), false},
	"a header of 1M": {afterRequest("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20)), false},
}

const ( // of HTTP/2
	settings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	goAway   = "\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
)

func afterRequest(text string) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, r *bufio.Reader) {
		systemtest.ReadRequest(r)
		_, _ = io.WriteString(c, text)
	}
}

// useErr is a use that fails, and what is then known of it.
func (c *client) useErr(t *testing.T) (peerClosed, overdue bool, err error) {
	t.Helper()
	use, err := c.take(t.Context())
	require.NoError(t, err)
	_, err = c.use(t.Context(), use)
	require.Error(t, err)
	return use.PeerClosed(), use.Overdue(), err
}

// TestPeerFails breaks a connection that is used again, and then one that is new.
func TestPeerFails(t *testing.T) {
	t.Parallel()
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, answers := range []int{2, 0} {
				c := newClient(t, systemtest.RawServer(t, func(c net.Conn) {
					r := bufio.NewReader(c)
					for range answers {
						systemtest.ReadRequest(r)
						_, _ = io.WriteString(c, rawSuccess)
					}
					failure.fail(c, r)
				}))
				c.requireCalls(t, answers)
				peerClosed, overdue, err := c.useErr(t)
				require.Equal(t, []bool{failure.peerClosed && answers > 0, false}, []bool{peerClosed, overdue}, err)
				c.requireCalls(t, answers)
			}
		})
	}
}

// TestFramesBeforeTheRequest are sent by a peer that speaks HTTP/2 only.
func TestFramesBeforeTheRequest(t *testing.T) {
	t.Parallel()
	c := newClient(t, systemtest.RawServer(t, func(c net.Conn) {
		_, _ = io.WriteString(c, settings)
		systemtest.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, goAway)
	}))
	peerClosed, overdue, _ := c.useErr(t)
	require.Equal(t, []bool{false, false}, []bool{peerClosed, overdue})
}

// TestIdleConnectionThatThePeerClosed isn't taken.
func TestIdleConnectionThatThePeerClosed(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := newClient(t, s.URL)
	for range 3 {
		c.requireCalls(t, 2)
		s.CloseClientConnections()
		require.Eventually(t, func() bool {
			use, err := c.take(t.Context())
			if err != nil {
				return false
			}
			_, err = c.use(t.Context(), use)
			require.True(t, err == nil || use.PeerClosed())
			return err == nil
		}, 5*time.Second, time.Millisecond)
		c.pool.CloseIdleConnections()
	}
}

func TestTooLargeHeaders(t *testing.T) {
	t.Parallel()
	for size, large := range map[int]bool{60 << 10: false, 65 << 10: true} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", size))
			_, _ = io.WriteString(w, success)
		})
		c := newClient(t, s.URL)
		if !large {
			c.requireCalls(t, 2)
			continue
		}
		_, _, err := c.useErr(t)
		require.ErrorContains(t, err, "server response headers exceeded 65536 bytes")
		s.requireNoneOpen(t)
	}
}

// TestBodyThatIsntRead costs the connection.
func TestBodyThatIsntRead(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*conn.Conn){"released": (*conn.Conn).Release, "closed": (*conn.Conn).Close} {
		s := serve(t, nil)
		c := newClient(t, s.URL)
		for _, tc := range []struct{ read, closed bool }{{false, true}, {true, true}, {false, false}, {true, false}} {
			use, err := c.take(t.Context())
			require.NoError(t, err)
			resp, err := use.RoundTrip(c.request(t.Context()))
			require.NoError(t, err)
			if tc.read {
				_, err = resp.Body.Read(make([]byte, 5))
				require.NoError(t, err)
			}
			if tc.closed {
				require.NoError(t, resp.Body.Close())
			}
			end(use)
			s.requireNoneOpen(t)
		}
		require.Equal(t, []int{1, 1, 1, 1}, s.uses.counts(), name)
	}
}

// TestBodiesThatAreRead keep the connection, however they are framed, but for one that ends with the connection.
func TestBodiesThatAreRead(t *testing.T) {
	t.Parallel()
	for text, kept := range map[string]bool{
		rawSuccess: true,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n" + success + "\r\n0\r\n\r\n": true,
		"HTTP/1.1 103 Early Hints\r\n\r\n" + rawSuccess:                                          true,
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 12\r\n\r\n" + success:           false,
		"HTTP/1.0 200 OK\r\n\r\n" + success:                                                      false,
	} {
		var uses tally
		c := newClient(t, systemtest.RawServer(t, func(c net.Conn) {
			for r := bufio.NewReader(c); systemtest.ReadRequest(r) != nil && uses.add(c) > 0; {
				_, _ = io.WriteString(c, text)
				if strings.HasPrefix(text, "HTTP/1.0") {
					return
				}
			}
		}))
		c.requireCalls(t, 2)
		require.Equal(t, map[bool][]int{true: {2}, false: {1, 1}}[kept], uses.counts(), text)
	}
}

func TestAnswerWithoutABody(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	c := newClient(t, s.URL)
	for range 3 {
		use, err := c.take(t.Context())
		require.NoError(t, err)
		body, err := c.use(t.Context(), use)
		require.NoError(t, err)
		require.Empty(t, body)
	}
	require.Equal(t, []int{3}, s.uses.counts())
}

// TestSwitchingProtocols is an answer without a body, after which the connection is closed.
func TestSwitchingProtocols(t *testing.T) {
	t.Parallel()
	for _, upgrade := range []string{"", "Connection: Upgrade\r\nUpgrade: h2c\r\n"} {
		closed := make(chan struct{})
		c := newClient(t, systemtest.RawServer(t, func(c net.Conn) {
			systemtest.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n"+upgrade+"\r\n"+settings)
			_, _ = io.Copy(io.Discard, c)
			close(closed)
		}))
		use, err := c.take(t.Context())
		require.NoError(t, err)
		resp, err := use.RoundTrip(c.request(t.Context()))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, 101, resp.StatusCode)
		require.Empty(t, body)
		use.Release()
		<-closed
	}
}

// TestExpectContinue sends the body when the server asks for it.
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	})
	c := newClient(t, s.URL)
	c.pool.Transport().ExpectContinueTimeout = time.Minute
	for range 2 {
		use, err := c.take(t.Context())
		require.NoError(t, err)
		req := c.request(t.Context())
		req.Header.Set("Expect", "100-continue")
		resp, err := use.RoundTrip(req)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "userId=u1", string(body))
		use.Release()
	}
	require.Equal(t, []int{2}, s.uses.counts())
}

// TestEndsOfAUse may come in any order and number; only the first counts.
func TestEndsOfAUse(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := newClient(t, s.URL)
	release, closeUse := (*conn.Conn).Release, (*conn.Conn).Close
	for _, ends := range [][]func(*conn.Conn){
		{release}, {release, release}, {release, closeUse}, {closeUse}, {closeUse, closeUse}, {closeUse, release},
	} {
		use, err := c.take(t.Context())
		require.NoError(t, err)
		for _, end := range ends {
			end(use)
		}
		next, err := c.take(t.Context())
		require.NoError(t, err)
		for _, end := range ends {
			end(use) // isn't the next user's business
		}
		_, err = c.use(t.Context(), next)
		require.NoError(t, err)
	}
	require.Equal(t, []int{1, 1, 1, 3}, s.uses.counts(), "the first is kept three times, the others are closed")
}

// TestInvalidRequest isn't sent, and isn't the peer's doing.
func TestInvalidRequest(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := newClient(t, s.URL)
	c.requireCalls(t, 1)
	use, err := c.take(t.Context())
	require.NoError(t, err)
	req := c.request(t.Context())
	req.Header.Set("Nonce", "a\nb")
	_, err = use.RoundTrip(req)
	require.ErrorContains(t, err, "invalid header")
	require.False(t, use.PeerClosed())
	use.Close()
	require.Equal(t, []int{1}, s.uses.counts())
}

// TestCancelAtEveryStage ends with the caller's cause at once, and leaves no connection.
func TestCancelAtEveryStage(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"before the request", "before the answer", "in the body"} {
		var reached atomic.Pointer[context.CancelCauseFunc]
		cause := errors.New("enough")
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			cancel := reached.Load()
			if cancel == nil {
				_, _ = io.WriteString(w, success)
				return
			}
			if stage == "in the body" {
				w.Header().Set("Content-Length", "12")
				_, _ = io.WriteString(w, success[:5])
				_ = http.NewResponseController(w).Flush()
			}
			(*cancel)(cause)
			<-r.Context().Done()
		})
		c := newClient(t, s.URL)
		c.timeout = time.Minute
		c.requireCalls(t, 1)
		ctx, cancel := context.WithCancelCause(t.Context())
		reached.Store(&cancel)
		use, err := c.take(ctx)
		require.NoError(t, err)
		if stage == "before the request" {
			cancel(cause)
		}
		_, err = c.use(ctx, use)
		require.ErrorIs(t, err, cause, stage)
		require.Equal(t, []bool{false, false}, []bool{use.PeerClosed(), use.Overdue()}, stage)
		s.requireNoneOpen(t)
	}
}

// TestCancelAfterTheAnswer costs the connection, because the cancel may be under way to it.
func TestCancelAfterTheAnswer(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := newClient(t, s.URL)
	ctx, cancel := context.WithCancel(t.Context())
	use, err := c.take(ctx)
	require.NoError(t, err)
	resp, err := use.RoundTrip(c.request(ctx))
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	cancel()
	use.Release()
	s.requireNoneOpen(t)
	c.requireCalls(t, 2)
	require.Equal(t, []int{1, 2}, s.uses.counts())
}
