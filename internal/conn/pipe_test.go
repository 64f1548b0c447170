package conn_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// pipes is a server in memory, which also works in a testing/synctest bubble.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
	dials    atomic.Int32
	open     atomic.Int32

	dial func(context.Context) error // called before each connection is made; may be nil
}

func newPipes() *pipes { return &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (*pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// tracked counts itself out when it is closed.
type tracked struct {
	net.Conn
	once sync.Once
	open *atomic.Int32
}

func (c *tracked) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

func (p *pipes) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	p.dials.Add(1)
	if p.dial != nil {
		if err := p.dial(ctx); err != nil {
			return nil, err
		}
	}
	near, far := net.Pipe()
	select {
	case p.accepted <- far:
		p.open.Add(1)
		return &tracked{Conn: near, open: &p.open}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serve answers over pipes until the test's end; a nil handler answers with success.
func (p *pipes) serve(t testing.TB, handler http.HandlerFunc) *client {
	t.Helper()
	if handler == nil {
		handler = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(success)) }
	}
	s := &http.Server{Handler: handler}
	done := make(chan error, 1)
	go func() { done <- s.Serve(p) }()
	c := newClient(t, "http://rc.example")
	c.pool.Transport().DialContext = p.DialContext
	t.Cleanup(func() {
		c.pool.CloseIdleConnections()
		_ = s.Close()
		require.ErrorIs(t, <-done, http.ErrServerClosed)
	})
	return c
}

// rawPipes hands the server's end of each connection to serve, in a goroutine that closes it afterwards.
func rawPipes(t testing.TB, serve func(net.Conn)) *client {
	t.Helper()
	c := newClient(t, "http://rc.example")
	c.pool.Transport().DialContext = func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			serve(far)
			_ = far.Close()
		}()
		return near, nil
	}
	return c
}
