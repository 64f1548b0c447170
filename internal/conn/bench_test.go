package conn_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// call204 expects an answer without a body, so that no buffer for one is counted.
func (c *client) call204(ctx context.Context) error {
	use, err := c.take(ctx)
	if err != nil {
		return err
	}
	resp, err := use.RoundTrip(c.request(ctx))
	if err != nil {
		use.Close()
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	use.Release()
	return errors.Join(err, resp.Body.Close())
}

// netHTTP sends on one connection of net/http, without a pool.
type netHTTP struct {
	conn *http.ClientConn
	*client
}

// newNetHTTP connects to where c does.
func newNetHTTP(t testing.TB, c *client) *netHTTP {
	t.Helper()
	transport := &http.Transport{DialContext: c.pool.Transport().DialContext}
	conn, err := transport.NewClientConn(context.Background(), "http", net.JoinHostPort(c.base.Hostname(), c.base.Port()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &netHTTP{conn, c}
}

func (n *netHTTP) call204(ctx context.Context) error {
	resp, err := n.conn.RoundTrip(n.request(ctx))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// BenchmarkUse compares a use of the pool with http.Transport, which gets its deadline by a context, and with a single
// connection of net/http, which has none. Over pipes, with a caller's context that can be cancelled.
func BenchmarkUse(b *testing.B) {
	p := newPipes()
	c := p.serve(b, nil)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	transport := &http.Transport{DialContext: p.DialContext}
	defer transport.CloseIdleConnections()
	conn := newNetHTTP(b, c)
	for name, call := range map[string]func() error{
		"pool": func() error { return c.call(ctx) },
		"transport": func() error {
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			resp, err := transport.RoundTrip(c.request(ctx))
			if err != nil {
				return err
			}
			_, err = io.ReadAll(resp.Body)
			return errors.Join(err, resp.Body.Close())
		},
		"clientconn": func() error {
			resp, err := conn.conn.RoundTrip(c.request(ctx))
			if err != nil {
				return err
			}
			_, err = io.ReadAll(resp.Body)
			return errors.Join(err, resp.Body.Close())
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := call(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
