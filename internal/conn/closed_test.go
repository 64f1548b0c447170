package conn_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/internal/conn"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

func TestEnded(t *testing.T) {
	t.Parallel()
	read := func(err error) error { return &net.OpError{Op: "read", Net: "tcp", Err: err} }
	call := func(name string, errno syscall.Errno) error { return read(os.NewSyscallError(name, errno)) }
	for _, tc := range []struct {
		err           error
		ended, closed bool
	}{
		{io.EOF, true, true},
		{io.ErrUnexpectedEOF, true, true},
		{fmt.Errorf("readLoopPeekFailLocked: %w", io.EOF), true, true},
		{read(net.ErrClosed), true, true},
		{errors.New("http: server closed idle connection"), true, true},
		{call("read", syscall.ECONNRESET), true, false},
		{call("write", syscall.EPIPE), true, false},
		{call("wsarecv", 10054), true, false},
		{call("wsasend", 10053), true, false},
		{fmt.Errorf("span: %w", call("wsarecv", 10054)), true, false},

		{read(os.ErrDeadlineExceeded), false, false},
		{call("read", syscall.ETIMEDOUT), false, false},
		{call("read", syscall.EHOSTUNREACH), false, false},
		{errors.New("net/http: timeout awaiting response headers"), false, false},
		{errors.New("stream error: stream ID 3; INTERNAL_ERROR; received from peer"), false, false},
		{errors.New("tls: bad record MAC"), false, false},
		{context.Canceled, false, false},
		{context.DeadlineExceeded, false, false},
	} {
		require.Equal(t, []bool{tc.ended, tc.closed}, []bool{conn.Ended(tc.err), conn.Closed(tc.err)}, "%v", tc.err)
	}
}

const idleTimeoutAnswer = "HTTP/1.0 408 Request Time-out\r\nCache-Control: no-cache\r\nConnection: close\r\nContent-Type: text/html\r\n\r\n<html>408</html>"

// TestIdleTimeoutAnswer is a server's 408 as it closes a connection. It is told from a 408 that is about a request by the
// connection, which was used before, and by its end.
func TestIdleTimeoutAnswer(t *testing.T) {
	t.Parallel()
	for text, peerClosed := range map[string]bool{
		idleTimeoutAnswer: true,
		"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n": true,
		"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n":                      false,
		"HTTP/1.1 503 Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n":     false,
	} {
		for _, answers := range []int{2, 0} {
			c := newClient(t, systemtest.RawServer(t, func(c net.Conn) {
				r := bufio.NewReader(c)
				for range answers {
					systemtest.ReadRequest(r)
					_, _ = io.WriteString(c, rawSuccess)
				}
				systemtest.ReadRequest(r)
				_, _ = io.WriteString(c, text)
			}))
			c.requireCalls(t, answers)
			use, err := c.take(t.Context())
			require.NoError(t, err)
			resp, err := use.RoundTrip(c.request(t.Context()))
			require.NoError(t, err)
			require.Equal(t, peerClosed && answers > 0, use.PeerClosed(), text)
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
			use.Release()
		}
	}
}

// TestTrailingBytes follow an answer, and are never taken for the next one: net/http closes the connection as soon as it
// has looked at them.
func TestTrailingBytes(t *testing.T) {
	t.Parallel()
	const other = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot yours"
	for _, trailing := range []string{other, idleTimeoutAnswer, "\r\n", "garbage", strings.Repeat("x", 8<<10)} {
		synctest.Test(t, func(t *testing.T) {
			c := rawPipes(t, func(c net.Conn) {
				for r := bufio.NewReader(c); systemtest.ReadRequest(r) != nil; {
					_, _ = io.WriteString(c, rawSuccess+trailing)
				}
			})
			for range 3 {
				c.requireCalls(t, 1)
				synctest.Wait()
			}
		})
	}
}

// TestClosedBetweenTakeAndRoundTrip has bytes that nobody asked for, or a 408, come at the latest moment.
func TestClosedBetweenTakeAndRoundTrip(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"garbage", idleTimeoutAnswer, ""} {
		synctest.Test(t, func(t *testing.T) {
			next := make(chan struct{})
			c := rawPipes(t, func(c net.Conn) {
				systemtest.ReadRequest(bufio.NewReader(c))
				_, _ = io.WriteString(c, rawSuccess)
				<-next
				_, _ = io.WriteString(c, text)
			})
			c.requireCalls(t, 1)
			use, err := c.take(t.Context())
			require.NoError(t, err)
			close(next)
			synctest.Wait()
			_, err = c.use(t.Context(), use)
			require.Error(t, err)
			require.True(t, use.PeerClosed(), "%q: %v", text, err)
			require.True(t, conn.Closed(err), "%q: %v", text, err)
		})
	}
}
