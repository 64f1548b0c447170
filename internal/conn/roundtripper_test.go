package conn_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/internal/conn"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

// closeCounter is a body that counts how often it is closed.
type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error {
	c.closed++
	return nil
}

// TestRoundTripperClosesTheBody of a request that isn't sent.
func TestRoundTripperClosesTheBody(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*http.Request){
		"no URL":    func(req *http.Request) { req.URL = nil },
		"no host":   func(req *http.Request) { req.URL.Host = "" },
		"no scheme": func(req *http.Request) { req.URL.Scheme = "" },
	} {
		c := newClient(t, "http://127.0.0.1:1")
		req := c.request(t.Context())
		body := new(closeCounter)
		req.Body = body
		change(req)
		_, err := c.pool.RoundTripper(time.Second).RoundTrip(req)
		require.Error(t, err, name)
		require.Equal(t, 1, body.closed, name)
		require.True(t, startWatch(t).NotSent(nil, err))
	}
}

// TestRoundTripperKeepsTheRequest as it was given, and returns it with the answer.
func TestRoundTripperKeepsTheRequest(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := newClient(t, s.URL)
	transport := c.pool.RoundTripper(time.Minute)
	for range maxUses + 1 {
		req := c.request(t.Context())
		resp, err := transport.RoundTrip(req)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body) // isn't closed
		require.NoError(t, err)
		require.Same(t, req, resp.Request)
		require.Equal(t, t.Context(), req.Context())
		require.False(t, req.Close)
	}
	require.Equal(t, []int{1, maxUses}, s.uses.counts())
}

// TestRoundTripperReleases a connection whose answer has no body, or was read to its end; any other is closed.
func TestRoundTripperReleases(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		end  func(*http.Response)
		uses []int
	}{
		"no body":    {"HTTP/1.1 204 No Content\r\n\r\n", func(*http.Response) {}, []int{3}},
		"empty body": {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", func(*http.Response) {}, []int{3}},
		"read":       {rawSuccess, func(resp *http.Response) { _, _ = io.Copy(io.Discard, resp.Body) }, []int{3}},
		"closed":     {rawSuccess, func(resp *http.Response) { _ = resp.Body.Close() }, []int{1, 1, 1}},
		"read, closed": {rawSuccess, func(resp *http.Response) {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			_ = resp.Body.Close()
		}, []int{3}},
		"broken": {
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
			func(resp *http.Response) { _, _ = io.Copy(io.Discard, resp.Body) },
			[]int{1, 1, 1},
		},
	} {
		var uses tally
		c := newClient(t, systemtest.RawServer(t, func(c net.Conn) {
			for r := bufio.NewReader(c); systemtest.ReadRequest(r) != nil && uses.add(c) > 0; {
				_, _ = io.WriteString(c, tc.text)
			}
		}))
		transport := c.pool.RoundTripper(time.Minute)
		for range 3 {
			resp, err := transport.RoundTrip(c.request(t.Context()))
			require.NoError(t, err)
			tc.end(resp)
		}
		require.Equal(t, tc.uses, uses.counts(), name)
	}
}

// TestRoundTripperWithoutAWatch ends a request at its own timeout, also if its answer is left unread.
func TestRoundTripperWithoutAWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		c := p.serve(t, nil)
		_, err := c.pool.RoundTripper(3 * time.Second).RoundTrip(c.request(context.Background()))
		require.NoError(t, err)
		time.Sleep(3*time.Second - 1)
		synctest.Wait()
		require.EqualValues(t, 1, p.open.Load())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.Zero(t, p.open.Load())
	})
}

// TestPanicOfACallersTrace leaves no connection.
func TestPanicOfACallersTrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		c := p.serve(t, nil)
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			GotConn: func(httptrace.GotConnInfo) { panic("in the trace") },
		})
		require.PanicsWithValue(t, "in the trace", func() { _ = c.call(ctx) })
		synctest.Wait()
		require.Zero(t, p.open.Load())
	})
}

// TestSOCKSProxyRefuses names the proxy's reason.
func TestSOCKSProxyRefuses(t *testing.T) {
	t.Parallel()
	c := newClient(t, "http://rc.example")
	proxy := systemtest.RawServer(t, func(c net.Conn) {
		hello := make([]byte, 3)
		_, _ = io.ReadFull(c, hello)
		_, _ = c.Write([]byte{5, 0})
		_, _ = c.Read(make([]byte, 300))
		_, _ = c.Write([]byte{5, 2, 0, 1, 0, 0, 0, 0, 0, 0}) // not allowed by ruleset
	})
	setProxy(t, c, "socks5"+proxy[len("http"):])
	_, err := c.take(t.Context())
	require.ErrorContains(t, err, "not allowed")
	var op *net.OpError
	require.ErrorAs(t, err, &op)
	require.Equal(t, "socks connect", op.Op)
	require.True(t, startWatch(t).NotSent(nil, errors.Join(err)))
	require.False(t, conn.Ended(err))
}
