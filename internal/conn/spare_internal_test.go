package conn

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSpareThatComesAsItsCallerLeaves delivers a connection to a caller whose context has just ended: it is kept for
// others, or closed if idle connections are no longer wanted.
func TestSpareThatComesAsItsCallerLeaves(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	require.NoError(t, err)
	to := target{base.Scheme, base.Host}
	for _, wanted := range []bool{true, false} {
		p, c := NewPool(), (*connection)(nil)
		p.Transport().DialContext = nil // net/http's own dialler serves as well
		for late := false; !late; {     // until the delivery comes after the look at the context
			c, err = p.dial(t.Context(), to)
			require.NoError(t, err)
			late = deliverLate(t, p, c, !wanted)
		}
		use, err := p.Take(t.Context(), base, time.Now().Add(time.Minute), false)
		require.NoError(t, err)
		require.Equal(t, wanted, use.conn == c)
		use.Close()
		require.ErrorIs(t, closedError(c), net.ErrClosed)
	}
}

// deliverLate reports whether a caller whose context has ended left without the connection that was delivered to it.
func deliverLate(t *testing.T, p *Pool, c *connection, closeIdle bool) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	waiter := make(chan *connection) // as if it had been taken off the list just now
	p.mu.Lock()
	p.closeIdle = closeIdle
	p.mu.Unlock()
	go func() { waiter <- c }()
	got, err := p.wait(ctx, c.to, waiter)
	if err == nil {
		_ = c.client.Close()
		return false
	}
	require.ErrorIs(t, err, context.Canceled)
	require.Nil(t, got)
	return true
}

// closedError is what writing to a connection that the pool has closed returns.
func closedError(c *connection) error {
	_, err := c.netConn.Write([]byte("x"))
	return err
}
