package webhook_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

// counted is a body without an end, of spaces, that counts what is read of it.
type counted struct{ read atomic.Int64 }

func (c *counted) Read(p []byte) (int, error) {
	c.read.Add(int64(len(p)))
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestBodySizes: 1 MiB is read, a byte more is refused, and of what is larger no more than that is read. RC can send
// what fits afterwards.
func TestBodySizes(t *testing.T) {
	t.Parallel()
	const most = 1 << 20
	for _, tc := range []struct {
		name    string
		size    int64
		unknown bool // as with chunks
		want    answer
		read    int64
	}{
		{"fits", most, false, answers.ok, most},
		{"fits, length unknown", most, true, answers.ok, most},
		{"a byte more", most + 1, false, answers.large, 0},
		{"a byte more, length unknown", most + 1, true, answers.large, most + 1},
		{"1 GiB", 1 << 30, false, answers.large, 0},
		{"1 GiB, length unknown", 1 << 30, true, answers.large, most + 1},
	} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t)
			body := &counted{}
			request := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(
				strings.NewReader(onePresence), io.LimitReader(body, tc.size-int64(len(onePresence)))))
			request.URL.RawQuery = signedQuery(goodNonce, start)
			request.ContentLength = tc.size
			if tc.unknown {
				request.ContentLength = -1
			}
			require.Equal(t, tc.want, receiver.serve(request), tc.name)
			require.LessOrEqual(t, body.read.Load(), tc.read, tc.name)
			require.Equal(t, answers.ok, receiver.serve(fresh(goodNonce)), tc.name)
			require.Len(t, receiver.received(), 1, tc.name)
		})
	}
}

// TestForgedBodiesStayUnread: only RC's may cost memory.
func TestForgedBodiesStayUnread(t *testing.T) {
	t.Parallel()
	for _, forge := range []func(*http.Request){remove("nonce"), set("nonce", "*"), set("nonce", "1"), set("appKey", "other"), signed(goodNonce, "1081790000000"), method("PUT")} {
		inBubble(t, func(t *testing.T) {
			body := &counted{}
			request := httptest.NewRequest(http.MethodPost, "/", body)
			request.URL.RawQuery = signedQuery(goodNonce, start)
			forge(request)
			require.Less(t, newReceiver(t).serve(request).Status, 500)
			require.Zero(t, body.read.Load())
		})
	}
}

// TestManyEvents of one body are handled in its order.
func TestManyEvents(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		var body strings.Builder
		var want []string
		for i := range 10_000 {
			fmt.Fprintf(&body, `,{"userid":"%d","status":"0","time":1}`, i)
			want = append(want, fmt.Sprint(i))
		}
		receiver := newReceiver(t)
		require.Equal(t, answers.ok, receiver.serve(post(signedQuery(goodNonce, start), "["+body.String()[1:]+"]")))
		require.Equal(t, want, receiver.users())
		tooMany := "[" + strings.Repeat("{},", 10_000) + "{}]"
		require.Equal(t, answers.body, receiver.serve(post(signedQuery("14315", start), tooMany)))
		require.Contains(t, receiver.log.String(), "has 10001 events, at most 10000 are allowed")
	})
}

// TestHanging: RC waits for 5 seconds and pauses for a minute after many timeouts, so that it is answered after 4,
// whether or not what hangs looks at its context.
func TestHanging(t *testing.T) {
	t.Parallel()
	for _, ignores := range []bool{false, true} {
		for place, change := range map[string]func(*webhook.Config, func(context.Context)){
			"credentials": func(c *webhook.Config, hang func(context.Context)) {
				c.Credentials = func(ctx context.Context) ([]rcuser.Credentials, error) { hang(ctx); return nil, ctx.Err() }
			},
			"claim": func(c *webhook.Config, hang func(context.Context)) {
				c.Replays = guard{claim: func(ctx context.Context, _ string) (webhook.Claim, error) { hang(ctx); return 0, ctx.Err() }}
			},
			"commit": func(c *webhook.Config, hang func(context.Context)) {
				c.Replays = guard{commit: func(ctx context.Context, _ string, _ time.Time) error { hang(ctx); return ctx.Err() }}
			},
			"function": func(c *webhook.Config, hang func(context.Context)) {
				c.OnPresence = func(ctx context.Context, _ webhook.PresenceEvent) error { hang(ctx); return ctx.Err() }
			},
		} {
			t.Run(fmt.Sprint(place, ignores), func(t *testing.T) {
				t.Parallel()
				inBubble(t, func(t *testing.T) { requireAnswerInTime(t, place, ignores, change) })
			})
		}
	}
}

func requireAnswerInTime(t *testing.T, place string, ignores bool, change func(*webhook.Config, func(context.Context))) {
	t.Helper()
	var mu sync.Mutex
	var ended time.Duration
	receiver := newReceiver(t, func(c *webhook.Config) {
		change(c, func(ctx context.Context) {
			<-ctx.Done()
			mu.Lock()
			ended = time.Since(start)
			mu.Unlock()
			if ignores {
				time.Sleep(time.Hour)
			}
		})
	})
	require.Equal(t, answers.timeout, receiver.serve(fresh(goodNonce)))
	require.Equal(t, 4*time.Second, time.Since(start))
	time.Sleep(2 * time.Hour)
	mu.Lock()
	defer mu.Unlock()
	if place == "commit" { // which has 5 seconds, lest what was handled is handled again
		require.Equal(t, 5*time.Second, ended)
		return
	}
	require.Equal(t, 4*time.Second, ended)
}

