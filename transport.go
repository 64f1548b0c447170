package rcuser

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/f0207b22/rcuser/internal/conn"
)

// setTransport takes the Transport and the Timeout of the user's client, which it doesn't keep or change, and wraps the
// transport.
func (s *sender) setTransport(cfg Config) error {
	user := cfg.HTTPClient
	if user != nil && user.Timeout > 0 {
		s.timeout = min(s.timeout, user.Timeout)
	}
	if user != nil && user.Transport != nil {
		s.transport = user.Transport
	} else {
		s.pool = conn.NewPool()
	}
	if cfg.WrapTransport == nil {
		return nil
	}
	wrapped := s.transport
	if s.pool != nil {
		wrapped = s.pool.RoundTripper(s.timeout)
	}
	if s.transport = cfg.WrapTransport(wrapped); s.transport == nil {
		return &ArgumentError{"WrapTransport", "returned nil"}
	}
	return nil
}

// watched is a request with the context to send it with, in one allocation.
type watched struct {
	outgoing
	watch conn.Watch
}

// sendWatched sends through the user's transport, or through what WrapTransport made.
func (s *sender) sendWatched(ctx context.Context, a *attempt, req *request, result result, credentials Credentials, deadline time.Time, newConn bool) error {
	w := new(watched)
	w.watch.Start(ctx, deadline, newConn)
	out := s.newRequest(&w.watch, &w.outgoing, req, a, credentials)
	out.GetBody = func() (io.ReadCloser, error) {
		if w.watch.Resent() {
			return nil, errResent
		}
		return io.NopCloser(bytes.NewReader(req.body)), nil
	}
	resp, err := requireResponse(s.transport.RoundTrip(out)) //nolint:bodyclose // read closes it
	a.sent = !w.watch.NotSent(s.transport, err)
	a.connClosed = ctx.Err() == nil && w.watch.PeerClosed(resp, err)
	if err != nil {
		return nameCause(err, stageOf(w.watch.MayBeConnected(), w.watch.Answered()))
	}
	return s.read(a, resp, req, result)
}

// errResent ends an attempt that a transport has repeated by itself: the limiter and the budget know nothing of that.
var errResent = errors.New("the server refused the request twice over HTTP/2, without an answer")

// requireResponse accepts what net/http's client accepts: RoundTrippers written for tests return answers without a body,
// and careless ones an answer beside an error.
func requireResponse(resp *http.Response, err error) (*http.Response, error) {
	switch {
	case err != nil && resp != nil && resp.Body != nil:
		_ = resp.Body.Close()
		return nil, err
	case err != nil:
		return nil, err
	case resp == nil:
		return nil, errors.New("the transport returned neither an answer nor an error")
	case resp.Body == nil:
		resp.Body = http.NoBody
	}
	return conn.WithoutUpgrade(resp), nil
}
