package rctest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"
)

const shutdownTimeout = 5 * time.Second // for requests in flight

// listener is an HTTP server on a loopback port.
type listener struct {
	url      string
	http     *http.Server
	done     chan struct{} // closed when Serve has returned
	newConns map[net.Conn]struct{}
}

// Listen makes the server available on a loopback port as well, for other processes, and returns its base URL, such as
// "http://127.0.0.1:40123". Further calls return the same URL. It panics if listening fails, or after Close.
func (s *Server) Listen() string { return s.listen(PrimaryHost) }

// ListenBackup is Listen for the backup host, on a second port. It is the same server: only faults distinguish the hosts.
func (s *Server) ListenBackup() string { return s.listen(BackupHost) }

func (s *Server) listen(host Host) string {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	if s.state.closed {
		panic("rctest: Listen after Close")
	}
	if l := s.state.listeners[host]; l != nil {
		return l.url
	}
	var config net.ListenConfig
	socket, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic("rctest: Listen: " + err.Error())
	}
	l := &listener{url: "http://" + socket.Addr().String(), done: make(chan struct{}), newConns: make(map[net.Conn]struct{})}
	l.http = &http.Server{
		Handler:           s.Handler(host),
		ConnState:         func(conn net.Conn, to http.ConnState) { s.state.trackConn(l, conn, to) },
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	s.state.listeners[host] = l
	go func() {
		defer close(l.done)
		_ = l.http.Serve(socket)
	}()
	return l.url
}

// trackConn keeps the connections that haven't sent a request yet, for Close to close: Shutdown would wait for them. It
// takes mu itself.
func (s *state) trackConn(l *listener, conn net.Conn, to http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case to != http.StateNew:
		delete(l.newConns, conn)
	case s.closed:
		_ = conn.Close()
	default:
		l.newConns[conn] = struct{}{}
	}
}

// ServeHTTP serves requests to any host, those to the backup host's name as that host, so that the server can be
// mounted in another one. It works even after Close. A [Fault] that breaks the connection makes it panic with
// [http.ErrAbortHandler], as net/http's server expects, if the connection can't be hijacked.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	host, _, err := net.SplitHostPort(req.Host)
	if err != nil {
		host = req.Host
	}
	s.handle(w, req, hostOf(host))
}

// Handler returns a handler that serves one of the two hosts, whatever the name in the request: [PrimaryHost] or
// [BackupHost]. It is for mounting them at different places. Otherwise it is as [Server.ServeHTTP]. It panics for another
// host.
func (s *Server) Handler(host Host) http.Handler {
	if host != PrimaryHost && host != BackupHost {
		panic(fmt.Sprintf("rctest: Handler: Host %d is neither PrimaryHost nor BackupHost", host))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { s.handle(w, req, host) })
}

func (s *Server) handle(w http.ResponseWriter, req *http.Request, host Host) {
	in := s.receive(host, req)
	if in.fault.preventsRequest() {
		reset(w)
		return
	}
	_ = in.readBody() // if it fails, the call is refused
	out := s.serve(in)
	delay := in.fault.answerDelay()
	if delay != 0 && in.size > maxBody {
		_, _ = io.Copy(io.Discard, req.Body) // net/http notices that the client has gone only once the body is read
	}
	if err := s.state.wait(req.Context(), delay, nil); err != nil || in.fault.hasNoAnswer() {
		reset(w)
		return
	}
	s.send(w, req, out)
}

// reset closes the connection so that the client gets ECONNRESET rather than EOF, if the connection can be hijacked.
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
	buffer := make([]byte, min(out.size, 32<<10-1)+1) // no overflow: a fault's size may be the highest number
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, &body, buffer); err != nil {
		_ = flush()
		panic(http.ErrAbortHandler)
	}
}

// Close stops listening once the requests in flight have been answered, or after 5 s. Clients of [Server.Config] get
// ECONNREFUSED from then on. Calls that a [Fault] delays fail at once, and so do
// calls of [Server.Changes]. Nothing more is posted to the webhook: posts in
// flight are cancelled, and Close doesn't wait for their handlers, so a handler may call it. The state can still be
// read. Closing a closed server does nothing.
func (s *Server) Close() {
	s.state.mu.Lock()
	s.state.closed = true
	s.state.sendCloseSignals()
	s.state.closeOutbox()
	s.state.changes.wake()
	listeners := slices.Collect(maps.Values(s.state.listeners))
	for _, l := range listeners {
		for conn := range l.newConns {
			_ = conn.Close()
		}
	}
	s.state.mu.Unlock()
	for _, l := range listeners {
		l.close()
	}
}

func (l *listener) close() {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if err := l.http.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		_ = l.http.Close()
	}
	<-l.done
}

// isClosed takes mu itself.
func (s *state) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}
