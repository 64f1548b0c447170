package rctest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
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

func TestServersDiffer(t *testing.T) {
	t.Parallel()
	a, b := rctest.NewServer(), rctest.NewServer()
	require.NotEqual(t, a.AppKey, b.AppKey)
	require.NotEqual(t, a.AppSecret, b.AppSecret)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	f := setup(t)
	cfg := f.Config()
	require.Equal(t, []string{f.AppKey, f.AppSecret}, []string{cfg.AppKey, cfg.AppSecret})
	require.Equal(t, time.UTC, cfg.DataCenter.Location)
	f.register("a")
	f.base = cfg.DataCenter.Backup
	require.Equal(t, "N", f.ok(info, "userId=a")["userName"], "the hosts are one server")
	require.Equal(t, "backup.rctest.invalid", f.Requests()[1].Host)
}

func TestUnknownHost(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.base = "https://api.rong-api.com"
	resp, err := f.http.Do(f.request(info, "userId=a"))
	require.Nil(t, resp)
	var dial *net.OpError
	require.ErrorAs(t, err, &dial)
	require.Equal(t, "dial", dial.Op)
	var dns *net.DNSError
	require.ErrorAs(t, err, &dns)
	require.Empty(t, f.Requests())
}

// body is one that can't be read, and knows whether it was closed.
type body struct {
	err    error
	closed bool
}

func (b *body) Read([]byte) (int, error) { return 0, b.err }
func (b *body) Close() error             { b.closed = true; return nil }

func TestTransportEndsEarly(t *testing.T) {
	t.Parallel()
	f := setup(t)
	cause := errors.New("broken")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for _, c := range []context.Context{t.Context(), ctx} {
		b := &body{err: cause}
		req := f.request(info, "userId=a").WithContext(c)
		req.Body = b
		resp, err := f.http.Transport.RoundTrip(req)
		require.Nil(t, resp)
		require.ErrorIs(t, err, cause)
		require.True(t, b.closed)
	}
	_, err := f.http.Transport.RoundTrip(&http.Request{})
	require.Error(t, err)
	require.Empty(t, f.Requests())
	f.http.Timeout = time.Nanosecond
	_, err = f.http.Do(f.request(info, "userId=a"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestTransportClosesTheBody(t *testing.T) {
	t.Parallel()
	f := setup(t)
	b := &body{err: io.EOF}
	req := f.request(blockQuery, "")
	req.Body = b
	f.do(req)
	require.True(t, b.closed)
	req.Body = nil
	f.do(req)
}

func TestClose(t *testing.T) {
	t.Parallel()
	f := setup(t)
	token := f.register("a")
	f.Close()
	f.Close()
	resp, err := f.http.Do(f.request(info, "userId=a"))
	require.Nil(t, resp)
	var dial *net.OpError
	require.ErrorAs(t, err, &dial)
	require.Equal(t, "dial", dial.Op)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.True(t, f.ValidToken("a", token), "what it knows can still be looked at")
	require.Panics(t, func() { f.Listen() })
}

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
	require.Equal(t, "N", f.ok(info, "userId=a")["userName"])
	f.refused("/no/such.json", "", 404, 404)
	require.True(t, f.ValidToken("a", token))
	require.Len(t, f.call(info, "userId=a").header.Values("Date"), 1)

	var dialer net.Dialer
	idle, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(f.base, "http://"))
	require.NoError(t, err)
	defer func() { _ = idle.Close() }()
	start := time.Now()
	f.Close()
	require.Less(t, time.Since(start), 4*time.Second, "a connection without a request is not waited for")
	transport.CloseIdleConnections() // else it may find out only now that a kept one has ended
	_, err = f.http.Do(f.request(info, "userId=a"))
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
	require.Equal(t, "N", f.ok(info, "userId=a")["userName"])

	w := httptest.NewRecorder()
	f.ServeHTTP(w, &http.Request{})
	require.Equal(t, 404, w.Code)
	req := f.request(info, "userId=a")
	req.Body = &body{err: io.ErrUnexpectedEOF}
	w = httptest.NewRecorder()
	f.ServeHTTP(w, req)
	require.Equal(t, 404, w.Code) // the prefix is there
}

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	srv := rctest.NewServer()
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	holder := struct{ S any }{srv}
	for _, v := range []any{srv, *srv, holder, []*rctest.Server{srv}, []rctest.Server{*srv}, map[string]rctest.Server{"x": *srv}, srv.Config(), srv.Config().HTTPClient.Transport} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%30v"} {
			text := fmt.Sprintf(verb, v)
			require.NotContains(t, text, srv.AppSecret, verb)
			require.NotContains(t, text, fmt.Sprintf("%x", srv.AppSecret), verb)
			require.NotContains(t, text, fmt.Sprintf("%X", srv.AppSecret), verb)
		}
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		require.NotContains(t, string(raw), srv.AppSecret)
		logger.Info("x", "v", v)
	}
	require.NotContains(t, log.String(), srv.AppSecret)
	require.Contains(t, srv.String(), srv.AppKey)
	require.Contains(t, log.String(), srv.AppKey)
}

func TestUserIsACopy(t *testing.T) {
	t.Parallel()
	f := setup(t)
	token := f.register("a")
	f.ok(blacklistAdd, "userId=a&blackUserId=x")
	f.ok(whitelistAdd, "userId=a&whiteUserId=y")
	u := f.User("a")
	u.Blocklist[0], u.Allowlist[0], u.Tokens[0].Value = "changed", "changed", "changed"
	u = f.User("a")
	require.Equal(t, []string{"x", "y", token}, []string{u.Blocklist[0], u.Allowlist[0], u.Tokens[0].Value})
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	f := setup(t, rctest.EnforceRateLimits())
	overSocket := f.Listen()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	paths := []string{
		getToken, expire, info, refresh, block, unblock, blockQuery, checkOnline, blacklistAdd, blacklistQuery,
		settingSet, settingQuery, whitelistAdd, whitelistRemove, deactivate, deactivatedQuery, reactivate,
	}
	var group sync.WaitGroup
	for i := range 64 {
		mine := &fake{f.Server, t, f.http, f.base}
		if i%4 == 0 {
			mine.http, mine.base = &http.Client{Transport: transport}, overSocket
		}
		group.Go(func() {
			for j := range 40 {
				id := fmt.Sprint("u", (i+j)%5)
				mine.call(paths[(i*7+j)%len(paths)], "userId="+id+"&name=N&time=1&minute=1&blackUserId=b&whiteUserId=w&whiteSetting=1")
				mine.SetOnline(id, true)
				mine.Advance(time.Second)
				mine.ValidToken(id, "x")
				mine.CanMessage(id, "u0")
				mine.User(id)
			}
		})
	}
	group.Go(func() { f.Requests(); f.Now(); f.Config() })
	group.Wait()
	require.Len(t, f.Requests(), 64*40)
	f.Close()
}
