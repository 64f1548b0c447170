package conn_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

func requireUses(t *testing.T, uses *tally, sum int) {
	t.Helper()
	counts := uses.counts()
	require.LessOrEqual(t, slices.Max(counts), maxUses)
	total := 0
	for _, n := range counts {
		total += n
	}
	require.Equal(t, sum, total)
}

// TestSequentialCalls has exactly as few connections as 79 uses of each allow.
func TestSequentialCalls(t *testing.T) {
	t.Parallel()
	for range 10 {
		s := serve(t, nil)
		var uses tally
		for base, uses := range map[string]*tally{s.URL: &s.uses, systemtest.RawServer(t, alwaysOpen(&uses)): &uses} {
			newClient(t, base).requireCalls(t, 1000)
			require.Equal(t, []int{52, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79}, uses.counts())
		}
	}
}

func TestUsesByManyGoroutines(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	var uses tally
	for base, uses := range map[string]*tally{s.URL: &s.uses, systemtest.RawServer(t, alwaysOpen(&uses)): &uses} {
		c := newClient(t, base)
		for _, err := range atOnce(64, func() error {
			for range 100 {
				if err := c.call(t.Context()); err != nil {
					return err
				}
			}
			return nil
		}) {
			require.NoError(t, err)
		}
		requireUses(t, uses, 6400)
	}
}

// TestLastUse says so to the peer, and closes the connection if the peer doesn't.
func TestLastUse(t *testing.T) {
	t.Parallel()
	var closes []int
	closed := make(chan struct{})
	var conns atomic.Int32
	base := systemtest.RawServer(t, func(c net.Conn) {
		first := conns.Add(1) == 1
		r := bufio.NewReader(c)
		for n := 1; ; n++ {
			req := systemtest.ReadRequest(r)
			switch {
			case req == nil && first:
				close(closed)
				return
			case req == nil:
				return
			case req.Close:
				closes = append(closes, n)
			}
			_, _ = io.WriteString(c, rawSuccess)
		}
	})
	c := newClient(t, base)
	c.requireCalls(t, maxUses)
	select {
	case <-closed:
		require.Equal(t, []int{maxUses}, closes)
	case <-time.After(5 * time.Second):
		require.Fail(t, "the connection stays open")
	}
}

// TestLastInFirstOut uses the connection again that was released last.
func TestLastInFirstOut(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := newClient(t, s.URL)
	first, err := c.take(t.Context())
	require.NoError(t, err)
	second, err := c.take(t.Context())
	require.NoError(t, err)
	_, err = c.use(t.Context(), second)
	require.NoError(t, err)
	_, err = c.use(t.Context(), first)
	require.NoError(t, err)
	c.requireCalls(t, 10)
	require.Equal(t, []int{1, 11}, s.uses.counts())
	c.newConn = true
	c.requireCalls(t, 1)
	require.Equal(t, []int{1, 1, 11}, s.uses.counts(), "newConn asks for a new one")
	c.newConn = false
	c.requireCalls(t, 1)
	require.Equal(t, []int{1, 2, 11}, s.uses.counts())
}

// TestHostsHaveTheirOwn doesn't mix the connections of two hosts.
func TestHostsHaveTheirOwn(t *testing.T) {
	t.Parallel()
	one, other := serve(t, nil), serve(t, nil)
	c := newClient(t, one.URL)
	base := newClient(t, other.URL).base
	for range 5 {
		c.requireCalls(t, 1)
		c.base, base = base, c.base
	}
	require.Equal(t, [][]int{{3}, {2}}, [][]int{one.uses.counts(), other.uses.counts()})
}

// TestCallersAtOnce has a thousand calls in flight, and then another thousand beside the connections that were kept.
func TestCallersAtOnce(t *testing.T) {
	t.Parallel()
	var arrived atomic.Int32
	all := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if arrived.Add(1) == 1000 {
			close(all)
		}
		<-all
		_, _ = io.WriteString(w, success)
	})
	c := newClient(t, s.URL)
	c.timeout = time.Minute
	for _, peak := range []int32{1000, 1100} {
		for _, err := range atOnce(1000, func() error { return c.call(t.Context()) }) {
			require.NoError(t, err)
		}
		require.LessOrEqual(t, s.peak.Load(), peak)
		require.Eventually(t, func() bool { return s.open.Load() <= 100 }, 5*time.Second, time.Millisecond,
			"at most 100 are kept idle")
	}
	c.pool.CloseIdleConnections()
	s.requireNoneOpen(t)
}