// pipes is a listener whose connections are in memory, so that a bubble's clock rules their deadlines.
type pipes struct {
	dialed chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.dialed:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// serveOverPipes starts a real server without any timeouts of its own, and returns how to connect to it, and how many
// connections it holds.
func serveOverPipes(t *testing.T, handler http.Handler, changes ...func(*http.Server)) (dial func() net.Conn, open *atomic.Int32) {
	t.Helper()
	listener := &pipes{dialed: make(chan net.Conn), closed: make(chan struct{})}
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
		listener.dialed <- conn
		return client
	}, open
}

// TestSlowBodies: who sends a body byte by byte is answered in time too, and then holds neither connection nor goroutine.
// Nobody needs to know the secret to send slowly.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		forge func(*http.Request)
		close bool
		want  answer
	}{
		{"RC's", func(*http.Request) {}, false, answers.timeout},
		{"forged", set("nonce", "1"), false, answers.signature},
		{"unsigned", text(func(string) string { return "" }), false, answers.parameters},
		{"PUT", method("PUT"), false, answers.method},
		{"after Shutdown", func(*http.Request) {}, true, answers.shutdown},
	} {
		for _, framing := range []string{"Content-Length: 10000", "Transfer-Encoding: chunked"} {
			t.Run(tc.name+" "+framing[:7], func(t *testing.T) {
				t.Parallel()
				for range 10 { // the ends of the body's time and of the request's race
					inBubble(t, func(t *testing.T) {
						receiver := newReceiver(t)
						if tc.close {
							require.NoError(t, receiver.Shutdown(t.Context()))
						}
						request := fresh(goodNonce)
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
	ctx := t.Context() // ends before the bubble does
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
	require.NoError(t, conn.SetReadDeadline(start.Add(time.Minute))) // a test that fails must end
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, want, answer{response.StatusCode, strings.TrimSpace(string(body))})
	require.LessOrEqual(t, time.Since(start), 4*time.Second)
	time.Sleep(2 * time.Second) // net/http takes half a second to close
	synctest.Wait()
	require.Zero(t, open.Load(), "connections")
	require.Empty(t, receiver.received())
}

// TestSlowBodyHoldsNothing that RC needs: whoever has seen a URL can send to it slowly, and what RC sends is handled.
func TestSlowBodyHoldsNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		query := signedQuery(goodNonce, start)
		slow, writer := io.Pipe()
		request := httptest.NewRequest(http.MethodPost, "/", slow)
		request.URL.RawQuery = query
		got := make(chan answer, 1)
		go func() { got <- receiver.serve(request) }()
		_, _ = io.WriteString(writer, strings.ReplaceAll(onePresence, "u1", "u2"))
		synctest.Wait()
		require.Equal(t, answers.ok, receiver.serve(post(query, onePresence)))
		require.NoError(t, writer.Close())
		require.Equal(t, answers.ok, <-got, "as with every replay")
		require.Equal(t, []string{"u1"}, receiver.users())
	})
}

// TestCutBodies over a real connection: what didn't arrive wholly is not handled, even if it could be understood, and
// RC can send it again.
func TestCutBodies(t *testing.T) {
	t.Parallel()
	receiver := newReceiver(t)
	server := httptest.NewServer(receiver)
	t.Cleanup(server.Close)
	for i, rest := range []string{
		"Content-Length: 100\r\n\r\n" + onePresence,
		"Content-Length: 100\r\n\r\n" + onePresence[:20],
		"Content-Length: 100\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\n3c\r\n" + onePresence + "\r\n",
		"Transfer-Encoding: chunked\r\n\r\n3c\r\n" + onePresence[:20],
		"Transfer-Encoding: chunked\r\n\r\n3c\r\n" + onePresence + "\r\nx\r\n",
	} {
		nonce := fmt.Sprint(i)
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "POST /?%s HTTP/1.1\r\nHost: x\r\n%s", signedQuery(nonce, time.Now()), rest)
		require.NoError(t, err)
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		require.Equal(t, answers.read, answer{response.StatusCode, strings.TrimSpace(string(text))}, rest)
		require.Len(t, receiver.received(), i)
		require.Equal(t, answers.ok, receiver.serve(fresh(nonce)))
	}
}

// TestConnectionsStayOpen: RC's next request may come on the same connection, long after the time of the first, which
// may have been nearly all that it has. Other handlers get requests on the connection too, whose context must not have ended.
func TestConnectionsStayOpen(t *testing.T) {
	t.Parallel()
	for _, took := range []time.Duration{0, 3 * time.Second, 3_999 * time.Millisecond} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t)
			receiver.do = takes(took)
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
				request := fresh(nonce)
				go func() {
					_, _ = fmt.Fprintf(conn, "POST /?%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", request.URL.RawQuery, len(onePresence), onePresence)
				}()
				response, err := http.ReadResponse(reader, request)
				require.NoError(t, err)
				_, err = io.ReadAll(response.Body)
				require.NoError(t, err)
				require.Equal(t, 200, response.StatusCode)
				require.Len(t, receiver.received(), i+1)
				require.Equal(t, int32(1), open.Load())
				require.False(t, ended.Load())
				time.Sleep(time.Minute)
			}
		})
	}
}
