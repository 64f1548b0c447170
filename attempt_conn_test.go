package rcuser_test

import (
	"bufio"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

const maxUses = 79 // requests per connection: RC allows fewer than 80

// tally counts per key, for instance per connection.
type tally[K comparable] struct {
	mu sync.Mutex
	n  map[K]int
}

func (c *tally[K]) add(key K) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[K]int)
	}
	c.n[key]++
	return c.n[key]
}

func (c *tally[K]) counts() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Values(c.n))
}

type connKey struct{}

// countUses returns a server that answers with success, and counts the requests on each connection.
func countUses(t *testing.T) (*httptest.Server, *tally[net.Conn]) {
	t.Helper()
	uses := &tally[net.Conn]{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uses.add(r.Context().Value(connKey{}).(net.Conn))
		answer(w, http.StatusOK, success)
	}))
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	server.Start()
	t.Cleanup(server.Close)
	return server, uses
}

const rawSuccess = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" + success

// keepsOpen answers every request and ignores Connection: close.
func keepsOpen(uses *tally[net.Conn]) func(net.Conn) {
	return func(conn net.Conn) {
		for r := bufio.NewReader(conn); systemtest.ReadRequest(r) != nil; {
			uses.add(conn)
			if _, err := io.WriteString(conn, rawSuccess); err != nil {
				return
			}
		}
	}
}

func requireUses(t *testing.T, uses *tally[net.Conn], sum int) {
	t.Helper()
	counts := uses.counts()
	require.LessOrEqual(t, slices.Max(counts), maxUses)
	total := 0
	for _, n := range counts {
		total += n
	}
	require.Equal(t, sum, total)
}

func TestRequestsPerConnection(t *testing.T) {
	t.Parallel()
	uses := &tally[net.Conn]{}
	server, httpUses := countUses(t)
	for base, uses := range map[string]*tally[net.Conn]{server.URL: httpUses, systemtest.RawServer(t, keepsOpen(uses)): uses} {
		client := overWire(t, base, once)
		for range 1000 {
			require.NoError(t, ban(t.Context(), client))
		}
		requireUses(t, uses, 1000)
		require.GreaterOrEqual(t, len(uses.counts()), 13)
		require.LessOrEqual(t, len(uses.counts()), 15, "net/http sometimes drops a connection on a busy machine")
		require.Equal(t, maxUses, slices.Max(uses.counts()))
	}
}

func TestRequestsPerConnectionConcurrently(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ goroutines, calls int }{{8, 400}, {64, 100}} {
		rawUses := &tally[net.Conn]{}
		server, httpUses := countUses(t)
		for base, uses := range map[string]*tally[net.Conn]{server.URL: httpUses, systemtest.RawServer(t, keepsOpen(rawUses)): rawUses} {
			client := overWire(t, base, once)
			atOnce(t, tc.goroutines, func() error {
				for range tc.calls {
					if err := ban(t.Context(), client); err != nil {
						return err
					}
				}
				return nil
			})
			requireUses(t, uses, tc.goroutines*tc.calls)
		}
	}
}

// TestLastRequestClosesTheConnection requires Connection: close on the last request, and that the client closes the
// connection if the server doesn't.
func TestLastRequestClosesTheConnection(t *testing.T) {
	t.Parallel()
	var closes []int
	closed := make(chan struct{})
	base := systemtest.RawServer(t, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		for n := 1; ; n++ {
			req := systemtest.ReadRequest(r)
			if req == nil {
				if n > 1 { // otherwise it is the next connection, on which no request was sent
					close(closed)
				}
				return
			}
			if req.Close {
				closes = append(closes, n)
			}
			_, _ = io.WriteString(conn, rawSuccess)
		}
	})
	client := overWire(t, base, once)
	for range maxUses {
		require.NoError(t, ban(t.Context(), client))
	}
	select {
	case <-closed:
		require.Equal(t, []int{maxUses}, closes)
	case <-time.After(5 * time.Second):
		require.Fail(t, "the connection stays open")
	}
}

