package conn

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
)

// progress is what httptrace tells of one request on a connection.
type progress struct {
	written  atomic.Bool // all of it was handed to the connection
	answered atomic.Bool // a byte came
	early    atomic.Bool // a byte came before the request was written, so it isn't this request's answer
}

// begin must be called before req is sent. An answer to a part of a request, such as 100 Continue or 413 Content Too
// Large, isn't early.
func (p *progress) begin(req *http.Request) {
	inParts := req.ContentLength > maxAtOnce || len(req.Header["Expect"]) > 0
	p.written.Store(inParts)
	p.answered.Store(false)
	p.early.Store(false)
}

// maxAtOnce is the largest body that net/http writes together with the headers, whose buffer has 4 KiB.
const maxAtOnce = 2 << 10

func (p *progress) gotFirstByte() {
	p.answered.Store(true)
	if !p.written.Load() {
		p.early.Store(true)
	}
}

// peerClosed reports, of a use of a connection that was used before, whether the peer had already closed it: the
// connection ended without a byte of an answer, or what came was sent before the request.
func (p *progress) peerClosed(resp *http.Response, err error) bool {
	switch {
	case p.early.Load():
		return true
	case err == nil:
		return isIdleTimeout(resp)
	}
	return !p.answered.Load() && Ended(err)
}

// isIdleTimeout reports whether an answer on a connection that was used before is a server's way to close it for being
// idle (RFC 9110, section 15.5.9; HAProxy and Apache send it so).
func isIdleTimeout(resp *http.Response) bool {
	return resp != nil && resp.StatusCode == http.StatusRequestTimeout && resp.Close
}

var errEarlyAnswer = errors.New("the server had sent something before it got the request")

// Ended reports whether err says that the connection was closed or reset, by this side or by the peer. A timeout doesn't,
// nor does a reset of one stream of an HTTP/2 connection.
func Ended(err error) bool { return Closed(err) || wasReset(err) }

// Closed reports whether err says that the connection was closed, which net/http does in texts that name no cause.
func Closed(err error) bool {
	return !isTimeout(err) && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		strings.Contains(err.Error(), "http: server closed idle connection")) // net/http doesn't export this error
}

// resets are the system's errors for a connection that the peer reset or closed. Windows has numbers of its own for them,
// which its syscall.ECONNRESET doesn't equal: WSAECONNABORTED and WSAECONNRESET.
var resets = []syscall.Errno{syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, 10053, 10054}

func wasReset(err error) bool {
	for _, reset := range resets {
		if errors.Is(err, reset) {
			return !isTimeout(err)
		}
	}
	return false
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
