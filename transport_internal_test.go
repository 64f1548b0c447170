package rcuser

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
)

// TestIdleTimeoutAnswerIsAClosedConnection has a server answer 408 to the second request on a connection and close it, as
// HAProxy does with one that was idle. The attempt is then repeated at once, on a new connection, at the same host.
func TestIdleTimeoutAnswerIsAClosedConnection(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(http.RoundTripper) http.RoundTripper{"plain": nil, "wrapped": clones} {
		synctest.Test(t, func(t *testing.T) {
			client := wrappedClient(t, wrap, func(context.Context, string, string) (net.Conn, error) {
				near, far := net.Pipe()
				go func() {
					defer func() { _ = far.Close() }()
					r := bufio.NewReader(far)
					for _, answer := range []string{
						"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"code\":200}",
						"HTTP/1.1 408 Request Time-out\r\nConnection: close\r\nContent-Type: text/html\r\n\r\n<html>",
					} {
						if req, err := http.ReadRequest(r); err == nil {
							_, _ = io.Copy(io.Discard, req.Body)
							_, _ = io.WriteString(far, answer)
						}
					}
				}()
				return near, nil
			})
			result := new(typedResult[voidAnswer, struct{}, *voidAnswer])
			result.convert = func(voidAnswer) (struct{}, error) { return struct{}{}, nil }
			req := &request{endpoint: endpoint{path: "/x.json"}, contentType: classic.contentType}
			for i, want := range []bool{false, true, false, true} {
				a := client.caller.sender.attempt(t.Context(), req, result, step{newConn: i == 2}, time.Now())
				require.Equal(t, want, a.connClosed, "%s, %d", name, i)
				require.Equal(t, map[bool]int{false: 200, true: 408}[want], a.answer.status)
				require.True(t, a.sent)
			}
			client.CloseIdleConnections()
		})
	}
}

type cloning struct{ next http.RoundTripper }

func (c cloning) RoundTrip(req *http.Request) (*http.Response, error) {
	type spanKey struct{}
	return c.next.RoundTrip(req.Clone(context.WithValue(req.Context(), spanKey{}, "span")))
}

// wrappedClient is a client with a wrapper and a dial function.
func wrappedClient(t *testing.T, wrap func(http.RoundTripper) http.RoundTripper, dial func(context.Context, string, string) (net.Conn, error)) *Client {
	t.Helper()
	client, err := NewClient(Config{
		AppKey: "key", AppSecret: "secret", DataCenter: DataCenter{Primary: "http://127.0.0.1:80"}, Limiter: NoLimit,
		Retry: RetryPolicy{MaxAttempts: 1}, WrapTransport: wrap,
	})
	require.NoError(t, err)
	client.caller.sender.pool.Transport().DialContext = dial
	return client
}

func clones(next http.RoundTripper) http.RoundTripper { return cloning{next} }

func dialForever(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestDialBelowAWrapperEnds with the caller's context, or with the attempt's time.
func TestDialBelowAWrapperEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := wrappedClient(t, clones, dialForever)
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		start := time.Now()
		var rcErr *Error
		require.ErrorAs(t, client.Bans.Remove(ctx, []string{"u1"}), &rcErr)
		require.ErrorIs(t, rcErr, cause)
		require.Equal(t, time.Second, time.Since(start))
		require.Equal(t, NotApplied, rcErr.Outcome)

		start = time.Now()
		require.ErrorAs(t, removeBan(t, client), &rcErr)
		require.ErrorContains(t, rcErr, "no answer within 5s")
		require.Equal(t, 5*time.Second, time.Since(start))
		require.Equal(t, NotApplied, rcErr.Outcome)
	})
}

// TestAnswerThatAWrapperKeeps is never read to its end nor closed: its connection ends with the attempt, or at the
// attempt's deadline if the wrapper's context doesn't end before.
func TestAnswerThatAWrapperKeeps(t *testing.T) {
	t.Parallel()
	for _, later := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			dialled, closed := 0, make(chan struct{})
			dial := pipes(t, &dialled)
			client := wrappedClient(t, func(next http.RoundTripper) http.RoundTripper {
				return keeping{next, later}
			}, func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := dial(ctx, network, address)
				return closeNotifier{conn, closed}, err
			})
			start := time.Now()
			require.Error(t, removeBan(t, client))
			<-closed
			require.Equal(t, map[bool]time.Duration{false: 0, true: 5 * time.Second}[later], time.Since(start))
			client.CloseIdleConnections()
		})
	}
}

// keeping drops the answers that it gets.
type keeping struct {
	next  http.RoundTripper
	later bool
}

func (k keeping) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if k.later {
		ctx = context.WithoutCancel(ctx)
	}
	_, err := k.next.RoundTrip(req.WithContext(ctx))
	return nil, errors.Join(errors.New("kept"), err)
}

type closeNotifier struct {
	net.Conn
	closed chan struct{}
}

func (c closeNotifier) Close() error {
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	return c.Conn.Close()
}
