package conn_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/internal/conn"
)

// script is a connection that answers its first request with success, and the others by calling then.
type script struct {
	net.Conn // an end of a pipe that nobody reads
	then     func() error
	requests atomic.Int32
	asked    chan int32
	closed   chan struct{}
	once     sync.Once
}

func (s *script) Write(p []byte) (int, error) {
	s.asked <- s.requests.Add(1)
	return len(p), nil
}

func (s *script) Read(p []byte) (int, error) {
	select {
	case n := <-s.asked:
		if n == 1 {
			return copy(p, rawSuccess), nil
		}
		return 0, s.then()
	case <-s.closed:
		return 0, net.ErrClosed
	}
}

func (s *script) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

// secondUse takes the connection again that was used once.
func secondUse(ctx context.Context, t *testing.T, then func() error) (*client, *conn.Conn, *script) {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { _ = far.Close() })
	s := &script{Conn: near, then: then, asked: make(chan int32, 5), closed: make(chan struct{})}
	c := newClient(t, "http://rc.example")
	c.pool.Transport().DialContext = func(context.Context, string, string) (net.Conn, error) { return s, nil }
	c.requireCalls(t, 1)
	use, err := c.take(ctx)
	require.NoError(t, err)
	return c, use, s
}

// TestTimeoutIsNotPeerClosed has the kernel give up on a connection of which nothing was heard.
func TestTimeoutIsNotPeerClosed(t *testing.T) {
	t.Parallel()
	for cause, peerClosed := range map[error]bool{os.ErrDeadlineExceeded: false, io.EOF: true} {
		c, use, _ := secondUse(t.Context(), t, func() error { return cause })
		_, err := c.use(t.Context(), use)
		require.ErrorIs(t, err, cause)
		require.Equal(t, []bool{peerClosed, false}, []bool{use.PeerClosed(), use.Overdue()})
	}
}

// TestCancelAndPeerCloseAtOnce is the caller's doing.
func TestCancelAndPeerCloseAtOnce(t *testing.T) {
	t.Parallel()
	for range 20 {
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		c, use, _ := secondUse(ctx, t, func() error {
			cancel(cause)
			return io.EOF
		})
		_, err := c.use(ctx, use)
		require.ErrorIs(t, err, cause)
		require.False(t, use.PeerClosed())
	}
}

// TestNothingIsSentAfterTheEnd of the caller's context, or after the deadline.
func TestNothingIsSentAfterTheEnd(t *testing.T) {
	t.Parallel()
	for range 20 { // net/http would send it in half of them
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			c, use, s := secondUse(ctx, t, func() error { return io.EOF })
			cancel()
			_, err := c.use(ctx, use)
			require.ErrorIs(t, err, context.Canceled)
			synctest.Wait()
			require.EqualValues(t, 1, s.requests.Load())

			c, use, s = secondUse(t.Context(), t, func() error { return io.EOF })
			time.Sleep(5 * time.Second)
			synctest.Wait()
			_, err = c.use(t.Context(), use)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, []bool{false, true}, []bool{use.PeerClosed(), use.Overdue()})
			synctest.Wait()
			require.EqualValues(t, 1, s.requests.Load())
		})
	}
}
