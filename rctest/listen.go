package rctest

import (
	"context"
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
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
func (s *Server) Listen() string { return s.listen(PrimaryHost) }

// ListenBackup is Listen for the backup host, on a port of its own. It is the same server: only faults tell the hosts apart.
func (s *Server) ListenBackup() string { return s.listen(BackupHost) }

func (s *Server) listen(host Host) string {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	if s.state.closed {
		panic("rctest: listening after Close")
	}
	if l := s.state.listeners[host]; l != nil {
		return l.url
	}
	var config net.ListenConfig
	socket, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic("rctest: no port to listen on: " + err.Error())
	}
	l := &listener{url: "http://" + socket.Addr().String(), ended: make(chan struct{}), fresh: make(map[net.Conn]struct{})}
	l.http = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { s.handle(w, req, host) }),
		ConnState:         func(conn net.Conn, to http.ConnState) { s.state.connState(l, conn, to) },
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	s.state.listeners[host] = l
	go func() {
		defer close(l.ended)
		_ = l.http.Serve(socket)
	}()
	return l.url
}

// connState remembers the connections that carried no request yet: Shutdown would wait for one.
func (s *state) connState(l *listener, conn net.Conn, to http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case to != http.StateNew:
		delete(l.fresh, conn)
	case s.closed:
		_ = conn.Close()
	default:
		l.fresh[conn] = struct{}{}
	}
}

// ServeHTTP answers for every host; it lets the server be mounted in one of the caller's, even after Close. A [Fault]
// that breaks a connection which can't be taken over makes it panic with [http.ErrAbortHandler], which net/http's
// server understands.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	host, _, err := net.SplitHostPort(req.Host)
	if err != nil {
		host = req.Host
	}
	s.handle(w, req, hostOf(host))
}

func (s *Server) handle(w http.ResponseWriter, req *http.Request, host Host) {
	f, hit := s.state.hit(host, req)
	if f.unheard() {
		reset(w)
		return
	}
	body, err := readBody(req)
	if err != nil {
		body = nil // the sender is gone: half a form mustn't be applied, and nobody reads the refusal
	}
	out := s.serve(req, body, f, hit)
	if f.delay() != 0 && len(body) > maxBody {
		_, _ = io.Copy(io.Discard, req.Body) // net/http notices that the client gives up only after it was read
	}
	if err := s.state.wait(req.Context(), f.delay(), nil); err != nil || f.silent() {
		reset(w)
		return
	}
	s.send(w, req, out)
}

// reset breaks the connection in a way that the client sees as such, if it can, and not as a regular end.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if c, ok := conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
}

func (s *Server) send(w http.ResponseWriter, req *http.Request, out *reply) {
	flush := http.NewResponseController(w).Flush
	body := out.stream(func(d time.Duration) error {
		_ = flush()
		return s.state.wait(req.Context(), d, nil)
	})
	maps.Copy(w.Header(), out.header)
	w.WriteHeader(out.status)
	buffer := make([]byte, min(out.size+1, 32<<10))
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, &body, buffer); err != nil {
		_ = flush()
		panic(http.ErrAbortHandler)
	}
}

// Close ends the listening, after the requests under way were answered, and makes clients of [Server.Config] find
// nobody at either host. It ends at once what a [Fault] keeps waiting. Nothing is posted to the webhook any more; posts
// under way are cancelled, and handlers that then still run aren't waited for, so that one may call Close. What the
// server knows can still be looked at. Closing it again does nothing.
func (s *Server) Close() {
	s.state.mu.Lock()
	s.state.closed = true
	s.state.endWaits()
	s.state.endOutbox()
	listeners := slices.Collect(maps.Values(s.state.listeners))
	for _, l := range listeners {
		for conn := range l.fresh {
			_ = conn.Close()
		}
	}
	s.state.mu.Unlock()
	for _, l := range listeners {
		l.close()
	}
}

func (l *listener) close() {
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
