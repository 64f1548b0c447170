package rctest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
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
	f, hit := s.state.hit(hostOf(req.URL.Hostname()), req)
	switch f.Kind {
	case RefuseConnection:
		return nil, errRefused()
	case ResetBefore:
		return nil, errReset()
	}
	body, err := readBody(req)
	if err != nil {
		return nil, err
	}
	out := s.serve(req, body, f, hit)
	if err := s.state.wait(req.Context(), f.delay(), nil); err != nil {
		return nil, err
	}
	if f.silent() {
		return nil, errReset()
	}
	return s.response(req, out), nil
}

// dial fails the way that connecting would.
func (s *Server) dial(host string) error {
	switch {
	case !strings.EqualFold(host, primaryHost) && !strings.EqualFold(host, backupHost):
		return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
	case s.state.isClosed():
		return errRefused()
	}
	return nil
}

func hostOf(name string) Host {
	if strings.EqualFold(name, backupHost) {
		return BackupHost
	}
	return PrimaryHost
}

func (s *Server) response(req *http.Request, out *reply) *http.Response {
	maps.DeleteFunc(out.header, func(_ string, values []string) bool { return len(values) == 0 })
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", out.status, http.StatusText(out.status)),
		StatusCode:    out.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        out.header,
		Body:          s.newMemoryBody(req.Context(), out),
		ContentLength: out.length,
		Request:       req,
	}
}
