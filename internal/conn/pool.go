// Package conn is a pool of HTTP/1.1 connections that keeps RC's rules: a connection carries fewer than 80 requests, and
// is idle for less than 55 s. Its connections are those of net/http ([http.Transport.NewClientConn]).
//
// After 69 uses of a connection its successor is dialled in the background, so that no caller waits for a handshake.
//
// A trace in the caller's context (net/http/httptrace) sees what it would see of an http.Transport, but for this:
// GetConn gets the address of the host even if there is a proxy, GotConnInfo.Conn is what DialContext returned, also
// below TLS, and the dialling of a successor isn't seen.
//
// A request is sent by Take, RoundTrip and Release or, below a transport that wraps the pool, by [Pool.RoundTripper]. A
// [Watch] then carries what is wanted to the pool, and what happened back; it does the same with other transports.
package conn

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync"
	"time"
)

const (
	maxUses     = 79
	spareAtUse  = 69
	idleTimeout = 50 * time.Second

	maxIdlePerHost = 100
)

// Pool keeps connections by scheme and host. It is safe for concurrent use.
type Pool struct {
	transport *http.Transport
	prepare   sync.Once // wraps functions of the transport when the first connection is dialled

	mu        sync.Mutex
	hosts     map[target]*host
	closeIdle bool // CloseIdleConnections was called, and nothing was taken since
}

// host has the connections to one host, and those about to be.
type host struct {
	idle    []*connection // used from the end
	spares  []*spare      // being dialled
	waiting []chan *connection
}

// NewPool returns an empty pool.
func NewPool() *Pool {
	return &Pool{transport: newTransport(), hosts: make(map[target]*host)}
}

// Transport returns the settings with which the pool dials. They may be changed before the first Take.
func (p *Pool) Transport() *http.Transport { return p.transport }

// Take returns a connection to the scheme and host of u, for one request. The one that was released last is used
// again; newConn dials a new one instead. If there is none, one caller waits for each successor that is being dialled
// already, and all others dial. The use must be over at deadline, dialling included.
//
// A dial ends with ctx. The error is then context.Cause(ctx); at the deadline it matches context.DeadlineExceeded;
// otherwise it is that of the dial.
func (p *Pool) Take(ctx context.Context, u *url.URL, deadline time.Time, newConn bool) (*Conn, error) {
	to := target{u.Scheme, u.Host}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.GetConn != nil {
		trace.GetConn(to.address())
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	now := time.Now()
	if !now.Before(deadline) {
		return nil, context.DeadlineExceeded
	}
	use, spare := p.takeIdle(to, now, deadline, newConn)
	if use == nil {
		var err error
		if use, err = p.open(ctx, to, deadline, spare); err != nil {
			return nil, err
		}
	}
	if trace != nil && trace.GotConn != nil {
		use.tell(trace)
	}
	return use, nil
}

// takeIdle begins a use of an idle connection. If there is none but a spare is being dialled, it returns a channel that
// gets the spare, or nil if that fails.
func (p *Pool) takeIdle(to target, now, deadline time.Time, newConn bool) (*Conn, chan *connection) {
	for {
		p.mu.Lock()
		p.closeIdle = false
		if newConn {
			p.mu.Unlock()
			return nil, nil
		}
		h := p.host(to)
		c := h.pop()
		if c == nil {
			spare := h.await(now)
			p.mu.Unlock()
			return nil, spare
		}
		if c.usable(now) {
			use := c.begin(deadline)
			use.wasIdle, use.idleTime = true, c.idleTime(now)
			p.mu.Unlock()
			return use, nil
		}
		c.retire()
		p.mu.Unlock()
		_ = c.client.Close()
	}
}

// open begins a use of a spare that is being dialled, or of a new connection.
func (p *Pool) open(ctx context.Context, to target, deadline time.Time, spare chan *connection) (*Conn, error) {
	limited, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	var c *connection
	var err error
	if spare != nil {
		c, err = p.wait(limited, to, spare)
	}
	if c == nil && err == nil {
		c, err = p.dial(limited, to)
	}
	if err != nil {
		return nil, dialError(ctx, limited, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return c.begin(deadline), nil
}

// The ends of a stack: connections are used from the top.
const (
	top = iota
	bottom
)

// put keeps a connection that isn't used, and reports whether it does. The pool's mutex is held.
func (p *Pool) put(c *connection, now time.Time, end int) bool {
	h := p.host(c.to)
	if p.closeIdle || len(h.idle) >= maxIdlePerHost {
		return false
	}
	c.expireAt(now.Add(idleTimeout))
	if h.deliver(c) {
		return true
	}
	c.idleSince = now.Round(0)
	if end == top {
		h.idle = append(h.idle, c)
	} else {
		h.idle = slices.Insert(h.idle, 0, c)
	}
	return true
}

// CloseIdleConnections closes the idle connections and stops the dialling of spares. As with http.Transport, those in
// use aren't touched, but closed when they are released, unless Take is called before.
func (p *Pool) CloseIdleConnections() {
	var idle []*connection
	p.mu.Lock()
	p.closeIdle = true
	for _, h := range p.hosts {
		for _, c := range h.idle {
			c.retire()
		}
		for _, s := range h.spares {
			s.cancel()
		}
		idle = append(idle, h.idle...)
		h.idle, h.spares = nil, nil
		for h.deliver(nil) {
		}
	}
	p.mu.Unlock()
	for _, c := range idle {
		_ = c.client.Close()
	}
}

// host returns that of a target. The pool's mutex is held.
func (p *Pool) host(to target) *host {
	h := p.hosts[to]
	if h == nil {
		h = new(host)
		p.hosts[to] = h
	}
	return h
}

// pop returns the connection that was released last, or nil.
func (h *host) pop() *connection {
	if len(h.idle) == 0 {
		return nil
	}
	last := len(h.idle) - 1
	c := h.idle[last]
	h.idle[last] = nil
	h.idle = h.idle[:last]
	return c
}

func (h *host) remove(c *connection) {
	if i := slices.Index(h.idle, c); i >= 0 {
		h.idle = slices.Delete(h.idle, i, i+1)
	}
}
