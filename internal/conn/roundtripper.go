package conn

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// RoundTripper returns the pool as what a transport wraps. A request whose context is no [Watch], nor derived from one,
// must be over, with its answer read, within the timeout.
//
// An answer's body ends the use of its connection: read to its end, it is released; closed before, it is closed. If it
// is neither, the connection is closed when the request's context ends, at the deadline at the latest.
func (p *Pool) RoundTripper(timeout time.Duration) http.RoundTripper {
	return &roundTripper{p, timeout}
}

type roundTripper struct {
	pool    *Pool
	timeout time.Duration
}

func (r *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	w, watched := ctx.Value(watchKey{}).(*Watch)
	if !watched {
		w = &Watch{deadline: time.Now().Add(r.timeout)}
	}
	use, err := r.take(ctx, req, w)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, &notSentError{err}
	}
	resp, err := use.RoundTrip(req.WithContext(ctx)) // a copy, which it changes
	w.closed.Store(use.PeerClosed())
	if err != nil {
		use.Close()
		return nil, err
	}
	resp.Request = req
	if resp.Body == http.NoBody {
		use.Release()
	} else {
		resp.Body = &body{resp.Body, use}
	}
	return resp, nil
}

func (r *roundTripper) take(ctx context.Context, req *http.Request, w *Watch) (*Conn, error) {
	if req.URL == nil {
		return nil, errors.New("the request has no URL")
	}
	return r.pool.Take(ctx, req.URL, w.deadline, w.newConn)
}

// body ends the use of a connection.
type body struct {
	io.ReadCloser
	use *Conn
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == io.EOF:
		b.use.Release()
	case err != nil:
		b.use.Close()
	}
	return n, err
}

func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.use.Close()
	return err
}

// notSentError is why a pool got no connection for a request.
type notSentError struct{ error }

func (e *notSentError) Unwrap() error { return e.error }
