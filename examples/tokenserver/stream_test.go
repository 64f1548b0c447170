package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// stream reads server-sent events from /events.
type stream struct {
	t         *testing.T
	overviews chan overview // closed when the stream ends
	header    http.Header
}

func (p *program) stream() *stream {
	p.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(p.request("GET", "/events", ""))
	require.NoError(p.t, err)
	s := &stream{p.t, make(chan overview, 1000), response.Header}
	go func() {
		defer close(s.overviews)
		defer func() { _ = response.Body.Close() }()
		for scanner := bufio.NewScanner(response.Body); scanner.Scan(); {
			var o overview
			if data, ok := strings.CutPrefix(scanner.Text(), "data: "); ok && json.Unmarshal([]byte(data), &o) == nil {
				s.overviews <- o
			}
		}
	}()
	return s
}

// waitUntil reads overviews until one fulfils a condition.
func (s *stream) waitUntil(what string, condition func(overview) bool) {
	s.t.Helper()
	deadline := time.After(testTimeout)
	for {
		select {
		case o, open := <-s.overviews:
			require.True(s.t, open, "the stream ended before it showed that "+what)
			if condition(o) {
				return
			}
		case <-deadline:
			require.FailNow(s.t, "the stream doesn't show that "+what)
		}
	}
}

func TestEventsAreLive(t *testing.T) {
	fake := newFake(t)
	p := start(t, fakeSettings(t, fake))
	s := p.stream()
	require.Equal(t, "text/event-stream", s.header.Get("Content-Type"))
	s.waitUntil("there are no users", func(o overview) bool { return len(o.Users) == 0 })
	token := p.login("alice")
	s.waitUntil("alice has logged in", func(o overview) bool { return len(o.Users) == 1 && !o.Users[0].Online })
	fake.SetOnline("alice", true)
	s.waitUntil("alice is online", func(o overview) bool { return o.Users[0].Online && o.Users[0].Devices == "iOS" })
	p.do("POST", "/demo/advance", "")
	s.waitUntil("15 minutes passed", func(o overview) bool { return o.Now.Sub(o.Users[0].TokenIssuedAt) >= 15*time.Minute })
	p.do("DELETE", "/users/alice", "")
	s.waitUntil("alice is being deleted", func(o overview) bool { return o.Users[0].State == deleting })
	waitUntil(t, "RC accepts", func() bool { return fake.User("alice").Deactivated })
	p.do("POST", "/demo/advance", "")
	s.waitUntil("alice is deleted", func(o overview) bool { return len(o.Users) == 0 })

	begin := time.Now()
	p.stop()
	require.Less(t, time.Since(begin), 3*time.Second, "streams don't delay the shutdown")
	for range s.overviews { // wait for the end of the stream
	}
	require.NotContains(t, p.logs.String(), token)
}

// pipes is a listener whose connections have no buffers: a write blocks until the other side reads.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, open := <-p; open {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error {
	close(p)
	return nil
}

func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// connect opens a connection and sends the start of a request.
func (p pipes) connect(t *testing.T, request string) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	p <- server
	_, err := fmt.Fprint(client, request)
	require.NoError(t, err)
	return client
}

// TestStreamOutlastsServerTimeouts has two streams: one that is read, and one that isn't, which must end without delaying
// the other.
func TestStreamOutlastsServerTimeouts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	synctest.Test(t, func(t *testing.T) {
		h, stopping, l := newHub(), make(chan struct{}), newLogs()
		db, err := openStore(t.Context(), path, h.notify)
		require.NoError(t, err)
		defer func() { require.NoError(t, db.close()) }()
		a := &app{settings: fakeSettings(t, newFake(t)), store: db, hub: h, stopping: stopping, log: logger(l)}
		listener, server := make(pipes), a.server()
		go func() { _ = server.Serve(listener) }()

		const events = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"
		unread := listener.connect(t, events)
		defer func() { _ = unread.Close() }()
		reader := listener.connect(t, events)
		var received atomic.Int32
		go func() {
			for scanner := bufio.NewScanner(reader); scanner.Scan(); {
				if strings.HasPrefix(scanner.Text(), "data: ") {
					received.Add(1)
				}
			}
		}()
		ended := func() int { return strings.Count(l.String(), `"route":"GET /events"`) }
		synctest.Wait()
		require.EqualValues(t, 1, received.Load())
		for i := range 10 {
			require.NoError(t, db.addUser(t.Context(), loginRequest{UserID: fmt.Sprint(i), Name: "name"}, "token", time.Now()))
		}
		time.Sleep(time.Second)
		require.EqualValues(t, 2, received.Load(), "simultaneous changes are sent together")
		time.Sleep(time.Minute)
		require.Equal(t, 1, ended(), "the unread stream")
		require.EqualValues(t, 6, received.Load(), "a message every 15 s")
		close(stopping)
		require.NoError(t, server.Shutdown(t.Context()))
		require.Equal(t, 2, ended())
	})
}

func TestPageHeaders(t *testing.T) {
	p := start(t, fakeSettings(t, newFake(t)))
	for path, mediaType := range map[string]string{"/": "text/html", "/page.js": "text/javascript", "/page.css": "text/css"} {
		a := p.do("GET", path, "")
		require.Equal(t, http.StatusOK, a.status, path)
		require.Contains(t, a.header.Get("Content-Type"), mediaType)
		require.Contains(t, a.header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'")
		require.NotContains(t, a.body, "innerHTML")
		require.NotContains(t, a.body, "://", "no external resources")
	}
}

func TestReadiness(t *testing.T) {
	stopping := make(chan struct{})
	l := newLogs()
	db, err := openStore(t.Context(), t.TempDir()+"/test.db", func() {})
	require.NoError(t, err)
	a := &app{settings: settings{webhookPath: testWebhook}, store: db, stopping: stopping, log: logger(l)}
	ready := func() int {
		w := httptest.NewRecorder()
		a.routes().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		return w.Code
	}
	require.Equal(t, http.StatusNoContent, ready())
	close(stopping)
	require.Equal(t, http.StatusServiceUnavailable, ready(), "not ready during a shutdown")
	a.stopping = nil
	require.Equal(t, http.StatusNoContent, ready())
	require.NotContains(t, l.String(), "not ready")
	require.NoError(t, db.close())
	require.Equal(t, http.StatusServiceUnavailable, ready())
	require.Contains(t, l.String(), "not ready")
}
