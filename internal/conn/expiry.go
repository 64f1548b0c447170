package conn

import (
	"context"
	"time"
)

// expiry is when a connection's use, or its idle time, ends. Its timer is moved only to fire earlier: an end moves with
// every use, mostly to later, and a timer that fires before it sets itself anew.
type expiry struct {
	end     time.Time
	timer   *time.Timer
	firesAt time.Time // zero once it has fired
}

func (e *expiry) stop() {
	if e.timer != nil {
		e.timer.Stop()
	}
}

// expireAt sets when the current use or the idle time ends. The pool's mutex is held.
func (c *connection) expireAt(end time.Time) {
	e := &c.expiry
	e.end = end
	switch {
	case e.timer == nil:
		e.timer = time.AfterFunc(time.Until(end), c.expire)
	case e.firesAt.IsZero() || end.Before(e.firesAt):
		e.timer.Reset(time.Until(end))
	default:
		return
	}
	e.firesAt = end
}

// expire is what the timer calls. It ends an overdue use, or closes a connection that was idle for too long.
func (c *connection) expire() {
	p := c.pool
	p.mu.Lock()
	if c.closed {
		p.mu.Unlock()
		return
	}
	c.expiry.firesAt = time.Time{}
	if time.Now().Before(c.expiry.end) {
		c.expireAt(c.expiry.end)
		p.mu.Unlock()
		return
	}
	used := c.use != nil
	if used {
		c.use.overdue = true
	} else {
		c.closed = true
		p.host(c.to).remove(c)
	}
	p.mu.Unlock()
	if used {
		c.lifetime.cancel(context.DeadlineExceeded)
	} else {
		_ = c.client.Close()
	}
}