// TestUsersTransportHasNoRequestLimit requires one connection for all calls.
func TestUsersTransportHasNoRequestLimit(t *testing.T) {
	t.Parallel()
	server, uses := countUses(t)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := overWire(t, server.URL, func(c *rcuser.Config) { c.HTTPClient = &http.Client{Transport: transport} })
	for range 100 {
		require.NoError(t, ban(t.Context(), client))
	}
	require.Equal(t, []int{100}, uses.counts())
}

// waysToClose lists ways for the server to close a connection while it is being reused.
var waysToClose = map[string]func(net.Conn, *bufio.Reader){
	"reset at the first byte": func(conn net.Conn, r *bufio.Reader) {
		_, _ = r.Peek(1)
		_ = conn.(*net.TCPConn).SetLinger(0)
	},
	"closed at the first byte": func(_ net.Conn, r *bufio.Reader) { _, _ = r.Peek(1) },
	"closed after the request": func(_ net.Conn, r *bufio.Reader) { systemtest.ReadRequest(r) },
}

// oneAnswerPerConn answers one request per connection, then calls closeConn for the next.
func oneAnswerPerConn(applied *tally[string], closeConn func(net.Conn, *bufio.Reader)) func(net.Conn) {
	return func(conn net.Conn) {
		r := bufio.NewReader(conn)
		if req := systemtest.ReadRequest(r); req != nil {
			applied.add(req.Header.Get("X-Request-ID"))
			_, _ = io.WriteString(conn, rawSuccess)
			closeConn(conn, r)
		}
	}
}

func TestReusedConnectionClosedByPeer(t *testing.T) {
	t.Parallel()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	for transportName, change := range map[string]func(*rcuser.Config){
		"own":    func(*rcuser.Config) {},
		"user's": func(c *rcuser.Config) { c.HTTPClient = &http.Client{Transport: transport} },
	} {
		for name, closeConn := range waysToClose {
			applied := &tally[string]{}
			base := systemtest.RawServer(t, oneAnswerPerConn(applied, closeConn))
			backup := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the backup was called") })
			var log warnings
			retries := 0
			client := overWire(t, base, change, log.to, func(c *rcuser.Config) {
				c.DataCenter.Backup = backup.URL
				c.Retry.BaseWait, c.Retry.MaxWait = time.Minute, time.Minute // makes the test time out if a retry isn't immediate
				c.OnAttempt = func(_ context.Context, a rcuser.Attempt) { retries += a.Number - 1 }
			})
			for range 100 {
				require.NoError(t, ban(t.Context(), client), transportName, name)
			}
			require.Len(t, applied.counts(), 100)
			require.Equal(t, 1, slices.Max(applied.counts()), "each is applied once")
			require.GreaterOrEqual(t, retries, 49, "%s, %s", transportName, name) // 99 if each retry's connection is reused too
			require.Zero(t, log.count(switching))
		}
	}
}

// TestCallOnAClosedConnectionIsNotRepeated is about Client.Call, whose requests may have been applied and aren't repeated.
func TestCallOnAClosedConnectionIsNotRepeated(t *testing.T) {
	t.Parallel()
	for name, closeConn := range waysToClose {
		applied := &tally[string]{}
		client := overWire(t, systemtest.RawServer(t, oneAnswerPerConn(applied, closeConn)), deadBackup)
		call := other("/x.json", nil)
		require.NoError(t, call(t.Context(), client))
		rcErr := requireError(t, call(t.Context(), client))
		require.Equal(t, []any{1, rcuser.Unknown, 0}, []any{rcErr.Attempts, rcErr.Outcome, rcErr.StatusCode}, name)
		require.NoError(t, call(t.Context(), client), "no failover")
		require.Equal(t, []int{1, 1}, applied.counts(), name)
	}
}

// deadBackup sets a backup on which nothing listens.
func deadBackup(config *rcuser.Config) { config.DataCenter.Backup = "http://127.0.0.1:1" }

