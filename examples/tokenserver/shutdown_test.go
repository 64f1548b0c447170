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

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

// appInBubble gives the test an app under virtual time, without sockets.
func appInBubble(t *testing.T, test func(*testing.T, *app)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		db, err := openStore(t.Context(), path, h.changed)
		require.NoError(t, err)
		defer func() { require.NoError(t, db.close()) }()
		a := &app{settings: onFake(t, newFake(t)), store: db, hub: h, log: logger(newLogs())}
		require.NoError(t, a.connect())
		test(t, a)
	})
}

// begin lets a request of the webhook run for so long, also after it was answered.
func (a *app) begin(t *testing.T, takes time.Duration) {
	t.Helper()
	credentials := rcuser.Credentials{AppKey: a.fake.AppKey, AppSecret: a.fake.AppSecret}
	var err error
	a.webhook, err = webhook.NewHandler(webhook.Config{
		Credentials: webhook.StaticCredentials(credentials),
		OnPresence: func(context.Context, webhook.PresenceEvent) error {
			time.Sleep(takes)
			return nil
		},
	})
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodPost, testWebhook, strings.NewReader(presence(webhook.Online, "iOS", "s1", 100)))
	webhook.Sign(r, credentials, time.Now())
	go a.webhook.ServeHTTP(httptest.NewRecorder(), r)
	synctest.Wait()
}

func (p pipes) begin(t *testing.T, server *http.Server, request string) net.Conn {
	t.Helper()
	go func() { _ = server.Serve(p) }()
	conn := p.connect(t, request)
	synctest.Wait()
	return conn
}

func TestASlowSenderHoldsNoShutdownUp(t *testing.T) {
	appInBubble(t, func(t *testing.T, a *app) {
		server := a.server()
		conn := make(pipes).begin(t, server, "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
			"Content-Length: 100\r\n\r\n{")
		defer func() { _ = conn.Close() }()
		answers := make(chan *http.Response, 1)
		go func() {
			response, _ := http.ReadResponse(bufio.NewReader(conn), nil)
			answers <- response
		}()
		start := time.Now()
		require.NoError(t, a.shutdown(server, new(sync.WaitGroup)))
		require.Less(t, time.Since(start), requestPatience)
		require.Equal(t, http.StatusRequestTimeout, (<-answers).StatusCode)
	})
}

func TestTheWebhookIsWaitedFor(t *testing.T) {
	appInBubble(t, func(t *testing.T, a *app) {
		a.begin(t, 6*time.Second)
		start := time.Now()
		require.NoError(t, a.shutdown(a.server(), new(sync.WaitGroup)))
		require.Equal(t, 6*time.Second, time.Since(start))
	})
}

// TestWhatIsCutOffIsNamed, and nothing else: what goes on without a request has time left, even if a request takes it all.
func TestWhatIsCutOffIsNamed(t *testing.T) {
	appInBubble(t, func(t *testing.T, a *app) {
		server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute) })}
		conn := make(pipes).begin(t, server, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		defer func() { _ = conn.Close() }()
		a.begin(t, 9500*time.Millisecond)
		start := time.Now()
		err := a.shutdown(server, new(sync.WaitGroup))
		require.EqualError(t, err, "requests were cut off: context deadline exceeded")
		require.Equal(t, 9500*time.Millisecond, time.Since(start))

		a.begin(t, time.Minute)
		var background sync.WaitGroup
		require.NotContains(t, a.shutdown(a.server(), &background).Error(), "deletions")
		background.Go(func() { time.Sleep(time.Hour) })
		start = time.Now()
		require.ErrorContains(t, a.shutdown(a.server(), &background), "deletions didn't stop in time")
		require.Equal(t, shutdownPatience, time.Since(start))
		background.Wait()
	})
}
