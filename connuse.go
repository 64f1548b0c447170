package rcuser

import (
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/f0207b22/rcuser/internal/conn"
)

// connUse is what an attempt learns of its connection. Other goroutines of net/http's note it.
type connUse struct {
	header   http.Header // the request's, where net/http still looks for "Connection: close" once it has the connection
	asked    atomic.Bool // for a connection: the transport is one of net/http, wrapped or not
	got      atomic.Bool
	reused   atomic.Bool
	answered atomic.Bool              // a byte came back
	last     atomic.Pointer[net.Conn] // to be closed after this use
}

// watch returns nil once an answer came without a connection being asked for: then there is no net/http below.
func (c *Client) watch() *connUse {
	if c.unwatched.Load() {
		return nil
	}
	return new(connUse)
}

func (u *connUse) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:              func(string) { u.asked.Store(true) },
		GotConn:              u.gotConn,
		GotFirstResponseByte: func() { u.answered.Store(true) },
	}
}

// gotConn runs before the request is written. It runs again when net/http has to take another connection, as it does
// by itself where nothing was written; the header may then be in use, and is left alone.
func (u *connUse) gotConn(info httptrace.GotConnInfo) {
	again := u.got.Swap(true)
	u.reused.Store(info.Reused)
	u.last.Store(nil)
	switch conn.Use(info.Conn) {
	case conn.Last:
		u.last.Store(&info.Conn)
		if !again {
			u.header["Connection"] = []string{"close"}
		}
	case conn.UsedUp:
		_ = info.Conn.Close()
	}
}

// stale reports, after a failure, whether the peer may have closed a kept connection before this use of it.
func (u *connUse) stale() bool { return u != nil && u.reused.Load() && !u.answered.Load() }

// finish closes a connection that has been used up, for peers that don't do as the header says.
func (u *connUse) finish() {
	if u == nil {
		return
	}
	if last := u.last.Load(); last != nil {
		_ = (*last).Close()
	}
}
