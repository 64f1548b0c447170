package rctest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
)

// The domain never resolves, so a request that goes astray fails instead of reaching somebody.
const (
	primaryHost = "primary.rctest.invalid"
	backupHost  = "backup.rctest.invalid"
)

// transport holds a method of its server, not the server: fmt would print that and its secret for a wrong verb.
type transport struct {
	roundTrip func(*http.Request) (*http.Response, error)
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) { return t.roundTrip(req) }

// roundTrip serves a request in memory, on the goroutine of the caller, so that it works within a synctest bubble. It
// answers for the server's two hosts and fails for others as a network would.
func (s *Server) roundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer func() { _ = req.Body.Close() }()
	}
	if req.URL == nil {
		return nil, errors.New("rctest: a request without a URL")
	}
	if req.Context().Err() != nil {
		return nil, context.Cause(req.Context())
	}
	if err := s.dial(req.URL.Hostname()); err != nil {
		return nil, err
	}
	body, err := readBody(req)
	if err != nil {
		return nil, err
	}
	return s.serve(req, body).response(req), nil
}

// dial fails the way that connecting would.
func (s *Server) dial(host string) error {
	var cause error
	switch {
	case !strings.EqualFold(host, primaryHost) && !strings.EqualFold(host, backupHost):
		cause = &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	case s.state.isClosed():
		cause = os.NewSyscallError("connect", syscall.ECONNREFUSED)
	default:
		return nil
	}
	return &net.OpError{Op: "dial", Net: "tcp", Err: cause}
}

func (r *reply) response(req *http.Request) *http.Response {
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)),
		StatusCode:    r.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        r.header,
		Body:          io.NopCloser(bytes.NewReader(r.body)),
		ContentLength: int64(len(r.body)),
		Request:       req,
	}
}
