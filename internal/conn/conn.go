package conn

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// connection is a connection of a pool. The pool's mutex guards closed, use, idleSince and expiry; whoever uses the
// connection owns uses.
type connection struct {
	pool     *Pool
	to       target
	client   *http.ClientConn
	netConn  net.Conn // what DialContext returned; under TLS, the connection below it
	lifetime lifetime

	uses     int         // requests sent
	answered atomic.Bool // a byte of the current use's answer has come

	closed    bool
	use       *Conn     // the current one; nil while idle
	idleSince time.Time // wall clock only; zero before it was idle for the first time
	expiry    expiry
}

func newConnection(p *Pool, to target, client *http.ClientConn, netConn net.Conn) *connection {
	c := &connection{pool: p, to: to, client: client, netConn: netConn}
	c.lifetime = newLifetime(c)
	return c
}

// begin starts a use that must be over at deadline. The pool's mutex is held.
func (c *connection) begin(deadline time.Time) *Conn {
	c.answered.Store(false)
	c.use = &Conn{conn: c, reused: c.uses > 0 || !c.idleSince.IsZero()}
	c.expireAt(deadline)
	return c.use
}

// usable reports whether an idle connection can be used. A clock that was set back, or that of a testing/synctest
// bubble, makes its idle time negative: how long it was idle is then unknown. The pool's mutex is held.
func (c *connection) usable(now time.Time) bool {
	idle := c.idleTime(now)
	return c.client.Available() == 1 && idle >= 0 && idle < idleTimeout
}

// idleTime is measured by the wall clock, because the monotonic clock may stop while the machine sleeps.
func (c *connection) idleTime(now time.Time) time.Duration { return now.Round(0).Sub(c.idleSince) }

// retire marks as closed what was idle; client.Close follows without the pool's mutex, because closing TLS writes.
//
// If net/http has closed the connection already, its timer and channels may belong to a testing/synctest bubble that has
// ended, and must not be touched: not by client.Err either. The timer finds nothing to do when it fires.
func (c *connection) retire() {
	c.closed = true
	if c.client.Available() == 1 {
		c.expiry.stop()
	}
}

// Conn is one use of a connection: Take begins it, Release or Close ends it. It isn't safe for concurrent use.
type Conn struct {
	conn       *connection
	ctx        useContext
	unwatch    func() bool // ends the watch over the caller's context; nil if it can't be cancelled
	idleTime   time.Duration
	wasIdle    bool
	reused     bool // used or idle before
	peerClosed bool
	overdue    bool // guarded by the pool's mutex
}

// RoundTrip sends req, which it changes: it replaces its context by one that also ends at the use's deadline, and sets
// req.Close on the connection's last use. It may be called once. After an error, call Close.
//
// The error is context.Cause of req's context if that has ended, and context.DeadlineExceeded at the use's deadline.
func (u *Conn) RoundTrip(req *http.Request) (*http.Response, error) {
	c, caller := u.conn, req.Context()
	if ended := u.ended(caller); ended != nil {
		return nil, ended
	}
	switch c.uses++; c.uses {
	case spareAtUse:
		c.pool.dialSpare(c.to)
	case maxUses:
		req.Close = true
	}
	*req = *req.WithContext(u.watch(caller))
	resp, err := c.client.RoundTrip(req)
	if err != nil {
		if ended := u.ended(caller); ended != nil {
			return nil, ended // net/http may say instead that the connection was closed
		}
	}
	u.peerClosed = u.reused && peerClosed(c.answered.Load(), resp, err)
	if err != nil {
		return nil, err
	}
	return WithoutUpgrade(resp), nil
}

// ended returns why the use is over already, if the caller's context or the deadline has ended it.
func (u *Conn) ended(caller context.Context) error {
	for _, ctx := range [...]context.Context{caller, u.conn.lifetime.ctx} {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// WithoutUpgrade takes from a peer that switches protocols, which no request asks for, the connection that is then the
// answer's body: no deadline would end a read of it.
func WithoutUpgrade(resp *http.Response) *http.Response {
	if resp.StatusCode == http.StatusSwitchingProtocols {
		_ = resp.Body.Close()
		resp.Body = http.NoBody
	}
	return resp
}

// Release ends a use whose answer was read to its end. The connection is kept for the next use, or closed if it was
// used 79 times, is broken, 100 idle ones are kept already, its deadline passed, the request's context ended, or
// CloseIdleConnections was called and nothing was taken since. After Close or another Release it does nothing.
func (u *Conn) Release() {
	c := u.conn
	uncancelled := u.unwatch == nil || u.unwatch()
	u.end(uncancelled && c.client.Available() == 1) // it isn't available after a request with Close set
}

// Close ends the use and closes the connection. After Release or another Close it does nothing.
func (u *Conn) Close() {
	if u.unwatch != nil {
		u.unwatch()
	}
	u.end(false)
}

func (u *Conn) end(keep bool) {
	c, p, now := u.conn, u.conn.pool, time.Now()
	p.mu.Lock()
	if c.use != u {
		p.mu.Unlock()
		return
	}
	c.use = nil
	keep = keep && !u.overdue && p.put(c, now, top)
	if !keep {
		c.closed = true
		c.expiry.stop()
	}
	p.mu.Unlock()
	if !keep {
		_ = c.client.Close()
	}
}

// PeerClosed reports whether the peer had already closed a connection that was used or idle before. RoundTrip then failed
// with its end and without a byte of an answer, or it returned an HTTP 408 with Connection: close. It is false for a
// timeout, and if the deadline or the request's context ended the use.
func (u *Conn) PeerClosed() bool { return u.peerClosed }

// Answered reports whether a byte of an answer came.
func (u *Conn) Answered() bool { return u.conn.answered.Load() }

// tell tells a caller's trace of the connection, and closes it if that panics.
func (u *Conn) tell(trace *httptrace.ClientTrace) {
	told := false
	defer func() {
		if !told {
			u.Close()
		}
	}()
	trace.GotConn(httptrace.GotConnInfo{
		Conn: u.conn.netConn, Reused: u.reused, WasIdle: u.wasIdle, IdleTime: u.idleTime,
	})
	told = true
}
