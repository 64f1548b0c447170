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

// Domains under .invalid never resolve, so a request sent over the network by mistake fails.
const (
	primaryHost = "primary.rctest.invalid"
	backupHost  = "backup.rctest.invalid"
)

// transport holds a method value, not the server: fmt would print the server's fields, including the secret, for a
// verb that doesn't fit.
type transport struct {
	roundTrip func(*http.Request) (*http.Response, error)
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) { return t.roundTrip(req) }

// roundTrip serves a request in memory, in the caller's goroutine, so that it works within a synctest bubble. For hosts
// other than the server's two it returns the error of a failed DNS lookup.
func (s *Server) roundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer func() { _ = req.Body.Close() }()
	}
	if req.URL == nil {
		return nil, errors.New("rctest: the request has no URL")
	}
	if req.Context().Err() != nil {
		return nil, context.Cause(req.Context())
	}
	if err := s.dial(req.URL.Hostname()); err != nil {
		return nil, err
	}
	in := s.receive(hostOf(req.URL.Hostname()), req)
	switch in.fault.Kind {
	case RefuseConnection:
		return nil, connRefused()
	case ResetBefore:
		return nil, connReset()
	}
	if err := in.readBody(); err != nil {
		return nil, err
	}
	out := s.serve(in)
	if err := s.state.wait(req.Context(), in.fault.answerDelay(), nil); err != nil {
		return nil, err
	}
	if in.fault.hasNoAnswer() {
		return nil, connReset()
	}
	return s.response(req, out), nil
}

// dial returns the error that connecting to the host over a network would return.
func (s *Server) dial(host string) error {
	switch {
	case !strings.EqualFold(host, primaryHost) && !strings.EqualFold(host, backupHost):
		return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
	case s.state.isClosed():
		return connRefused()
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
