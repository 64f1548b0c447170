package conn

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
)

// NewTransport returns a transport whose connections count their uses; whoever sends through it must report them to
// [Use].
func NewTransport() *http.Transport {
	t := newTransport()
	t.IdleConnTimeout, t.MaxIdleConnsPerHost = idleTimeout, maxIdlePerHost
	dial := t.DialContext
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &counted{Conn: c}, nil
	}
	return t
}

// counted is a connection that knows how often it was used.
type counted struct {
	net.Conn
	uses atomic.Int32
}

// Verdict is what is to be done about a use of a connection.
type Verdict int

// The verdicts.
const (
	Usable Verdict = iota
	Last           // the request must say so, and the connection is to be closed when the answer has been read
	UsedUp         // somebody was faster than that: the connection is to be closed before anything is written
)

// Use counts a use of a connection. Those of other transports are always usable.
func Use(c net.Conn) Verdict {
	for secure, ok := c.(*tls.Conn); ok; secure, ok = c.(*tls.Conn) { // one in another, behind an https proxy
		c = secure.NetConn()
	}
	own, ok := c.(*counted)
	if !ok {
		return Usable
	}
	switch uses := own.uses.Add(1); {
	case uses < maxUses:
		return Usable
	case uses == maxUses:
		return Last
	}
	return UsedUp
}
