package rcuser_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

var errShutdown = errors.New("shutting down")

// stages lists the stages in which an attempt can hang, by what the server does.
var stages = map[string]struct {
	scheme  string
	serve   func(net.Conn) // nil: dialing hangs
	outcome rcuser.Outcome
	status  int
}{
	"dial":         {"https", nil, rcuser.NotApplied, 0},
	"TLS":          {"https", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, rcuser.NotApplied, 0},
	"TLS, unread":  {"https", func(net.Conn) {}, rcuser.NotApplied, 0},
	"request":      {"http", func(net.Conn) {}, rcuser.Unknown, 0},
	"answer":       {"http", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, rcuser.Unknown, 0},
	"status line":  {"http", partialAnswer("HTTP/1.1 2"), rcuser.Unknown, 0},
	"headers":      {"http", partialAnswer("HTTP/1.1 200 OK\r\nContent-"), rcuser.Unknown, 0},
	"body":         {"http", partialAnswer("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"), rcuser.Unknown, 200},
	"half a body":  {"http", partialAnswer("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"co"), rcuser.Unknown, 200},
	"refusal body": {"http", partialAnswer("HTTP/1.1 400 Bad\r\nContent-Length: 12\r\n\r\n{\"co"), rcuser.Unknown, 400},
}

func partialAnswer(text string) func(net.Conn) {
	return func(c net.Conn) {
		systemtest.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, text)
	}
}

// pipeTransport returns a transport whose connections are pipes, so that it works in a synctest bubble. serve gets the
// server's end.
func pipeTransport(t *testing.T, serve func(net.Conn)) *http.Transport {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		if serve == nil {
			<-ctx.Done()
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
		}
		near, far := net.Pipe()
		go func() {
			serve(far)
			<-t.Context().Done()
			_ = far.Close()
		}()
		return near, nil
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// contextEnds lists contexts that end after a second, and the errors that a call must match then.
var contextEnds = map[string]struct {
	context func(context.Context) (context.Context, context.CancelFunc)
	is      []error
}{
	"cancelled": {func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(time.Second, cancel)
		return ctx, cancel
	}, []error{context.Canceled}},
	"cancelled with a cause": {func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancelCause(ctx)
		time.AfterFunc(time.Second, func() { cancel(errShutdown) })
		return ctx, func() { cancel(nil) }
	}, []error{context.Canceled, errShutdown}},
	"deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, time.Second)
	}, []error{context.DeadlineExceeded}},
	"deadline with a cause": {func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeoutCause(ctx, time.Second, errShutdown)
	}, []error{context.DeadlineExceeded, errShutdown}},
}

// TestCallEndsWithItsContext covers every stage of an attempt.
func TestCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for stage, at := range stages {
		for name, end := range contextEnds {
			t.Run(stage+", "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					client, _ := newClient(t, nil, bothHosts, func(c *rcuser.Config) {
						c.DataCenter = rcuser.DataCenter{Primary: at.scheme + "://127.0.0.1:80", Backup: at.scheme + "://127.0.0.2:80"}
						c.HTTPClient.Transport = pipeTransport(t, at.serve)
					})
					ctx, cancel := end.context(t.Context())
					defer cancel()
					took, err := timed(func() error { return ban(ctx, client) })
					require.Equal(t, time.Second, took)
					rcErr := requireError(t, err)
					require.Equal(t, []any{1, at.outcome, at.status, "127.0.0.1:80"},
						[]any{rcErr.Attempts, rcErr.Outcome, rcErr.StatusCode, rcErr.Host})
					for _, want := range end.is {
						require.ErrorIs(t, err, want)
					}
				})
			})
		}
	}
}

// TestCancelDuringTheWaits covers the wait between two attempts and the waits for the rate limit.
func TestCancelDuringTheWaits(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		respond  roundTripFunc
		before   int // calls that use up the endpoint's rate
		attempts int
		outcome  rcuser.Outcome
		status   int
	}{
		"between attempts": {replyWith(503, "", "Retry-After", "9"), 0, 1, rcuser.Unknown, 503},
		"after a 429":      {replyWith(429, limited, "Retry-After", "9"), 0, 1, rcuser.NotApplied, 429},
		"rate limit":       {reply(200, success), 200, 0, rcuser.NotApplied, 0},
		"pause":            {replyWith(429, limited, "Retry-After", "9"), 1, 0, rcuser.NotApplied, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, tap := newClient(t, tc.respond, paced)
				background, stop := context.WithCancel(t.Context())
				defer stop()
				for range tc.before {
					go func() { _ = ban(background, client) }()
				}
				synctest.Wait()
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(errShutdown) })
				took, err := timed(func() error { return ban(ctx, client) })
				require.Equal(t, time.Second, took)
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorIs(t, err, errShutdown)
				rcErr := requireError(t, err)
				require.Equal(t, []any{tc.attempts, tc.outcome, tc.status}, []any{rcErr.Attempts, rcErr.Outcome, rcErr.StatusCode})
				require.NotEmpty(t, tap.requests())
			})
		})
	}
}

