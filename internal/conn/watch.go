package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// Watch is the context of one attempt's request through a transport that isn't the [Pool] itself. It tells a Pool below
// what is wanted, and learns by net/http/httptrace, and from a Pool, what happened to the request. Contexts derived from
// it, as tracing transports derive them, do the same.
//
// It is new for each attempt: net/http may still write to it after the attempt has failed.
type Watch struct {
	context.Context
	deadline time.Time // of the attempt
	newConn  bool      // a connection that wasn't used before is wanted

	trace     atomic.Pointer[httptrace.ClientTrace] // made when a transport asks for it
	handshake atomic.Pointer[error]                 // of a TLS handshake that failed
	answered  atomic.Bool                           // a byte came
	asked     atomic.Bool                           // a transport looked for a connection
	got       atomic.Bool                           // and got one
	resent    atomic.Bool                           // and then another, for HTTP/2
	unused    atomic.Bool                           // one that wasn't used before
	closed    atomic.Bool                           // a Pool found that the peer had already closed its last connection
}

// Start begins to watch an attempt that ends with ctx, at the deadline at the latest. With newConn it is made on a
// connection that wasn't used before.
func (w *Watch) Start(ctx context.Context, deadline time.Time, newConn bool) {
	w.Context, w.deadline, w.newConn = ctx, deadline, newConn
}

type watchKey struct{}

// Value also returns the Watch itself, to a Pool, and its trace, to net/http.
func (w *Watch) Value(key any) any {
	switch key {
	case watchKey{}:
		return w
	case traceKey:
		return w.clientTrace()
	}
	return w.Context.Value(key)
}

// traceKey is the key of a context's trace, which httptrace doesn't export. Knowing it costs less than
// httptrace.WithClientTrace: nothing is allocated for a transport that doesn't look for a trace.
var traceKey = func() any {
	var asked keyRecorder
	httptrace.ContextClientTrace(&asked)
	return asked.key
}()

// keyRecorder is a context that keeps the key that it was asked for.
type keyRecorder struct {
	context.Context
	key any
}

func (k *keyRecorder) Value(key any) any {
	k.key = key
	return nil
}

func (w *Watch) clientTrace() *httptrace.ClientTrace {
	if trace := w.trace.Load(); trace != nil {
		return trace
	}
	trace := &httptrace.ClientTrace{
		GetConn:              func(string) { w.asked.Store(true) },
		GotConn:              w.gotConn,
		GotFirstResponseByte: func() { w.answered.Store(true) },
		TLSHandshakeDone:     w.handshakeDone,
	}
	if httptrace.ContextClientTrace(w.Context) != nil { // the caller's: it is called too
		trace = httptrace.ContextClientTrace(httptrace.WithClientTrace(w.Context, trace))
	}
	w.trace.CompareAndSwap(nil, trace)
	return w.trace.Load()
}

// gotConn refuses, if a new connection is wanted, one that was kept, by closing it: net/http, which has written nothing
// to it, then goes on to its next one, and dials when none is left. That works below any wrapper. Streams of other
// requests may be open on an HTTP/2 connection, so that is used.
func (w *Watch) gotConn(info httptrace.GotConnInfo) {
	if w.newConn && info.WasIdle && !isHTTP2(info.Conn) {
		_ = info.Conn.Close()
		return
	}
	if w.got.Swap(true) && isHTTP2(info.Conn) {
		w.resent.Store(true)
	}
	if !info.Reused {
		w.unused.Store(true)
	}
}

func isHTTP2(conn net.Conn) bool {
	c, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
	return ok && c.ConnectionState().NegotiatedProtocol == "h2"
}

func (w *Watch) handshakeDone(_ tls.ConnectionState, err error) {
	if err != nil {
		w.handshake.Store(&err)
	}
}

// NotSent reports whether err, with which the transport failed, shows that it sent nothing. net/http's own transport
// tells by its trace. Any other may have sent something without a trace, by another transport or with another context:
// of it that is known only if no connection was seen and err is that of a failed dial.
func (w *Watch) NotSent(transport http.RoundTripper, err error) bool {
	if err == nil || w.got.Load() {
		return false
	}
	_, exact := transport.(*http.Transport)
	return exact && w.asked.Load() || w.failedToConnect(err)
}

// failedToConnect reports whether err is that of a dial, of a proxy or of a TLS handshake, and of nothing else beside it.
func (w *Watch) failedToConnect(err error) bool {
	switch e := err.(type) { //nolint:errorlint // it follows the whole tree: errors.As would find one cause among several
	case *net.OpError:
		if e.Op == "dial" || e.Op == "proxyconnect" || e.Op == SOCKSConnect {
			return true
		}
	case *notSentError, *ProxyError:
		return true
	case interface{ Unwrap() []error }:
		return len(e.Unwrap()) > 0 && all(e.Unwrap(), w.failedToConnect)
	}
	if handshake := w.handshake.Load(); handshake != nil && !Closed(*handshake) && errors.Is(*handshake, err) {
		return true
	}
	cause := errors.Unwrap(err)
	return cause != nil && w.failedToConnect(cause)
}

func all(errs []error, is func(error) bool) bool {
	for _, err := range errs {
		if err == nil || !is(err) {
			return false
		}
	}
	return true
}

// MayBeConnected reports whether a connection was seen, or the transport didn't look for one where that is seen.
func (w *Watch) MayBeConnected() bool { return w.got.Load() || !w.asked.Load() }

// Resent reports whether a transport has sent the request over HTTP/2 and then once more. net/http repeats a request that the
// server refused with GOAWAY, REFUSED_STREAM or PROTOCOL_ERROR, the first and the last hundreds of times a second.
func (w *Watch) Resent() bool { return w.resent.Load() }

// Answered reports whether a byte of an answer came.
func (w *Watch) Answered() bool { return w.answered.Load() }

// PeerClosed reports, of a request that ended with resp or err, whether the peer had already closed the connection that
// it was sent on. No connection that wasn't used before was seen, and all else is as with [Conn.PeerClosed].
func (w *Watch) PeerClosed(resp *http.Response, err error) bool {
	if w.newConn {
		return false // the peer has closed the one before too
	}
	return w.closed.Load() || w.got.Load() && !w.unused.Load() && peerClosed(w.answered.Load(), resp, err)
}
