package rctest_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func TestEventRequest(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		var ctx context.Context
		a.answer = func(_ http.ResponseWriter, req *http.Request) {
			ctx = req.Context()
			require.Equal(t, []string{"POST", "app.rctest.invalid", "/", "192.0.2.1:51234", "HTTP/1.1"},
				[]string{req.Method, req.Host, req.URL.Path, req.RemoteAddr, req.Proto})
			require.Equal(t, "/?"+req.URL.RawQuery, req.RequestURI)
			require.EqualValues(t, len(presenceBody("a", "0", bubbleStart)), req.ContentLength)
			require.Equal(t, http.Header{
				"Content-Type": {"application/json"}, "Content-Length": {"114"}, "User-Agent": {"rctest"},
			}, req.Header)
			require.NotNil(t, req.TLS)
			require.NoError(t, ctx.Err())
			deadline, _ := ctx.Deadline()
			require.Equal(t, 5*time.Second, time.Until(deadline))
		}
		f.SetOnline("a", true)
		require.Len(t, a.bodies(), 1)
		require.Equal(t, 200, f.Deliveries()[0].Status)
		require.ErrorIs(t, ctx.Err(), context.Canceled, "the context ends when the handler returns, as net/http's does")
	})
}

// The request and the ResponseWriter must work with the routers and wrappers of net/http.
func TestEventThroughServeMux(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		mux := http.NewServeMux()
		mux.Handle("POST app.rctest.invalid/{$}", http.TimeoutHandler(http.MaxBytesHandler(a, 200), time.Second, ""))
		f.SetWebhook(mux)
		f.SetOnline("a", true)
		require.Equal(t, []string{presenceBody("a", "0", bubbleStart)}, a.bodies())
		require.Equal(t, 200, f.Deliveries()[0].Status)
	})
}

func TestHandlerStatus(t *testing.T) {
	for name, c := range map[string]struct {
		want   int
		answer http.HandlerFunc
	}{
		"no status":           {200, func(http.ResponseWriter, *http.Request) {}},
		"body":                {200, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("OK")); w.WriteHeader(500) }},
		"first status counts": {400, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400); w.WriteHeader(200) }},
		"informational":       {400, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(400) }},
		"flush and continue": {200, func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("X", "y")
			_ = http.NewResponseController(w).Flush()
			<-req.Context().Done()
			panic("too late")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			withWebhook(t, func(t *testing.T, f *fake, a *app) {
				a.answer = c.answer
				f.SetOnline("a", true)
				a.all()
				require.Equal(t, []outcome{{1, c.want, nil}}, f.outcomes())
				time.Sleep(10 * time.Second)
			})
		})
	}
}

func TestHandlerPanics(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"panicked: oh": func(http.ResponseWriter, *http.Request) { panic("oh") },
		"panicked: net/http: abort Handler": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(200)
			panic(http.ErrAbortHandler)
		},
		"panicked: invalid WriteHeader code 99":   answerWith(99),
		"panicked: invalid WriteHeader code 1000": answerWith(1000),
		"ended its goroutine":                     func(http.ResponseWriter, *http.Request) { runtime.Goexit() },
	} {
		t.Run(name, func(t *testing.T) {
			withWebhook(t, func(t *testing.T, f *fake, a *app) {
				a.answer = answer
				f.SetOnline("a", true)
				time.Sleep(time.Minute)
				require.Len(t, a.all(), 3)
				for i, d := range f.Deliveries() {
					require.Equal(t, []int{i + 1, 0}, []int{d.Attempt, d.Status})
					require.EqualError(t, d.Err, "rctest: the handler "+name)
				}
			})
		})
	}
}

func TestWebhookAfterClose(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		f.Close()
		f.SetWebhook(a)
		f.SetWebhookURL("http://127.0.0.1:1")
		f.SetOnline("a", true)
		f.WaitDeliveries()
		f.Close()
		require.Empty(t, a.all())
		require.Empty(t, f.Deliveries())
	})
}

// A webhook set outside a bubble must not stop the time within it.
func TestWebhookSetOutsideABubble(t *testing.T) {
	t.Parallel()
	outside, a := setup(t), &app{}
	outside.SetWebhook(a)
	synctest.Test(t, func(t *testing.T) {
		f := &fake{outside.Server, t, outside.http, outside.base}
		a.start, a.answer = time.Now(), answerWith(500, 200)
		f.ok(deactivatePath, "userId=a")
		time.Sleep(15 * time.Minute)
		f.WaitDeliveries()
		time.Sleep(time.Second)
		require.Equal(t, []time.Duration{15 * time.Minute, 15*time.Minute + time.Second}, a.times())
	})
}

