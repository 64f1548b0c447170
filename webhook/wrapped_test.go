package webhook_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWrappedWriter of a middleware hides that the connection has deadlines. The server's own must then still end a body
// that doesn't come, and what is refused needs none of it.
func TestWrappedWriter(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		forge func(*http.Request)
		want  answer
		after time.Duration
	}{
		{"RC's", func(*http.Request) {}, answers.timeout, 6 * time.Second},
		{"forged", set("nonce", "1"), answers.signature, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T) {
				receiver := newReceiver(t)
				dial, open := serveOverPipes(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					receiver.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
				}), func(server *http.Server) { server.ReadTimeout = 6 * time.Second })
				request := fresh(goodNonce)
				tc.forge(request)
				conn := dial()
				defer func() { _ = conn.Close() }()
				go func() {
					_, _ = fmt.Fprintf(conn, "POST /?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n[", request.URL.RawQuery)
				}()
				require.NoError(t, conn.SetReadDeadline(start.Add(time.Minute)))
				response, err := http.ReadResponse(bufio.NewReader(conn), request)
				require.NoError(t, err)
				body, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				require.Equal(t, tc.want, answer{response.StatusCode, strings.TrimSpace(string(body))})
				require.Equal(t, tc.after, time.Since(start))
				time.Sleep(6 * time.Second)
				synctest.Wait()
				require.Zero(t, open.Load(), "connections")
			})
		})
	}
}
