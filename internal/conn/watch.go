package conn

import (
	"context"
	"errors"
	"io"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"syscall"
)

// Watch learns by net/http/httptrace what a transport that isn't a [Pool] does with the connection of one request.
// It is new for each request: net/http may still write to it after the request has failed.
type Watch struct {
	trace    httptrace.ClientTrace
	asked    atomic.Bool
	sent     atomic.Bool
	reused   atomic.Bool
	answered atomic.Bool
}

// Context returns ctx with the trace in it.
func (w *Watch) Context(ctx context.Context) context.Context {
	w.trace.GetConn = func(string) { w.asked.Store(true) }
	w.trace.GotConn = func(info httptrace.GotConnInfo) {
		w.sent.Store(true)
		w.reused.Store(info.Reused)
	}
	w.trace.GotFirstResponseByte = func() { w.answered.Store(true) }
	return httptrace.WithClientTrace(ctx, &w.trace)
}

// Traced reports whether the transport asked for a connection: it is net/http's, wrapped or not.
func (w *Watch) Traced() bool { return w.asked.Load() }

// Sent reports whether the request got a connection, so that some of it may have been sent.
func (w *Watch) Sent() bool { return w.sent.Load() }

// PeerClosed reports, of a request that failed with err, whether the peer had already closed the reused connection: not a
// byte of an answer came, and err says that the connection ended. A timeout doesn't, nor does a reset of one stream of
// an HTTP/2 connection.
func (w *Watch) PeerClosed(err error) bool {
	return w.reused.Load() && !w.answered.Load() && connectionEnded(err)
}

func connectionEnded(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return strings.Contains(err.Error(), "http: server closed idle connection") // net/http doesn't export this error
}
