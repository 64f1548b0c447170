package main

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

// appInBubble gives the test an app in a synctest bubble, without sockets.
func appInBubble(t *testing.T, test func(*testing.T, *app)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		db, err := openStore(t.Context(), path, h.notify)
		require.NoError(t, err)
		defer func() { require.NoError(t, db.close()) }()
		a := &app{settings: fakeSettings(t, newFake(t)), store: db, hub: h, users: newUserLocks(), log: logger(newLogs())}
		require.NoError(t, a.connect())
		test(t, a)
	})
}

// startEvent makes the webhook handle an event for a duration, even after the request was answered.
func (a *app) startEvent(t *testing.T, duration time.Duration) {
	t.Helper()
	credentials := a.fake.Credentials()
	var err error
	a.webhook, err = webhook.NewHandler(webhook.Config{
		Credentials: webhook.StaticCredentials(credentials),
		OnPresence: func(context.Context, webhook.PresenceEvent) error {
			time.Sleep(duration)
			return nil
		},
	})
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodPost, testWebhook, strings.NewReader(presence(webhook.Online, "iOS", "s1", 100)))
	webhook.Sign(r, credentials, time.Now())
	go a.webhook.ServeHTTP(httptest.NewRecorder(), r)
	synctest.Wait()
}

// serve starts the server on the listener and sends the start of a request.
func (p pipes) serve(t *testing.T, server *http.Server, request string) net.Conn {
	t.Helper()
	go func() { _ = server.Serve(p) }()
	conn := p.connect(t, request)
	synctest.Wait()
	return conn
}

func TestSlowSenderDoesNotDelayShutdown(t *testing.T) {
	appInBubble(t, func(t *testing.T, a *app) {
		server := a.server()
		conn := make(pipes).serve(t, server, "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
			"Content-Length: 100\r\n\r\n{")
		defer func() { _ = conn.Close() }()
		answers := make(chan *http.Response, 1)
		go func() {
			response, _ := http.ReadResponse(bufio.NewReader(conn), nil)
			answers <- response
		}()
		start := time.Now()
		require.NoError(t, a.shutdown(server, new(sync.WaitGroup)))
		require.Less(t, time.Since(start), requestTimeout)
		require.Equal(t, http.StatusRequestTimeout, (<-answers).StatusCode)
	})
}

func TestShutdownWaitsForEvents(t *testing.T) {
	appInBubble(t, func(t *testing.T, a *app) {
		a.startEvent(t, 6*time.Second)
		start := time.Now()
		require.NoError(t, a.shutdown(a.server(), new(sync.WaitGroup)))
		require.Equal(t, 6*time.Second, time.Since(start))
	})
}

// TestShutdownNamesInterruptedWork expects errors that name only what was interrupted: a request that uses up its time leaves
// a second for events.
func TestShutdownNamesInterruptedWork(t *testing.T) {
	appInBubble(t, func(t *testing.T, a *app) {
		server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute) })}
		conn := make(pipes).serve(t, server, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		defer func() { _ = conn.Close() }()
		a.startEvent(t, 9500*time.Millisecond)
		start := time.Now()
		err := a.shutdown(server, new(sync.WaitGroup))
		require.EqualError(t, err, "requests were interrupted: context deadline exceeded")
		require.Equal(t, 9500*time.Millisecond, time.Since(start))

		a.startEvent(t, time.Minute)
		var background sync.WaitGroup
		require.NotContains(t, a.shutdown(a.server(), &background).Error(), "deletions")
		background.Go(func() { time.Sleep(time.Hour) })
		start = time.Now()
		require.ErrorContains(t, a.shutdown(a.server(), &background), "deletions didn't stop in time")
		require.Equal(t, shutdownTimeout, time.Since(start))
		background.Wait()
	})
}
