package webhook_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWrappedResponseWriter has middleware that hides the connection's deadlines. The server's own ReadTimeout must
// still end a slow body, and a refusal must not wait for it.
func TestWrappedResponseWriter(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		forge func(*http.Request)
		want  answer
		after time.Duration
	}{
		{"RC's", func(*http.Request) {}, answers.timeout, 6 * time.Second},
		{"forged", setParam("nonce", "1"), answers.signature, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T) {
				receiver := newReceiver(t)
				dial, open := serveOverPipes(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					receiver.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
				}), func(server *http.Server) { server.ReadTimeout = 6 * time.Second })
				request := validRequest(testNonce)
				tc.forge(request)
				conn := dial()
				defer func() { _ = conn.Close() }()
				go func() {
					_, _ = fmt.Fprintf(conn, "POST /?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n[", request.URL.RawQuery)
				}()
				require.NoError(t, conn.SetReadDeadline(startTime.Add(time.Minute)))
				response, err := http.ReadResponse(bufio.NewReader(conn), request)
				require.NoError(t, err)
				body, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				require.Equal(t, tc.want, answer{response.StatusCode, strings.TrimSpace(string(body))})
				require.Equal(t, tc.after, time.Since(startTime))
				time.Sleep(6 * time.Second)
				synctest.Wait()
				require.Zero(t, open.Load(), "connections")
			})
		})
	}
}

// pipeListener accepts connections in memory, so that their deadlines follow the bubble's clock.
type pipeListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (p *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipeListener) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// serveOverPipes starts a real server without timeouts. It returns a function to connect to it, and the number of its
// open connections.
func serveOverPipes(t *testing.T, handler http.Handler, changes ...func(*http.Server)) (dial func() net.Conn, open *atomic.Int32) {
	t.Helper()
	listener := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	open = &atomic.Int32{}
	server := &http.Server{Handler: handler, ConnState: func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
		default:
		}
	}}
	for _, change := range changes {
		change(server)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return func() net.Conn {
		client, conn := net.Pipe()
		listener.conns <- conn
		return client
	}, open
}

// TestSlowBodies checks that a request whose body arrives byte by byte is answered in time, and leaves neither a
// connection nor a goroutine. Sending slowly needs no knowledge of the secret.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		forge func(*http.Request)
		close bool
		want  answer
	}{
		{"RC's", func(*http.Request) {}, false, answers.timeout},
		{"forged", setParam("nonce", "1"), false, answers.signature},
		{"unsigned", editQuery(func(string) string { return "" }), false, answers.parameters},
		{"PUT", setMethod("PUT"), false, answers.method},
		{"after Shutdown", func(*http.Request) {}, true, answers.shutdown},
	} {
		for _, framing := range []string{"Content-Length: 10000", "Transfer-Encoding: chunked"} {
			t.Run(tc.name+" "+framing[:7], func(t *testing.T) {
				t.Parallel()
				for range 10 { // repeated, because the read deadline and the end of the context race
					inBubble(t, func(t *testing.T) {
						receiver := newReceiver(t)
						if tc.close {
							require.NoError(t, receiver.Shutdown(t.Context()))
						}
						request := validRequest(testNonce)
						tc.forge(request)
						requireSlowBodyEnds(t, receiver, request, framing, tc.want)
					})
				}
			})
		}
	}
}

func requireSlowBodyEnds(t *testing.T, receiver *receiver, request *http.Request, framing string, want answer) {
	t.Helper()
	dial, open := serveOverPipes(t, receiver)
	conn := dial()
	t.Cleanup(func() { _ = conn.Close() })
	ctx := t.Context() // ends before the bubble
	go func() {
		_, _ = fmt.Fprintf(conn, "%s /?%s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", request.Method, request.URL.RawQuery, framing)
		part := " "
		if strings.HasSuffix(framing, "chunked") {
			part = "1\r\n \r\n"
		}
		for range 3600 {
			if _, err := io.WriteString(conn, part); err != nil {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
	}()
	require.NoError(t, conn.SetReadDeadline(startTime.Add(time.Minute))) // so that a failing test ends
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, want, answer{response.StatusCode, strings.TrimSpace(string(body))})
	require.LessOrEqual(t, time.Since(startTime), 4*time.Second)
	time.Sleep(2 * time.Second) // net/http delays closing by half a second
	synctest.Wait()
	require.Zero(t, open.Load(), "connections")
	require.Empty(t, receiver.dispatched())
}

// TestConnectionIsReused checks that a connection stays usable for RC's next request a minute later, even if the
// previous one took nearly 4 seconds, and that the contexts of its requests don't end early.
func TestConnectionIsReused(t *testing.T) {
	t.Parallel()
	for _, took := range []time.Duration{0, 3 * time.Second, 3_999 * time.Millisecond} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t)
			receiver.onEvent = sleepFor(took)
			var ended atomic.Bool
			dial, open := serveOverPipes(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				receiver.ServeHTTP(w, r)
				if r.Context().Err() != nil {
					ended.Store(true)
				}
			}))
			conn := dial()
			t.Cleanup(func() { _ = conn.Close() })
			reader := bufio.NewReader(conn)
			for i, nonce := range []string{"1", "2", "3"} {
				request := validRequest(nonce)
				go func() {
					_, _ = fmt.Fprintf(conn, "POST /?%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", request.URL.RawQuery, len(presenceEvent), presenceEvent)
				}()
				response, err := http.ReadResponse(reader, request)
				require.NoError(t, err)
				_, err = io.ReadAll(response.Body)
				require.NoError(t, err)
				require.Equal(t, 200, response.StatusCode)
				require.Len(t, receiver.dispatched(), i+1)
				require.Equal(t, int32(1), open.Load())
				require.False(t, ended.Load())
				time.Sleep(time.Minute)
			}
		})
	}
}
