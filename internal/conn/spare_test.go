package conn_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const spareAtUse = 69

// TestSpare is dialled once, during the 69th use, and used when the connection is used up.
func TestSpare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		c := p.serve(t, nil)
		for use := 1; use <= 160; use++ {
			c.requireCalls(t, 1)
			synctest.Wait()
			dials := int32(1)
			if use >= 69 {
				dials = 2
			}
			if use >= 79+69 {
				dials = 3
			}
			require.Equal(t, dials, p.dials.Load(), "use %d", use)
		}
	})
}

// TestSpareIsUsedLast, although it comes while the connection before it is idle.
func TestSpareIsUsedLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpares()
		c := s.serve(t, nil)
		c.requireCalls(t, maxUses-4)
		s.release <- nil
		synctest.Wait()
		require.EqualValues(t, 2, s.open.Load())
		c.requireCalls(t, 4)
		require.EqualValues(t, 1, s.open.Load(), "the first is used up")
		c.requireCalls(t, 1)
		require.EqualValues(t, 2, s.dials.Load())
	})
}

// TestUnusedSpare is idle like any other.
func TestUnusedSpare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		c := p.serve(t, nil)
		c.requireCalls(t, spareAtUse)
		synctest.Wait()
		require.EqualValues(t, 2, p.open.Load())
		time.Sleep(50*time.Second - 1)
		synctest.Wait()
		require.EqualValues(t, 2, p.open.Load())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.Zero(t, p.open.Load())
	})
}

// spares dials the first connection at once and lets the spare wait, or fail.
type spares struct {
	*pipes
	release chan error
}

func newSpares() *spares {
	s := &spares{newPipes(), make(chan error)}
	s.dial = func(ctx context.Context) error {
		if s.dials.Load() != 2 {
			return nil
		}
		select {
		case err := <-s.release:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s
}

// waiting uses up the first connection and starts a call that waits for the spare.
func (s *spares) waiting(ctx context.Context, t *testing.T, c *client) <-chan error {
	t.Helper()
	c.requireCalls(t, maxUses)
	done := make(chan error, 1)
	go func() { done <- c.call(ctx) }()
	synctest.Wait()
	require.EqualValues(t, 2, s.dials.Load())
	require.Zero(t, s.open.Load())
	return done
}

// TestCallerWaitsForTheSpare has a second caller, who doesn't.
func TestCallerWaitsForTheSpare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpares()
		c := s.serve(t, nil)
		done := s.waiting(t.Context(), t, c)
		second, err := c.take(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 3, s.dials.Load())
		s.release <- nil
		require.NoError(t, <-done)
		require.EqualValues(t, 3, s.dials.Load())
		second.Close()
	})
}

// TestReleaseBeforeTheSpare gives the caller that waits for it what was released, and keeps the spare for later.
func TestReleaseBeforeTheSpare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpares()
		c := s.serve(t, nil)
		c.requireCalls(t, maxUses-1)
		last, err := c.take(t.Context())
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { done <- c.call(t.Context()) }()
		synctest.Wait()
		c.newConn = true
		c.requireCalls(t, 1)
		c.newConn = false
		require.NoError(t, <-done)
		s.release <- nil
		synctest.Wait()
		require.EqualValues(t, 3, s.open.Load())
		_, err = c.use(t.Context(), last)
		require.NoError(t, err)
		c.requireCalls(t, maxUses-2+maxUses)
		synctest.Wait()
		require.EqualValues(t, 5, s.dials.Load(), "the third and the spare have spares too")
	})
}

// TestSpareFails silently; the caller that waits for it dials.
func TestSpareFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpares()
		c := s.serve(t, nil)
		done := s.waiting(t.Context(), t, c)
		s.release <- errors.New("unreachable")
		require.NoError(t, <-done)
		require.EqualValues(t, 3, s.dials.Load())
	})
}

// TestSpareHangs until its limits are over, which are no caller's.
func TestSpareHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpares()
		c := s.serve(t, nil)
		c.timeout = time.Minute
		start := time.Now()
		require.NoError(t, <-s.waiting(t.Context(), t, c))
		require.Equal(t, 10*time.Second, time.Since(start))
		require.EqualValues(t, 3, s.dials.Load())
	})
}

