// Package conn is the SDK's own transport: RC allows a connection fewer than 80 requests and less than 55 s idle.
package conn

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	maxUses = 79

	dialTimeout = 5 * time.Second
	tlsTimeout  = 5 * time.Second
	idleTimeout = 50 * time.Second

	maxIdlePerHost = 100
	maxHeaderBytes = 64 << 10
)

// NewTransport returns a transport whose connections count their uses; whoever sends through it must report them to
// [Use]. It speaks HTTP/1.1, over which small calls are faster and connections can be retired.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &counted{Conn: c}, nil
		},
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			ClientSessionCache: tls.NewLRUClientSessionCache(0),
		},
		TLSHandshakeTimeout:    tlsTimeout,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConnsPerHost:    maxIdlePerHost,
		MaxResponseHeaderBytes: maxHeaderBytes,
		Protocols:              protocols,
	}
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
