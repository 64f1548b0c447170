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
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

// TestBodySizes checks that 1 MiB is accepted, that a larger body is refused without reading more than 1 MiB and a byte,
// and that RC can send a smaller body with the same signature afterwards.
func TestBodySizes(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	for _, tc := range []struct {
		name    string
		size    int64
		unknown bool // Content-Length, as with chunked encoding
		want    answer
		read    int64
	}{
		{"fits", limit, false, answers.ok, limit},
		{"fits, length unknown", limit, true, answers.ok, limit},
		{"a byte more", limit + 1, false, answers.large, 0},
		{"a byte more, length unknown", limit + 1, true, answers.large, limit + 1},
		{"1 GiB", 1 << 30, false, answers.large, 0},
		{"1 GiB, length unknown", 1 << 30, true, answers.large, limit + 1},
	} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t)
			body := &endlessBody{}
			request := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(
				strings.NewReader(presenceEvent), io.LimitReader(body, tc.size-int64(len(presenceEvent)))))
			request.URL.RawQuery = signedQuery(testNonce, startTime)
			request.ContentLength = tc.size
			if tc.unknown {
				request.ContentLength = -1
			}
			require.Equal(t, tc.want, receiver.serve(request), tc.name)
			require.LessOrEqual(t, body.bytesRead.Load(), tc.read, tc.name)
			require.Equal(t, answers.ok, receiver.serve(validRequest(testNonce)), tc.name)
			require.Len(t, receiver.dispatched(), 1, tc.name)
		})
	}
}

// TestForgedBodiesAreNotRead checks that requests that aren't RC's cost no memory.
func TestForgedBodiesAreNotRead(t *testing.T) {
	t.Parallel()
	for _, forge := range []func(*http.Request){removeParam("nonce"), setParam("nonce", "*"), setParam("nonce", "1"), setParam("appKey", "other"), sign(testNonce, "1081790000000"), setMethod("PUT")} {
		inBubble(t, func(t *testing.T) {
			body := &endlessBody{}
			request := httptest.NewRequest(http.MethodPost, "/", body)
			request.URL.RawQuery = signedQuery(testNonce, startTime)
			forge(request)
			require.Less(t, newReceiver(t).serve(request).Status, 500)
			require.Zero(t, body.bytesRead.Load())
		})
	}
}

// TestSlowBodyDoesNotClaim checks that someone who knows a URL and sends a body slowly can't keep RC's own request from
// being handled.
func TestSlowBodyDoesNotClaim(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		query := signedQuery(testNonce, startTime)
		slow, writer := io.Pipe()
		request := httptest.NewRequest(http.MethodPost, "/", slow)
		request.URL.RawQuery = query
		got := make(chan answer, 1)
		go func() { got <- receiver.serve(request) }()
		_, _ = io.WriteString(writer, strings.ReplaceAll(presenceEvent, "u1", "u2"))
		synctest.Wait()
		require.Equal(t, answers.ok, receiver.serve(newRequest(query, presenceEvent)))
		require.NoError(t, writer.Close())
		require.Equal(t, answers.ok, <-got, "a replay")
		require.Equal(t, []string{"u1"}, receiver.dispatchedUsers())
	})
}

// TestLateBody checks that a body that nothing could end in time is neither claimed nor queued, and that the server's goroutine
// doesn't return while it is being read, which net/http forbids.
func TestLateBody(t *testing.T) {
	t.Parallel()
	for _, queue := range []int{0, 10} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t, withQueue(queue, 0), withGuard(fakeGuard{claim: func(context.Context, string) (webhook.Claim, error) {
				t.Error("claimed")
				return webhook.Claimed, nil
			}}))
			slow, writer := io.Pipe() // has no deadlines
			request := httptest.NewRequest(http.MethodPost, "/", slow)
			request.URL.RawQuery = signedQuery(testNonce, startTime)
			time.AfterFunc(6*time.Second, func() {
				_, _ = io.WriteString(writer, presenceEvent)
				_ = writer.Close()
			})
			require.Equal(t, answers.timeout, receiver.serve(request))
			require.Equal(t, 6*time.Second, time.Since(startTime))
			synctest.Wait()
			require.Empty(t, receiver.dispatched())
		})
	}
}

// TestTruncatedBodies checks over a real connection that an incomplete body isn't handled, even if it could be decoded,
// and that RC can send it again.
func TestTruncatedBodies(t *testing.T) {
	t.Parallel()
	receiver := newReceiver(t)
	server := httptest.NewServer(receiver)
	t.Cleanup(server.Close)
	for i, rest := range []string{
		"Content-Length: 100\r\n\r\n" + presenceEvent,
		"Content-Length: 100\r\n\r\n" + presenceEvent[:20],
		"Content-Length: 100\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\n3c\r\n" + presenceEvent + "\r\n",
		"Transfer-Encoding: chunked\r\n\r\n3c\r\n" + presenceEvent[:20],
		"Transfer-Encoding: chunked\r\n\r\n3c\r\n" + presenceEvent + "\r\nx\r\n",
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
		require.Len(t, receiver.dispatched(), i)
		require.Equal(t, answers.ok, receiver.serve(validRequest(nonce)))
	}
}
