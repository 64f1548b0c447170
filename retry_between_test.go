package rcuser_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

// TestMachinesInBetween has a proxy in front of the primary that answers by itself, over TCP: methods succeed at the
// backup, other calls only if the proxy certainly passed nothing on.
func TestMachinesInBetween(t *testing.T) {
	t.Parallel()
	passedOn := map[int]bool{200: true, 203: true, 206: true, 408: true, 500: true, 502: true, 599: true}
	for _, status := range []int{200, 203, 206, 400, 401, 402, 403, 404, 405, 407, 408, 410, 413, 418, 421, 425, 451, 499, 500, 502, 599} {
		for _, text := range []string{
			"Content-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", "Content-Length: 0\r\n\r\n",
			"Content-Type: \x80\x81\r\nRetry-After: -1\r\nDate: x\r\nContent-Length: 2\r\n\r\n[]",
			"Content-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"message\":\"no!\"}",
		} {
			t.Run(strconv.Itoa(status), func(t *testing.T) {
				t.Parallel()
				primary := systemtest.RawServer(t, func(conn net.Conn) {
					systemtest.ReadRequest(bufio.NewReader(conn))
					_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d X\r\nConnection: close\r\n%s", status, text)
				})
				backup := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, success) })
				two := func(c *rcuser.Config) { c.DataCenter.Backup = backup.URL }
				require.NoError(t, ban(t.Context(), overWire(t, primary, two)))
				err := other("/x.json", nil)(t.Context(), overWire(t, primary, two))
				if passedOn[status] {
					require.Equal(t, rcuser.Unknown, requireError(t, err).Outcome)
				} else {
					require.NoError(t, err)
				}
				rcErr := requireError(t, ban(t.Context(), overWire(t, primary)))
				require.Equal(t, []any{3, passedOn[status], rcuser.ErrorCode(0)}, []any{rcErr.Attempts, rcErr.Outcome == rcuser.Unknown, rcErr.Code})
				require.NotEmpty(t, rcErr.Err.Error())
			})
		}
	}
}

// TestRealRedirects follows none, to whichever host.
func TestRealRedirects(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		reached := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") })
		primary := serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, reached.URL+"/secret?token=qXz", status)
		})
		client := overWire(t, primary.URL, func(c *rcuser.Config) { c.DataCenter.Backup = reached.URL })
		rcErr := requireError(t, ban(t.Context(), client))
		require.EqualError(t, rcErr.Err, "a redirect to "+reached.Listener.Addr().String()+", which is refused; is the base URL right?")
		require.NotContains(t, rcErr.Error(), "qXz")
		require.Equal(t, []any{1, rcuser.NotApplied}, []any{rcErr.Attempts, rcErr.Outcome})
	}
}

// TestRefusalThatBreaksOff ends in the middle of RC's JSON, and with no Content-Length.
func TestRefusalThatBreaksOff(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"Content-Length: 30\r\n\r\n{\"code\":1002,", "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"cod"} {
		primary := systemtest.RawServer(t, func(conn net.Conn) {
			systemtest.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n"+text)
		})
		rcErr := requireError(t, other("/x.json", nil)(t.Context(), overWire(t, primary)))
		require.Equal(t, []any{1, rcuser.Unknown, 400}, []any{rcErr.Attempts, rcErr.Outcome, rcErr.StatusCode})
		backup := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, success) }))
		t.Cleanup(backup.Close)
		require.NoError(t, ban(t.Context(), overWire(t, primary, func(c *rcuser.Config) { c.DataCenter.Backup = backup.URL })))
	}
}
