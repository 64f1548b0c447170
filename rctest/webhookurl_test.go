package rctest_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// overLoopback starts an app on a port. Its connections are counted.
func overLoopback(t *testing.T, h http.HandlerFunc) (base string, open *atomic.Int64) {
	open = new(atomic.Int64)
	outer := httptest.NewUnstartedServer(h)
	outer.Config.ConnState = func(_ net.Conn, to http.ConnState) {
		switch to {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
		}
	}
	outer.Start()
	t.Cleanup(outer.Close)
	return outer.URL, open
}

func TestWebhookURL(t *testing.T) {
	t.Parallel()
	f := setup(t)
	base, open := overLoopback(t, func(w http.ResponseWriter, req *http.Request) {
		raw, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		require.Regexp(t, `^\[\{"userid":"a","status":"0","os":"iOS","time":\d{13},`, string(raw))
		require.Equal(t, "/rc/web%20hook", req.URL.EscapedPath())
		require.Regexp(t, `^/rc/web%20hook\?x=1&y=&x=2(&appKey=`+f.AppKey+`&nonce=[0-9A-Z]{18}&timestamp=\d{13}&signature=[0-9a-f]{40})?$`, req.RequestURI)
		require.EqualValues(t, len(raw), req.ContentLength)
		require.Equal(t, []string{"POST", "application/json", "rctest"},
			[]string{req.Method, req.Header.Get("Content-Type"), req.Header.Get("User-Agent")})
		_, _ = w.Write([]byte("OK"))
	})
	f.SetWebhookURL(base + "/rc/web%20hook?x=1&y=&x=2#part")
	f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Unsigned})
	f.SetOnline("a", true)
	f.WaitDeliveries()
	require.Equal(t, []ending{{1, 200, nil}, {1, 200, nil}}, f.endings())
	require.Len(t, f.Deliveries()[0].Query, 2)
	q := f.Deliveries()[1].Query
	require.Equal(t, []any{[]string{"1", "2"}, []string{""}}, []any{q["x"], q["y"]})
	require.Equal(t, sign(f.AppSecret, q.Get("nonce"), q.Get("timestamp")), q.Get("signature"))
	f.Close()
	require.Eventually(t, func() bool { return open.Load() == 0 }, 5*time.Second, time.Millisecond, "Close ends the connections")
}

func TestWebhookURLWithoutQuery(t *testing.T) {
	t.Parallel()
	f := setup(t)
	base, _ := overLoopback(t, func(_ http.ResponseWriter, req *http.Request) {
		if req.RequestURI != "/" {
			require.Regexp(t, `^/\?appKey=`, req.RequestURI)
		}
	})
	f.SetWebhookURL(base)
	f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Unsigned})
	f.SetOnline("a", true)
	f.WaitDeliveries()
	require.Equal(t, []ending{{1, 200, nil}, {1, 200, nil}}, f.endings())
	require.Empty(t, f.Deliveries()[0].Query)
}

// Kept connections are used again.
func TestWebhookURLKeepsConnections(t *testing.T) {
	t.Parallel()
	f := setup(t)
	var mu sync.Mutex
	from := map[string]bool{}
	base, _ := overLoopback(t, func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		from[req.RemoteAddr] = true
		_, _ = w.Write(make([]byte, 10_000))
	})
	f.SetWebhookURL(base)
	for i := range 50 {
		f.SetOnline("a", i%2 == 0)
		f.WaitDeliveries()
	}
	mu.Lock()
	defer mu.Unlock()
	require.Less(t, len(from), 50)
}

func TestWebhookURLThatRedirects(t *testing.T) {
	t.Parallel()
	f := setup(t)
	base, _ := overLoopback(t, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/" {
			http.Redirect(w, req, "/elsewhere", http.StatusTemporaryRedirect)
		}
	})
	f.SetWebhookURL(base)
	f.SetOnline("a", true)
	f.WaitDeliveries()
	require.Equal(t, []ending{{1, 307, nil}}, f.endings())
}

func TestWebhookURLThatNobodyListensAt(t *testing.T) {
	t.Parallel()
	f := setup(t)
	base, _ := overLoopback(t, nil)
	gone := httptest.NewServer(nil)
	gone.Close()
	f.SetWebhookURL(base)
	f.SetWebhookURL(gone.URL)
	f.SetOnline("a", true)
	for range 2 {
		f.WaitDeliveries()
		f.Advance(time.Second)
	}
	f.WaitDeliveries()
	require.Len(t, f.Deliveries(), 3)
	for _, d := range f.Deliveries() {
		require.ErrorIs(t, d.Err, syscall.ECONNREFUSED)
		require.NotErrorAs(t, d.Err, new(*url.Error), "that has the signature in its text")
	}
}

// Close cuts off a post under way, and its connection with it.
func TestCloseDuringAPost(t *testing.T) {
	t.Parallel()
	f := setup(t)
	arrived, ended := make(chan struct{}), make(chan struct{})
	base, open := overLoopback(t, func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		close(arrived)
		<-req.Context().Done()
		close(ended)
	})
	f.SetWebhookURL(base)
	f.SetOnline("a", true)
	<-arrived
	start := time.Now()
	f.Close()
	<-ended
	require.Less(t, time.Since(start), 4*time.Second)
	require.Len(t, f.Deliveries(), 1)
	require.Error(t, f.Deliveries()[0].Err)
	require.Eventually(t, func() bool { return open.Load() == 0 }, 5*time.Second, time.Millisecond)
}

func TestWebhookURLsThatAreNone(t *testing.T) {
	t.Parallel()
	srv := rctest.NewServer()
	for _, bad := range []string{"/path", "ftp://example.com", "http://", "http:///x", "https:opaque", "example.com", "http://:80", "http://a b", ":"} {
		require.Panics(t, func() { srv.SetWebhookURL(bad) }, bad)
	}
	srv.SetWebhookURL("")
}
