package conn_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http/httptrace"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

// traced returns a context whose trace keeps what it sees.
func traced(ctx context.Context, seen *record) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(address string) { seen.add("GetConn %s", address) },
		GotConn: func(info httptrace.GotConnInfo) {
			seen.add("GotConn conn=%v reused=%v idle=%v %v", info.Conn != nil, info.Reused, info.WasIdle, info.IdleTime)
		},
		ConnectStart:         func(network, _ string) { seen.add("ConnectStart %s", network) },
		WroteRequest:         func(info httptrace.WroteRequestInfo) { seen.add("WroteRequest %v", info.Err) },
		GotFirstResponseByte: func() { seen.add("GotFirstResponseByte") },
		PutIdleConn:          func(err error) { seen.add("PutIdleConn %v", err) },
	})
}

// TestCallersTrace sees the steps of a new connection and of one that was idle for 7 s.
func TestCallersTrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen record
		c := newPipes().serve(t, nil)
		ctx := traced(t.Context(), &seen)
		require.NoError(t, c.call(ctx))
		time.Sleep(7 * time.Second)
		require.NoError(t, c.call(ctx))
		request := []string{"GotFirstResponseByte", "PutIdleConn <nil>", "WroteRequest <nil>"} // in any order
		all := seen.all()
		require.Len(t, all, 10)
		slices.Sort(all[2:5])
		slices.Sort(all[7:])
		require.Equal(t, slices.Concat(
			[]string{"GetConn rc.example:80", "GotConn conn=true reused=false idle=false 0s"}, request,
			[]string{"GetConn rc.example:80", "GotConn conn=true reused=true idle=true 7s"}, request), all)
	})
}

// TestTraceOfSpares has one that was idle and one that its caller waited for.
func TestTraceOfSpares(t *testing.T) {
	t.Parallel()
	const got = "GotConn conn=true reused="
	for _, waits := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var seen record
			s := newSpares()
			c := s.serve(t, nil)
			want := got + "true idle=true 0s"
			if waits {
				want = got + "false idle=false 0s"
				done := s.waiting(traced(t.Context(), &seen), t, c)
				s.release <- nil
				require.NoError(t, <-done)
			} else {
				c.requireCalls(t, maxUses-1)
				s.release <- nil
				c.requireCalls(t, 1)
				synctest.Wait()
				require.NoError(t, c.call(traced(t.Context(), &seen)))
			}
			require.Contains(t, seen.all(), want)
		})
	}
}

// TestTraceAndPeerClosed has a caller's trace beside the pool's own.
func TestTraceAndPeerClosed(t *testing.T) {
	t.Parallel()
	for text, peerClosed := range map[string]bool{"": true, "H": false} {
		c := newClient(t, systemtest.RawServer(t, func(c net.Conn) {
			r := bufio.NewReader(c)
			for range 2 {
				systemtest.ReadRequest(r)
				_, _ = io.WriteString(c, rawSuccess)
			}
			systemtest.ReadRequest(r)
			_, _ = io.WriteString(c, text)
		}))
		var seen record
		ctx := traced(t.Context(), &seen)
		require.NoError(t, c.call(ctx))
		c.requireCalls(t, 1)
		require.Contains(t, seen.all(), "ConnectStart tcp")
		use, err := c.take(ctx)
		require.NoError(t, err)
		_, err = c.use(ctx, use)
		require.Error(t, err)
		require.Equal(t, peerClosed, use.PeerClosed())
		require.Equal(t, "GotConn conn=true reused=true idle=true", seen.all()[7][:39])
	}
}

type valueKey struct{}

// TestContextOfARequest has the values and the deadline of the caller's.
func TestContextOfARequest(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := newClient(t, s.URL)
	deadline := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(context.WithValue(t.Context(), valueKey{}, "v"), deadline)
	defer cancel()
	for _, ctx := range []context.Context{ctx, traced(ctx, new(record))} {
		use, err := c.take(ctx)
		require.NoError(t, err)
		resp, err := use.RoundTrip(c.request(ctx))
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		got := resp.Request.Context()
		require.Equal(t, "v", got.Value(valueKey{}))
		until, ok := got.Deadline()
		require.True(t, ok)
		require.Equal(t, deadline, until)
		require.NoError(t, got.Err())
		use.Release()
	}
}

// watched is a context that counts who waits for its end.
type watched struct {
	context.Context
	done     chan struct{}
	watchers atomic.Int32
}

func (w *watched) Done() <-chan struct{} { return w.done }

func (w *watched) AfterFunc(func()) func() bool {
	w.watchers.Add(1)
	var stopped atomic.Bool
	return func() bool {
		if !stopped.CompareAndSwap(false, true) {
			return false
		}
		w.watchers.Add(-1)
		return true
	}
}

// TestNothingIsLeftInTheContext of a caller after a use, however it ends: the context may live as long as the program.
func TestNothingIsLeftInTheContext(t *testing.T) {
	t.Parallel()
	for _, answers := range []int{0, 1, 2} {
		c := newClient(t, systemtest.RawServer(t, func(c net.Conn) {
			r := bufio.NewReader(c)
			for range answers {
				systemtest.ReadRequest(r)
				_, _ = io.WriteString(c, rawSuccess)
			}
			systemtest.ReadRequest(r)
		}))
		ctx := &watched{Context: context.Background(), done: make(chan struct{})}
		for range 10 {
			_ = c.call(ctx)
			require.Zero(t, ctx.watchers.Load())
		}
	}
	h := new(hang)
	h.now.Store(true)
	c := newClient(t, serve(t, h.ServeHTTP).URL)
	c.timeout = 10 * time.Millisecond
	ctx := &watched{Context: context.Background(), done: make(chan struct{})}
	require.ErrorIs(t, c.call(ctx), context.DeadlineExceeded)
	require.Zero(t, ctx.watchers.Load())
}

// TestAllocations of a use on a kept connection are one beside net/http's, and two more to watch a context that can be
// cancelled.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	c := newClient(t, systemtest.RawServer(t, func(c net.Conn) { // over TCP, where net/http never waits for its write to end
		noContent, request := []byte("HTTP/1.1 204 No Content\r\n\r\n"), make([]byte, 4096)
		for _, err := c.Read(request); err == nil; _, err = c.Read(request) { // one write of net/http
			_, _ = c.Write(noContent)
		}
	}))
	plain := newNetHTTP(t, c)
	cancellable, cancel := context.WithCancel(t.Context())
	defer cancel()
	for ctx, more := range map[context.Context]float64{context.Background(): 1, cancellable: 3} {
		theirs := testing.AllocsPerRun(60, func() { require.NoError(t, plain.call204(ctx)) })
		require.NoError(t, c.call204(ctx))
		ours := testing.AllocsPerRun(60, func() { require.NoError(t, c.call204(ctx)) })
		c.pool.CloseIdleConnections()
		require.LessOrEqual(t, ours, theirs+more)
	}
}
