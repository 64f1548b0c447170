package rctest_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func TestListen(t *testing.T) {
	t.Parallel()
	f := setup(t)
	token := f.register("a")
	f.base = f.Listen()
	require.Regexp(t, `^http://127\.0\.0\.1:\d+$`, f.base)
	require.Equal(t, f.base, f.Listen())
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	f.http = &http.Client{Transport: transport}
	require.Equal(t, "N", f.ok(infoPath, "userId=a")["userName"])
	f.refused("/no/such.json", "", 404, 404)
	require.True(t, f.ValidToken("a", token))
	require.Len(t, f.call(infoPath, "userId=a").header.Values("Date"), 1)

	var dialer net.Dialer
	idle, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(f.base, "http://"))
	require.NoError(t, err)
	defer func() { _ = idle.Close() }()
	start := time.Now()
	f.Close()
	require.Less(t, time.Since(start), 4*time.Second, "Close doesn't wait for a connection without a request")
	transport.CloseIdleConnections() // otherwise it might use a kept connection that Close has ended
	_, err = f.http.Do(f.request(infoPath, "userId=a"))
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	f.Close()
}

func TestServeHTTP(t *testing.T) {
	t.Parallel()
	f := setup(t)
	outer := httptest.NewServer(http.StripPrefix("/rc", f.Server))
	defer outer.Close()
	f.base, f.http = outer.URL+"/rc", outer.Client()
	f.register("a")
	f.Close()
	require.Equal(t, "N", f.ok(infoPath, "userId=a")["userName"])

	w := httptest.NewRecorder()
	f.ServeHTTP(w, &http.Request{})
	require.Equal(t, 404, w.Code)
	req := f.request(infoPath, "userId=a")
	req.Body = &failingBody{err: io.ErrUnexpectedEOF}
	w = httptest.NewRecorder()
	f.ServeHTTP(w, req)
	require.Equal(t, 404, w.Code) // the path has the prefix, which isn't stripped here
}

func TestServeHTTPWithFaults(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, kind := range []rctest.FaultKind{rctest.ResetBefore, rctest.LostAnswer, rctest.Cut} {
		f.Inject(rctest.Fault{Kind: kind})
		require.PanicsWithValue(t, http.ErrAbortHandler, func() { f.ServeHTTP(httptest.NewRecorder(), f.request(blockPath, banForm)) })
	}
	f.Inject(rctest.Fault{Code: 1000, Host: rctest.BackupHost, Times: rctest.Always})
	f.Inject(rctest.Fault{HeaderDelay: time.Hour, Endpoint: unblockPath})
	for host, status := range map[string]int{
		"backup.rctest.invalid": 500, "BACKUP.rctest.invalid:8443": 500, "primary.rctest.invalid": 200, "localhost:80": 200, "": 200,
	} {
		req, w := f.request(blockPath, banForm), httptest.NewRecorder()
		req.Host = host
		f.ServeHTTP(w, req)
		require.Equal(t, status, w.Code, host)
	}
	f.Close()
	require.Panics(t, func() { f.ServeHTTP(httptest.NewRecorder(), f.request(unblockPath, banForm)) }, "HeaderDelay doesn't wait after Close")
}

// The hosts can be mounted at different places, whatever the names in the requests.
func TestHandler(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.Inject(rctest.Fault{Code: 1000, Host: rctest.BackupHost, Times: rctest.Always})
	for host, code := range map[rctest.Host]int{rctest.PrimaryHost: 200, rctest.BackupHost: 1000} {
		mux := http.NewServeMux()
		mux.Handle("/rc/", http.StripPrefix("/rc", f.Handler(host)))
		base, _ := startWebhook(t, mux.ServeHTTP)
		f.usePort(base + "/rc")
		require.Equal(t, code, f.call(blockPath, banForm).code())
		req := f.request(blockPath, banForm)
		req.Host = "backup.rctest.invalid"
		require.Equal(t, code, f.do(req).code(), "the name doesn't matter")
	}
	f.Close()
	w := httptest.NewRecorder()
	f.base = "http://other.example"
	f.Handler(rctest.PrimaryHost).ServeHTTP(w, f.request(blockPath, banForm))
	require.Equal(t, 200, w.Code, "it works after Close")
	for _, host := range []rctest.Host{rctest.AnyHost, -1, 3} {
		require.Panics(t, func() { f.Handler(host) })
	}
}

// The server reads only part of a large body. A call that hangs must still end when its client gives up.
func TestHangWithALargeBody(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ended := make(chan struct{})
	outer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer close(ended)
		f.ServeHTTP(w, req)
	}))
	defer outer.Close()
	f.usePort(outer.URL)
	f.Inject(rctest.Fault{Kind: rctest.Hang})
	ctx, cancel := context.WithCancel(t.Context())
	var got result
	var group sync.WaitGroup
	group.Go(func() { got = f.try(f.request(blockPath, string(make([]byte, 3<<20))).WithContext(ctx)) })
	f.waitForRequest()
	cancel()
	group.Wait()
	require.ErrorIs(t, got.err, context.Canceled)
	<-ended
}

func TestClose(t *testing.T) {
	t.Parallel()
	f := setup(t)
	token := f.register("a")
	f.Close()
	f.Close()
	resp, err := f.http.Do(f.request(infoPath, "userId=a"))
	require.Nil(t, resp)
	var dial *net.OpError
	require.ErrorAs(t, err, &dial)
	require.Equal(t, "dial", dial.Op)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.True(t, f.ValidToken("a", token), "the state can be read after Close")
	require.Panics(t, func() { f.Listen() })
}