// TestManyReusedConnectionsClosedByPeer requires the retry to open a new connection instead of trying the other closed ones.
func TestManyReusedConnectionsClosedByPeer(t *testing.T) {
	t.Parallel()
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(transport.CloseIdleConnections)
	for name, change := range map[string]func(*rcuser.Config){
		"own":    func(*rcuser.Config) {},
		"user's": func(c *rcuser.Config) { c.HTTPClient = &http.Client{Transport: transport} },
	} {
		applied := &tally[string]{}
		var barrier sync.WaitGroup
		barrier.Add(8)
		base := systemtest.RawServer(t, func(conn net.Conn) {
			oneAnswerPerConn(applied, func(conn net.Conn, r *bufio.Reader) { waysToClose["closed at the first byte"](conn, r) })(
				delayedConn{conn, sync.OnceFunc(func() { barrier.Done(); barrier.Wait() })})
		})
		client := overWire(t, base, deadBackup, change)
		atOnce(t, 8, func() error { return ban(t.Context(), client) })
		require.Len(t, applied.counts(), 8)
		barrier.Add(1)
		require.NoError(t, ban(t.Context(), client), name)
	}
}

// delayedConn calls before ahead of each write.
type delayedConn struct {
	net.Conn
	before func()
}

func (w delayedConn) Write(p []byte) (int, error) {
	w.before()
	return w.Conn.Write(p)
}

func TestBrokenNewConnectionSwitchesHost(t *testing.T) {
	t.Parallel()
	base := systemtest.RawServer(t, func(conn net.Conn) { systemtest.ReadRequest(bufio.NewReader(conn)) })
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, success) })
	var log warnings
	client := overWire(t, base, log.to, func(c *rcuser.Config) { c.DataCenter.Backup = server.URL })
	require.NoError(t, ban(t.Context(), client))
	require.Equal(t, 1, log.count(switching))
}

// TestTruncatedAnswerOnReusedConnectionSwitchesHost truncates the second answer after a byte.
func TestTruncatedAnswerOnReusedConnectionSwitchesHost(t *testing.T) {
	t.Parallel()
	base := systemtest.RawServer(t, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		systemtest.ReadRequest(r)
		_, _ = io.WriteString(conn, rawSuccess)
		systemtest.ReadRequest(r)
		_, _ = io.WriteString(conn, "H")
	})
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, success) })
	var log warnings
	client := overWire(t, base, log.to, func(c *rcuser.Config) { c.DataCenter.Backup = server.URL })
	require.NoError(t, ban(t.Context(), client))
	require.Zero(t, log.count(switching))
	require.NoError(t, ban(t.Context(), client))
	require.Equal(t, 1, log.count(switching))
}

// TestUsersHTTPClientIsNotChanged compares the user's client before and after calls, some on connections that the peer has
// closed.
func TestUsersHTTPClientIsNotChanged(t *testing.T) {
	t.Parallel()
	other, uses := countUses(t)
	base := systemtest.RawServer(t, oneAnswerPerConn(&tally[string]{}, waysToClose["closed at the first byte"]))
	transport := &http.Transport{MaxIdleConnsPerHost: 3}
	t.Cleanup(transport.CloseIdleConnections)
	own := &http.Client{Transport: transport, Timeout: time.Minute}
	before := *own
	get := func() {
		resp, err := own.Post(other.URL, "", strings.NewReader(""))
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, resp.Body)
		require.NoError(t, resp.Body.Close())
	}
	get()
	client := overWire(t, base, func(c *rcuser.Config) { c.HTTPClient = own })
	for range 10 {
		require.NoError(t, ban(t.Context(), client))
		client.CloseIdleConnections()
	}
	get()
	require.Equal(t, []int{2}, uses.counts(), "the connection to another host was kept")
	require.Equal(t, before, *own)
	require.Equal(t, 3, transport.MaxIdleConnsPerHost)
	require.Nil(t, transport.DialContext)
}
