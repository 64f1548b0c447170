package conn

import (
	"context"
	"slices"
	"time"
)

// spare is the successor of a connection, while it is being dialled.
type spare struct {
	cancel context.CancelFunc
	since  time.Time // wall clock only
}

const spareTimeout = dialTimeout + tlsTimeout

// dialSpare dials a spare in the background, within the limits of a dial and without any caller's context.
// CloseIdleConnections stops it. Its failure is silent: whoever needs a connection then dials one.
func (p *Pool) dialSpare(to target) {
	ctx, cancel := context.WithTimeout(context.Background(), spareTimeout)
	s := &spare{cancel, time.Now().Round(0)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closeIdle {
		cancel()
		return
	}
	h := p.host(to)
	h.spares = append(h.spares, s)
	go func() {
		defer cancel()
		c, err := p.dial(ctx, to)
		if err != nil {
			c = nil
		}
		p.dialled(s, to, c)
	}()
}

// dialled keeps a spare below the idle connections, so that those are used up first, unless a caller waits for it. If
// its dial failed, c is nil, and the caller that waits for it is told.
func (p *Pool) dialled(s *spare, to target, c *connection) {
	p.mu.Lock()
	h := p.host(to)
	i := slices.Index(h.spares, s)
	wanted := i >= 0 // else CloseIdleConnections was called
	if wanted {
		h.spares = slices.Delete(h.spares, i, i+1)
	}
	if c != nil {
		wanted = wanted && p.put(c, time.Now(), bottom)
	} else if len(h.waiting) > len(h.spares) {
		h.deliver(nil)
	}
	p.mu.Unlock()
	if c != nil && !wanted {
		_ = c.client.Close()
	}
}

// await returns a channel on which to wait for a spare, or nil if there is none that nobody waits for. A spare whose age
// is impossible isn't waited for: it is dialled outside the testing/synctest bubble of its caller, or inside one.
func (h *host) await(now time.Time) chan *connection {
	if len(h.waiting) >= len(h.spares) {
		return nil
	}
	if age := now.Round(0).Sub(h.spares[0].since); age < 0 || age > spareTimeout {
		return nil
	}
	waiter := make(chan *connection, 1)
	h.waiting = append(h.waiting, waiter)
	return waiter
}

// deliver gives c to the caller that has waited longest, and reports whether there was one.
func (h *host) deliver(c *connection) bool {
	if len(h.waiting) == 0 {
		return false
	}
	h.waiting[0] <- c
	h.waiting = slices.Delete(h.waiting, 0, 1)
	return true
}

// wait returns what is delivered to waiter: a spare, a connection that was released before it came, or nil.
func (p *Pool) wait(ctx context.Context, to target, waiter chan *connection) (*connection, error) {
	select {
	case c := <-waiter:
		return c, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	h := p.host(to)
	if i := slices.Index(h.waiting, waiter); i >= 0 {
		h.waiting = slices.Delete(h.waiting, i, i+1)
		p.mu.Unlock()
		return nil, ctx.Err()
	}
	c := <-waiter // it was delivered at the same time
	unwanted := c != nil && !p.put(c, time.Now(), top)
	if unwanted {
		c.retire()
	}
	p.mu.Unlock()
	if unwanted {
		_ = c.client.Close()
	}
	return nil, ctx.Err()
}
