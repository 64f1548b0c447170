package rctest

import (
	"context"
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"time"
)

const closePatience = 5 * time.Second // for requests under way

// listener is a server on a loopback port.
type listener struct {
	url   string
	http  *http.Server
	ended chan struct{} // closed when nothing is accepted any more
	fresh map[net.Conn]struct{}
}

// Listen makes the server reachable on a loopback port as well, for other processes, and returns its base URL, such as
// "http://127.0.0.1:40123". Further calls return the same URL. It panics if there is no port, or after Close.
func (s *Server) Listen() string {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	if s.state.closed {
		panic("rctest: Listen after Close")
	}
	if s.state.listener != nil {
		return s.state.listener.url
	}
	var config net.ListenConfig
	socket, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic("rctest: no port to listen on: " + err.Error())
	}
	l := &listener{url: "http://" + socket.Addr().String(), ended: make(chan struct{}), fresh: make(map[net.Conn]struct{})}
	l.http = &http.Server{
		Handler:           s,
		ConnState:         s.state.connState,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	s.state.listener = l
	go func() {
		defer close(l.ended)
		_ = l.http.Serve(socket)
	}()
	return l.url
}

// connState remembers the connections that carried no request yet: Shutdown would wait for one.
func (s *state) connState(conn net.Conn, to http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case to != http.StateNew:
		delete(s.listener.fresh, conn)
	case s.closed:
		_ = conn.Close()
	default:
		s.listener.fresh[conn] = struct{}{}
	}
}

// ServeHTTP answers for every host; it lets the server be mounted in one of the caller's, even after Close.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := readBody(req)
	if err != nil {
		body = nil // the sender is gone: half a form mustn't be applied, and nobody reads the refusal
	}
	out := s.serve(req, body)
	maps.Copy(w.Header(), out.header)
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body)
}

// Close ends the listening, after the requests under way were answered, and makes clients of [Server.Config] find
// nobody at either host. What the server knows can still be looked at. Closing it again does nothing.
func (s *Server) Close() {
	s.state.mu.Lock()
	s.state.closed = true
	l := s.state.listener
	if l != nil {
		for conn := range l.fresh {
			_ = conn.Close()
		}
	}
	s.state.mu.Unlock()
	if l == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	if err := l.http.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		_ = l.http.Close()
	}
	<-l.ended
}

func (s *state) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}