func TestWebhookURL(t *testing.T) {
	t.Parallel()
	f := setup(t)
	base, open := startWebhook(t, func(w http.ResponseWriter, req *http.Request) {
		raw, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		require.Regexp(t, `^\[\{"userid":"a","status":"0","os":"iOS","time":\d{13},`, string(raw))
		require.Equal(t, "/rc/web%20hook", req.URL.EscapedPath())
		require.Regexp(t, `^/rc/web%20hook\?x=1&y=&x=2(&appKey=`+f.Credentials().AppKey+`&nonce=[0-9A-Z]{18}&timestamp=\d{13}&signature=[0-9a-f]{40})?$`, req.RequestURI)
		require.EqualValues(t, len(raw), req.ContentLength)
		require.Equal(t, []string{"POST", "application/json", "rctest"},
			[]string{req.Method, req.Header.Get("Content-Type"), req.Header.Get("User-Agent")})
		_, _ = w.Write([]byte("OK"))
	})
	f.SetWebhookURL(base + "/rc/web%20hook?x=1&y=&x=2#part")
	f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Unsigned})
	f.SetOnline("a", true)
	f.WaitDeliveries()
	require.Equal(t, []outcome{{1, 200, nil}, {1, 200, nil}}, f.outcomes())
	require.Len(t, f.Deliveries()[0].Query, 2)
	q := f.Deliveries()[1].Query
	require.Equal(t, []any{[]string{"1", "2"}, []string{""}}, []any{q["x"], q["y"]})
	require.Equal(t, sign(f.Credentials().AppSecret, q.Get("nonce"), q.Get("timestamp")), q.Get("signature"))
	f.Close()
	require.Eventually(t, func() bool { return open.Load() == 0 }, 5*time.Second, time.Millisecond, "Close closes the connections")
}

func TestWebhookURLWithoutQuery(t *testing.T) {
	t.Parallel()
	f := setup(t)
	base, _ := startWebhook(t, func(_ http.ResponseWriter, req *http.Request) {
		if req.RequestURI != "/" {
			require.Regexp(t, `^/\?appKey=`, req.RequestURI)
		}
	})
	f.SetWebhookURL(base)
	f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Unsigned})
	f.SetOnline("a", true)
	f.WaitDeliveries()
	require.Equal(t, []outcome{{1, 200, nil}, {1, 200, nil}}, f.outcomes())
	require.Empty(t, f.Deliveries()[0].Query)
}

// Connections are reused.
func TestWebhookURLKeepsConnections(t *testing.T) {
	t.Parallel()
	f := setup(t)
	var mu sync.Mutex
	from := map[string]bool{}
	base, _ := startWebhook(t, func(w http.ResponseWriter, req *http.Request) {
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

func TestWebhookURLRedirect(t *testing.T) {
	t.Parallel()
	f := setup(t)
	base, _ := startWebhook(t, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/" {
			http.Redirect(w, req, "/elsewhere", http.StatusTemporaryRedirect)
		}
	})
	f.SetWebhookURL(base)
	f.SetOnline("a", true)
	f.WaitDeliveries()
	require.Equal(t, []outcome{{1, 307, nil}}, f.outcomes())
}

func TestWebhookURLConnectionRefused(t *testing.T) {
	t.Parallel()
	f := setup(t)
	base, _ := startWebhook(t, nil)
	closed := httptest.NewServer(nil)
	closed.Close()
	f.SetWebhookURL(base)
	f.SetWebhookURL(closed.URL)
	f.SetOnline("a", true)
	for range 2 {
		f.WaitDeliveries()
		f.Advance(time.Second)
	}
	f.WaitDeliveries()
	require.Len(t, f.Deliveries(), 3)
	for _, d := range f.Deliveries() {
		require.ErrorIs(t, d.Err, syscall.ECONNREFUSED)
		require.NotErrorAs(t, d.Err, new(*url.Error), "its text contains the signature")
	}
}

func TestInvalidWebhookURL(t *testing.T) {
	t.Parallel()
	srv := rctest.NewServer()
	for _, bad := range []string{"/path", "ftp://example.com", "http://", "http:///x", "https:opaque", "example.com", "http://:80", "http://a b", ":"} {
		require.Panics(t, func() { srv.SetWebhookURL(bad) }, bad)
	}
	srv.SetWebhookURL("")
}
