package conn

import (
	"context"
	"net/http/httptrace"
	"time"
)

// lifetime is the parent of the contexts of all requests on a connection.
//
// net/http registers a child with the context of every request, and after an error it never removes it (Go 1.26,
// http1ClientConn.RoundTrip). If that were the caller's context, every failed request on a long-lived one would keep a
// connection's buffers in memory. The child is registered here, and the caller's context is watched with an AfterFunc
// that the end of the use removes.
type lifetime struct {
	ctx        context.Context
	traced     context.Context // ctx with a trace that notes an answer's first byte
	cancel     context.CancelCauseFunc
	callerDone func() // cancels with the cause of the current use's caller
}

func newLifetime(c *connection) lifetime {
	var l lifetime
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	l.traced = httptrace.WithClientTrace(l.ctx, c.trace())
	l.callerDone = func() {
		c.pool.mu.Lock()
		use := c.use
		c.pool.mu.Unlock()
		if use != nil {
			l.cancel(context.Cause(use.ctx.caller))
		}
	}
	return l
}

// trace returns a new one every time, because httptrace changes a trace that it composes with another.
func (c *connection) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotFirstResponseByte: func() { c.answered.Store(true) }}
}

// useContext is the context of one request: it is done when the connection's is, and has the values of both.
type useContext struct {
	context.Context
	caller context.Context
}

func (c *useContext) Deadline() (time.Time, bool) { return c.caller.Deadline() }

func (c *useContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	return c.caller.Value(key)
}

// watch returns the context to send a request with, and cancels it when the caller's is done.
func (u *Conn) watch(caller context.Context) context.Context {
	c := u.conn
	u.ctx = useContext{c.lifetime.traced, caller}
	if caller.Done() != nil {
		u.unwatch = context.AfterFunc(caller, c.lifetime.callerDone)
	}
	if httptrace.ContextClientTrace(caller) == nil {
		return &u.ctx
	}
	u.ctx.Context = c.lifetime.ctx
	return httptrace.WithClientTrace(&u.ctx, c.trace())
}
