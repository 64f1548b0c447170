package conn_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

// TestIdleTime closes a connection 50 s after its last use, whatever happened before.
func TestIdleTime(t *testing.T) {
	t.Parallel()
	for _, before := range [][]time.Duration{
		{},
		{0},
		{time.Second},
		{4 * time.Second, 5 * time.Second, 6 * time.Second},
		{49999 * time.Millisecond},
		{30 * time.Second, 30 * time.Second, 30 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPipes()
			c := p.serve(t, nil)
			c.requireCalls(t, 1)
			for _, pause := range before {
				time.Sleep(pause) // in the bubble
				c.requireCalls(t, 1)
			}
			time.Sleep(50*time.Second - 1)
			synctest.Wait()
			require.EqualValues(t, 1, p.open.Load())
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			require.Zero(t, p.open.Load())
			require.EqualValues(t, 1, p.dials.Load())
			c.requireCalls(t, 1)
			require.EqualValues(t, 2, p.dials.Load())
		})
	}
}

// TestLongUse isn't ended by the time that a connection may be idle.
func TestLongUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		c := p.serve(t, func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(10 * time.Minute)
			_, _ = io.WriteString(w, success)
		})
		c.timeout = 11 * time.Minute
		c.requireCalls(t, 3)
		require.EqualValues(t, 1, p.dials.Load())
	})
}

// hang answers at once until it is to hang, before an answer or in its body.
type hang struct{ now, inBody atomic.Bool }

func (h *hang) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	if h.inBody.Load() {
		w.Header().Set("Content-Length", "12")
		_, _ = io.WriteString(w, success[:5])
		_ = http.NewResponseController(w).Flush()
	}
	if h.now.Load() {
		<-r.Context().Done()
	}
	_, _ = io.WriteString(w, success)
}

// TestDeadline is kept exactly, although the timer of the connection was set for a later time.
func TestDeadline(t *testing.T) {
	t.Parallel()
	for _, inBody := range []bool{false, true} {
		for _, uses := range []int{0, 1, 40} {
			synctest.Test(t, func(t *testing.T) {
				h := new(hang)
				p := newPipes()
				c := p.serve(t, h.ServeHTTP)
				c.timeout = time.Minute
				c.requireCalls(t, uses)
				h.now.Store(true)
				h.inBody.Store(inBody)
				c.timeout = 50 * time.Millisecond
				start := time.Now()
				peerClosed, overdue, err := c.useErr(t)
				require.Equal(t, 50*time.Millisecond, time.Since(start))
				require.Equal(t, []bool{false, true}, []bool{peerClosed, overdue})
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Zero(t, p.open.Load())
			})
		}
	}
}

// TestLaterDeadline isn't cut short by the timer that an earlier use has set.
func TestLaterDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := new(hang)
		c := newPipes().serve(t, h.ServeHTTP)
		c.timeout = 10 * time.Millisecond
		c.requireCalls(t, 5)
		time.Sleep(5 * time.Millisecond)
		h.now.Store(true)
		c.timeout = 7 * time.Second
		start := time.Now()
		_, overdue, _ := c.useErr(t)
		require.True(t, overdue)
		require.Equal(t, 7*time.Second, time.Since(start))
	})
}

// TestDeadlineOverTheWire is as exact as real timers are.
func TestDeadlineOverTheWire(t *testing.T) {
	t.Parallel()
	h := new(hang)
	s := serve(t, h.ServeHTTP)
	c := newClient(t, s.URL)
	best := time.Minute
	for range 5 { // the machine may be busy
		h.now.Store(false)
		c.timeout = 5 * time.Second
		c.requireCalls(t, 20)
		h.now.Store(true)
		c.timeout = 50 * time.Millisecond
		start := time.Now()
		_, overdue, err := c.useErr(t)
		took := time.Since(start)
		require.True(t, overdue)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.GreaterOrEqual(t, took, 50*time.Millisecond)
		best = min(best, took)
	}
	require.LessOrEqual(t, best, 52500*time.Microsecond)
	s.requireNoneOpen(t)
}

// TestAfterTheDeadline closes a connection whose use was over in time but released late.
func TestAfterTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		c := p.serve(t, nil)
		use, err := c.take(t.Context())
		require.NoError(t, err)
		resp, err := use.RoundTrip(c.request(t.Context()))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, success, string(body))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		use.Release()
		require.Zero(t, p.open.Load())
		c.requireCalls(t, 1)
		require.EqualValues(t, 2, p.dials.Load())
	})
}

// TestInAndOutOfABubble uses one pool before, in, between and after testing/synctest bubbles.
func TestInAndOutOfABubble(t *testing.T) {
	t.Parallel()
	var uses tally
	outside := newClient(t, systemtest.RawServer(t, alwaysOpen(&uses)))
	transport := outside.pool.Transport()
	real := transport.DialContext
	var inside atomic.Pointer[func(net.Conn)]
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		serve := inside.Load()
		if serve == nil {
			return real(ctx, network, address)
		}
		near, far := net.Pipe()
		go (*serve)(far)
		return near, nil
	}
	answer := func(n int) func(net.Conn) {
		return func(c net.Conn) {
			r := bufio.NewReader(c)
			for i := 0; i != n && systemtest.ReadRequest(r) != nil; i++ {
				_, _ = io.WriteString(c, rawSuccess)
			}
			_ = c.Close()
		}
	}
	for _, serve := range []func(net.Conn){answer(-1), answer(75), answer(1)} {
		synctest.Test(t, func(t *testing.T) {
			inside.Store(&serve)
			outside.requireCalls(t, 1) // with the one of outside idle
			if serve := answer(-1); true {
				inside.Store(&serve)
			}
			time.Sleep(20 * time.Second)
			for range 80 {
				_ = outside.call(t.Context())
			}
			time.Sleep(49 * time.Second)
			outside.requireCalls(t, 1)
			outside.pool.CloseIdleConnections()
		})
		inside.Store(nil)
		outside.requireCalls(t, 75)
	}
	require.Equal(t, []int{75, 75, 75}, uses.counts())
}

// TestAfterTheBubble has the peer close the connections of a bubble, and the pool learn of it only outside.
func TestAfterTheBubble(t *testing.T) {
	t.Parallel()
	c := newClient(t, "http://rc.example")
	synctest.Test(t, func(t *testing.T) {
		c.pool.Transport().DialContext = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				systemtest.ReadRequest(bufio.NewReader(far))
				_, _ = io.WriteString(far, rawSuccess)
				_ = far.Close()
			}()
			return near, nil
		}
		for range 3 {
			c.requireCalls(t, 1)
			synctest.Wait()
		}
	})
	c.pool.CloseIdleConnections()
	synctest.Test(t, func(t *testing.T) {
		for range 3 {
			c.requireCalls(t, 1)
			synctest.Wait()
		}
	})
	c.requireCalls(t, 1)
}