// TestCancelWhileARetryWaitsForTheLimiter requires the error to have the first attempt's answer.
func TestCancelWhileARetryWaitsForTheLimiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, func(req *http.Request) (*http.Response, error) {
			time.Sleep(2 * time.Millisecond)
			return reply(503, `{"code":1000}`)(req)
		}, bothHosts, paced)
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Millisecond, func() {
			for range 200 {
				go func() { _ = ban(ctx, client) }()
			}
		})
		time.AfterFunc(time.Second, func() { cancel(errShutdown) })
		took, err := timed(func() error { return ban(ctx, client) })
		require.Equal(t, time.Second, took)
		require.ErrorIs(t, err, errShutdown)
		require.ErrorIs(t, err, rcuser.ErrInternal)
		rcErr := requireError(t, err)
		require.Equal(t, []any{1, rcuser.Unknown, 503}, []any{rcErr.Attempts, rcErr.Outcome, rcErr.StatusCode})
		time.Sleep(time.Second) // until the others have ended
	})
}

// TestCancelClosesTheConnection uses a server that never answers.
func TestCancelClosesTheConnection(t *testing.T) {
	t.Parallel()
	arrived, left := make(chan struct{}), make(chan struct{})
	base := systemtest.RawServer(t, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		systemtest.ReadRequest(r)
		close(arrived)
		_, _ = r.ReadByte()
		close(left)
	})
	client := overWire(t, base)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	took, err := timed(func() error { return ban(ctx, client) })
	require.Less(t, took, time.Second)
	rcErr := requireError(t, err)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []any{1, rcuser.Unknown}, []any{rcErr.Attempts, rcErr.Outcome})
	<-left
}

// TestAnswerWhenTheAttemptTimesOut sends the answer on a reused connection exactly when the attempt times out, for the race
// detector.
func TestAnswerWhenTheAttemptTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transport := pipeTransport(t, func(conn net.Conn) {
			r := bufio.NewReader(conn)
			systemtest.ReadRequest(r)
			_, _ = io.WriteString(conn, rawSuccess)
			if systemtest.ReadRequest(r) != nil {
				time.Sleep(5 * time.Second)
				_, _ = io.WriteString(conn, rawSuccess)
			}
		})
		client, _ := newClient(t, nil, once, func(c *rcuser.Config) {
			c.DataCenter.Primary = "http://127.0.0.1:80"
			c.HTTPClient.Transport = transport
		})
		for range 20 {
			require.NoError(t, ban(t.Context(), client))
			_ = ban(t.Context(), client)
			transport.CloseIdleConnections()
		}
	})
}

func TestTimeoutOnReusedConnectionSwitchesHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log warnings
		client, _ := newClient(t, nil, log.to, func(c *rcuser.Config) {
			c.DataCenter = rcuser.DataCenter{Primary: "http://127.0.0.1:80", Backup: "http://127.0.0.2:80"}
			c.HTTPClient.Transport = pipeTransport(t, func(conn net.Conn) {
				r := bufio.NewReader(conn)
				systemtest.ReadRequest(r)
				_, _ = io.WriteString(conn, rawSuccess)
				_, _ = io.Copy(io.Discard, r)
			})
		})
		require.NoError(t, ban(t.Context(), client))
		took, err := timed(func() error { return ban(t.Context(), client) })
		require.NoError(t, err)
		require.Equal(t, 5*time.Second, took)
		require.Equal(t, 1, log.count(switching))
	})
}

// TestProbeCancelledInTheBody cancels a probe of the primary after the headers of an HTTP 503.
func TestProbeCancelledInTheBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		primary := inTurn(reply(503, ""), func(req *http.Request) (*http.Response, error) {
			resp, err := slowBody(req)
			resp.StatusCode = 503
			return resp, err
		}, reply(503, ""))
		client, tap := newClient(t, byHost(t, primary, reply(200, success)), bothHosts)
		require.NoError(t, ban(t.Context(), client))
		time.Sleep(5 * time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, ban(ctx, client))
		time.Sleep(10*time.Second - 1)
		require.NoError(t, ban(t.Context(), client))
		time.Sleep(time.Nanosecond)
		require.NoError(t, ban(t.Context(), client), "the next probe")
		require.NoError(t, ban(t.Context(), client))
		require.Equal(t, "pb"+"p"+"b"+"pb"+"b", hostSequence(tap))
	})
}

// TestErrorNamesTheLastHostTried lets the limiter fail before the attempt on the other host.
func TestErrorNamesTheLastHostTried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("full")
		client, _ := newClient(t, byHost(t, failWith(refusedDial()), unexpected(t)), bothHosts, func(c *rcuser.Config) {
			c.Limiter = &stubLimiter{fail: 2, err: full}
		})
		rcErr := requireError(t, ban(t.Context(), client))
		require.ErrorIs(t, rcErr, full)
		require.Equal(t, []any{1, primaryHost}, []any{rcErr.Attempts, rcErr.Host})
	})
}
