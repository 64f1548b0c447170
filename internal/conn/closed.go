package conn

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
)

// peerClosed reports, of a request on a connection that was used before, whether the peer had already closed it: the
// connection ended without a byte of an answer, or the answer is a server's way to close it.
func peerClosed(answered bool, resp *http.Response, err error) bool {
	return !answered && err != nil && Ended(err) || isIdleTimeout(resp)
}

// isIdleTimeout reports whether an answer on a connection that was used before is a server's way to close it for being
// idle (RFC 9110, section 15.5.9; HAProxy and Apache send it so).
func isIdleTimeout(resp *http.Response) bool {
	return resp != nil && resp.StatusCode == http.StatusRequestTimeout && resp.Close
}

// Ended reports whether err says that the connection was closed or reset, by this side or by the peer. A timeout doesn't,
// nor does a reset of one stream of an HTTP/2 connection.
func Ended(err error) bool { return Closed(err) || wasReset(err) }

// Closed reports whether err says that the connection was closed, which net/http does in texts that name no cause.
func Closed(err error) bool {
	if isTimeout(err) {
		return false
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || isUntyped(err)
}

// isUntyped recognises the errors that net/http has no type for: a connection that the peer closed while it was idle, or
// on which it sent bytes without a request.
func isUntyped(err error) bool {
	text := err.Error()
	return strings.Contains(text, "http: server closed idle connection") || strings.Contains(text, "readLoopPeekFailLocked: ")
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
