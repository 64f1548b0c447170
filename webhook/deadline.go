package webhook

import (
	"context"
	"errors"
	"sync"
	"time"
)

// deadlineContext is a context with the values of another one, which ends at its own deadline or when cancel is called. It
// makes a context of package context, and with it a timer, only if Done is called. Most callbacks never do.
type deadlineContext struct {
	values   context.Context // without cancellation
	deadline time.Time

	mu         sync.Mutex
	inner      context.Context // nil until Done is called
	cancelFunc context.CancelFunc
	err        error // of a context that ended before Done was called
}

func (c *deadlineContext) Deadline() (time.Time, bool) { return c.deadline, true }

func (c *deadlineContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner == nil {
		c.makeInner()
	}
	return c.inner.Done()
}

// makeInner gives the inner context the error of a context that has ended already. The caller must hold mu.
func (c *deadlineContext) makeInner() {
	if errors.Is(c.err, context.Canceled) {
		c.inner, c.cancelFunc = context.WithCancel(c.values)
		c.cancelFunc()
		return
	}
	c.inner, c.cancelFunc = context.WithDeadline(c.values, c.deadline)
}

func (c *deadlineContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lockedErr()
}

// lockedErr is Err for a caller that holds mu.
func (c *deadlineContext) lockedErr() error {
	switch {
	case c.inner != nil:
		return c.inner.Err()
	case c.err == nil && !time.Now().Before(c.deadline):
		c.err = context.DeadlineExceeded
	}
	return c.err
}

// Value asks the inner context if there is one, so that package context recognizes it: contexts derived from this one then
// need no goroutine.
func (c *deadlineContext) Value(key any) any {
	c.mu.Lock()
	inner := c.inner
	c.mu.Unlock()
	if inner != nil {
		return inner.Value(key)
	}
	return c.values.Value(key)
}

// cancel ends the context, if it hasn't ended yet.
func (c *deadlineContext) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.inner != nil:
		c.cancelFunc()
	case c.lockedErr() == nil:
		c.err = context.Canceled
	}
}