// TestEndOfWaitingForTheSpare is the caller's deadline or cancel; the spare is kept all the same.
func TestEndOfWaitingForTheSpare(t *testing.T) {
	t.Parallel()
	for _, cancelled := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newSpares()
			c := s.serve(t, nil)
			c.timeout = 50 * time.Millisecond
			cause := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			start := time.Now()
			done := s.waiting(ctx, t, c)
			if cancelled {
				cancel(cause)
				require.ErrorIs(t, <-done, cause)
				require.Zero(t, time.Since(start))
			} else {
				require.ErrorIs(t, <-done, context.DeadlineExceeded)
				require.Equal(t, 50*time.Millisecond, time.Since(start))
				require.NoError(t, ctx.Err())
			}
			s.release <- nil
			synctest.Wait()
			c.requireCalls(t, 5)
			require.EqualValues(t, 2, s.dials.Load())
			cancel(nil)
		})
	}
}

// TestCloseIdleConnectionsWhileASpareIsDialled stops it, and whoever waits for it dials.
func TestCloseIdleConnectionsWhileASpareIsDialled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpares()
		c := s.serve(t, nil)
		c.requireCalls(t, spareAtUse)
		c.pool.CloseIdleConnections()
		synctest.Wait()
		require.Zero(t, s.open.Load())
	})
	synctest.Test(t, func(t *testing.T) {
		s := newSpares()
		c := s.serve(t, nil)
		done := s.waiting(t.Context(), t, c)
		c.pool.CloseIdleConnections()
		require.NoError(t, <-done)
		require.EqualValues(t, 3, s.dials.Load())
		require.Zero(t, s.open.Load(), "nothing was taken since")
	})
}

// TestSpareAfterCloseIdleConnections comes from a dial that can't be stopped: nobody waits for it, and it is closed.
func TestSpareAfterCloseIdleConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		release := make(chan struct{})
		p.dial = func(context.Context) error {
			if p.dials.Load() == 2 {
				<-release
			}
			return nil
		}
		c := p.serve(t, nil)
		transport := c.pool.Transport()
		dial := transport.DialContext
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			return dial(context.WithoutCancel(ctx), network, address)
		}
		c.requireCalls(t, maxUses)
		done := make(chan error, 1)
		go func() { done <- c.call(t.Context()) }()
		synctest.Wait()
		c.pool.CloseIdleConnections()
		require.NoError(t, <-done)
		require.Zero(t, p.open.Load())
		c.requireCalls(t, 1)
		close(release)
		synctest.Wait()
		require.EqualValues(t, 4, p.dials.Load())
		require.EqualValues(t, 1, p.open.Load())
	})
}

// TestNoSpareAfterCloseIdleConnections is dialled by a use that ends what the pool has to do.
func TestNoSpareAfterCloseIdleConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		c := p.serve(t, nil)
		c.requireCalls(t, spareAtUse-1)
		use, err := c.take(t.Context())
		require.NoError(t, err)
		c.pool.CloseIdleConnections()
		_, err = c.use(t.Context(), use)
		require.NoError(t, err)
		synctest.Wait()
		require.EqualValues(t, 1, p.dials.Load())
		require.Zero(t, p.open.Load())
	})
}

// TestSpareFromOutsideABubble isn't waited for inside.
func TestSpareFromOutsideABubble(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var dials atomic.Int32
	c := newClient(t, "http://rc.example")
	c.pool.Transport().DialContext = func(context.Context, string, string) (net.Conn, error) {
		if dials.Add(1) == 2 {
			<-release
		}
		near, far := net.Pipe()
		go alwaysOpen(new(tally))(far)
		return near, nil
	}
	c.requireCalls(t, maxUses)
	require.Eventually(t, func() bool { return dials.Load() == 2 }, 5*time.Second, time.Millisecond)
	synctest.Test(t, func(t *testing.T) {
		c.requireCalls(t, 2)
		require.EqualValues(t, 3, dials.Load())
		c.pool.CloseIdleConnections()
	})
	close(release)
	c.requireCalls(t, 2)
}

// TestSparesOfMany are at most one for each connection, and are all used.
func TestSparesOfMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const callers = 20
		p := newPipes()
		var slow atomic.Int32
		p.dial = func(ctx context.Context) error {
			slow.Add(1)
			select {
			case <-time.After(30 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		c := p.serve(t, nil)
		var failed atomic.Int32
		atOnce(callers, func() error {
			for range maxUses * 2 {
				if c.call(t.Context()) != nil {
					failed.Add(1)
				}
			}
			return nil
		})
		require.Zero(t, failed.Load())
		require.LessOrEqual(t, p.dials.Load(), int32(3*callers))
		require.Equal(t, p.dials.Load(), slow.Load())
	})
}