// TestConnectionsOfCallsInFlight counts the connections that are open while callers come and go.
func TestConnectionsOfCallsInFlight(t *testing.T) {
	t.Parallel()
	const callers = 8
	p := newPipes()
	c := p.serve(t, nil)
	var peak atomic.Int32
	p.dial = func(context.Context) error {
		for open, old := p.open.Load()+1, peak.Load(); open > old && !peak.CompareAndSwap(old, open); old = peak.Load() {
		}
		return nil
	}
	for _, err := range atOnce(callers, func() error {
		for range 400 {
			if err := c.call(t.Context()); err != nil {
				return err
			}
		}
		return nil
	}) {
		require.NoError(t, err)
	}
	require.LessOrEqual(t, peak.Load(), int32(2*callers), "each may have a spare beside it")
	c.pool.CloseIdleConnections()
	require.Zero(t, p.open.Load())
}

func TestCloseIdleConnections(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := newClient(t, s.URL)
	c.pool.CloseIdleConnections() // of an empty pool
	c.requireCalls(t, 1)
	c.pool.CloseIdleConnections() // idle
	s.requireNoneOpen(t)

	busy, err := c.take(t.Context())
	require.NoError(t, err)
	c.pool.CloseIdleConnections() // busy: closed when it is released
	_, err = c.use(t.Context(), busy)
	require.NoError(t, err)
	s.requireNoneOpen(t)

	busy, err = c.take(t.Context())
	require.NoError(t, err)
	c.pool.CloseIdleConnections()
	c.requireCalls(t, 1) // somebody wants connections again
	_, err = c.use(t.Context(), busy)
	require.NoError(t, err)
	require.EqualValues(t, 2, s.open.Load())
	c.pool.CloseIdleConnections()
	s.requireNoneOpen(t)
}

// TestCloseIdleConnectionsWhileCalling leaves no connection behind, whatever it meets.
func TestCloseIdleConnectionsWhileCalling(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := newClient(t, s.URL)
	var done atomic.Bool
	closer := make(chan struct{})
	go func() {
		defer close(closer)
		for !done.Load() {
			c.pool.CloseIdleConnections()
			runtime.Gosched()
		}
	}()
	errs := atOnce(8, func() error {
		var err error
		for range 200 {
			err = errors.Join(err, c.call(t.Context()))
		}
		return err
	})
	done.Store(true)
	<-closer
	require.NoError(t, errors.Join(errs...))
	requireUses(t, &s.uses, 1600)
	c.pool.CloseIdleConnections()
	s.requireNoneOpen(t)
}

// TestTakeAfterTheEnd begins nothing.
func TestTakeAfterTheEnd(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := newClient(t, s.URL)
	c.requireCalls(t, 1)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for _, newConn := range []bool{false, true} {
		c.newConn = newConn
		_, err := c.take(ctx)
		require.ErrorIs(t, err, cause)
		c.timeout = -time.Millisecond
		_, err = c.take(t.Context())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		c.timeout = 0
	}
	require.Equal(t, []int{1}, s.uses.counts())
	require.EqualValues(t, 1, s.open.Load())
}

// TestCloseIdleConnectionsWhileDialling doesn't stop a caller's dial; its connection is closed when it is released.
func TestCloseIdleConnectionsWhileDialling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		release := make(chan struct{})
		p.dial = func(context.Context) error {
			<-release
			return nil
		}
		c := p.serve(t, nil)
		done := make(chan error, 1)
		go func() { done <- c.call(t.Context()) }()
		synctest.Wait()
		c.pool.CloseIdleConnections()
		close(release)
		require.NoError(t, <-done)
		require.EqualValues(t, 1, p.dials.Load())
		require.Zero(t, p.open.Load())
	})
}

// unreliable answers, answers slowly, closes, resets or hangs, at random.
func unreliable(uses *tally) func(net.Conn) {
	return func(c net.Conn) {
		for r := bufio.NewReader(c); systemtest.ReadRequest(r) != nil; {
			uses.add(c)
			text := rawSuccess
			switch rand.N(60) {
			case 0:
				return
			case 1:
				reset(c)
				return
			case 2:
				_, _ = io.WriteString(c, rawSuccess[:rand.N(len(rawSuccess))])
				return
			case 3:
				text = rawSuccess[:rand.N(len(rawSuccess))] // and hangs
			}
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
}

// TestEverythingAtOnce has callers that give up, deadlines, a peer that fails and CloseIdleConnections.
func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	var uses tally
	c := newClient(t, systemtest.RawServer(t, unreliable(&uses)))
	c.timeout = 50 * time.Millisecond
	var succeeded atomic.Int32
	atOnce(16, func() error {
		for n := range 300 {
			ctx, cancel := context.WithCancel(t.Context())
			switch rand.N(50) {
			case 0:
				c.pool.CloseIdleConnections()
			case 1:
				cancel()
			case 2:
				time.AfterFunc(time.Duration(n)*time.Microsecond, cancel)
			}
			if c.call(ctx) == nil {
				succeeded.Add(1)
			}
			cancel()
		}
		return nil
	})
	require.Greater(t, succeeded.Load(), int32(1000))
	require.LessOrEqual(t, slices.Max(uses.counts()), maxUses)
}
