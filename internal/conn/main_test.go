package conn_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/f0207b22/rcuser/internal/conn"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	maxUses = 79 // of a connection: RC allows fewer than 80

	success    = `{"code":200}`
	rawSuccess = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" + success
)

// newPool returns a pool whose idle connections are closed at the end of the test.
func newPool(t testing.TB) *conn.Pool {
	t.Helper()
	p := conn.NewPool()
	p.Transport().Proxy = nil
	t.Cleanup(p.CloseIdleConnections)
	return p
}

// client makes calls through a pool.
type client struct {
	pool    *conn.Pool
	base    *url.URL
	timeout time.Duration // of a use; 0 is 5 s
	newConn bool
}

func newClient(t testing.TB, base string) *client {
	t.Helper()
	u, err := url.Parse(base)
	require.NoError(t, err)
	return &client{pool: newPool(t), base: u}
}

func (c *client) take(ctx context.Context) (*conn.Conn, error) {
	timeout := c.timeout
	if timeout == 0 {
		timeout = 5 * time.Second
	}
	return c.pool.Take(ctx, c.base, time.Now().Add(timeout), c.newConn)
}

func (c *client) request(ctx context.Context) *http.Request {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.String(), strings.NewReader("userId=u1"))
	if err != nil {
		panic(err)
	}
	return req
}

// use sends a request on a connection that was taken, reads the answer and releases the connection, or closes it.
func (c *client) use(ctx context.Context, use *conn.Conn) (string, error) {
	resp, err := use.RoundTrip(c.request(ctx))
	if err != nil {
		use.Close()
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		use.Close()
		return "", err
	}
	use.Release()
	return string(body), nil
}

func (c *client) call(ctx context.Context) error {
	use, err := c.take(ctx)
	if err != nil {
		return err
	}
	body, err := c.use(ctx, use)
	if err == nil && body != success {
		return errors.New("the body is " + body)
	}
	return err
}

// requireCalls makes calls one after the other.
func (c *client) requireCalls(t testing.TB, n int) {
	t.Helper()
	for range n {
		require.NoError(t, c.call(t.Context()))
	}
}

// tally counts by connection.
type tally struct {
	mu sync.Mutex
	n  map[net.Conn]int
}

func (c *tally) add(key net.Conn) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[net.Conn]int)
	}
	c.n[key]++
	return c.n[key]
}

func (c *tally) counts() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Values(c.n))
}

type connKey struct{}

// server is an HTTP server that counts its connections and their requests.
type server struct {
	*httptest.Server
	uses tally
	open atomic.Int32
	peak atomic.Int32
}

func (s *server) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		open := s.open.Add(1)
		for peak := s.peak.Load(); open > peak && !s.peak.CompareAndSwap(peak, open); peak = s.peak.Load() {
		}
	case http.StateClosed, http.StateHijacked:
		s.open.Add(-1)
	}
}

// newServer answers with success if handler is nil; start is for TLS and for other listeners.
func newServer(t testing.TB, handler http.HandlerFunc, start func(*httptest.Server)) *server {
	t.Helper()
	s := new(server)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.uses.add(r.Context().Value(connKey{}).(net.Conn))
		if handler != nil {
			handler(w, r)
			return
		}
		_, _ = io.WriteString(w, success)
	}))
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	s.Config.ConnState = s.track
	start(s.Server)
	t.Cleanup(s.Close)
	return s
}

func serve(t testing.TB, handler http.HandlerFunc) *server {
	t.Helper()
	return newServer(t, handler, (*httptest.Server).Start)
}

// requireNoneOpen waits until the server has seen the end of all its connections.
func (s *server) requireNoneOpen(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool { return s.open.Load() == 0 }, 5*time.Second, time.Millisecond)
}

// alwaysOpen answers on a connection for as long as it can, whatever the requests say about closing it.
func alwaysOpen(uses *tally) func(net.Conn) {
	return func(c net.Conn) {
		for r := bufio.NewReader(c); systemtest.ReadRequest(r) != nil; {
			uses.add(c)
			if _, err := io.WriteString(c, rawSuccess); err != nil {
				return
			}
		}
	}
}

// atOnce runs f in n goroutines and returns what they returned.
func atOnce(n int, f func() error) []error {
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { errs[i] = f() })
	}
	group.Wait()
	return errs
}
