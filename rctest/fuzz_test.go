package rctest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func FuzzServeHTTP(f *testing.F) {
	for _, path := range []string{
		getToken, expire, info, refresh, block, unblock, blockQuery, checkOnline, blacklistAdd, blacklistRemove, blacklistQuery,
		settingSet, settingQuery, whitelistAdd, whitelistRemove, whitelistQuery, deactivate, deactivatedQuery, reactivate, "//x", "",
	} {
		f.Add(path, "userId=a&name=N&time=1&minute=1&blackUserId=b&whiteUserId=c&whiteSetting=1&size=1&page=1", "14314", "1408710653000", "r", true)
		f.Add(path, "userId=%zz&size=99999999999999999999&pageToken=AAAAAAAAAAAAAAAA&pageNo=2147483647", "", "-1", "\r\n", false)
	}
	f.Fuzz(func(t *testing.T, path, form, nonce, timestamp, requestID string, strict bool) {
		var opts []rctest.Option
		if strict {
			opts = append(opts, rctest.Strict(), rctest.EnforceRateLimits(), rctest.Development())
		}
		srv := rctest.NewServer(opts...)
		for range 2 {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(form))
			req.URL = &url.URL{Path: path}
			req.Header = http.Header{
				"App-Key": {srv.AppKey}, "Nonce": {nonce}, "Timestamp": {timestamp}, "X-Request-Id": {requestID},
				"Signature": {sign(srv.AppSecret, nonce, timestamp)}, "Content-Type": {"application/x-www-form-urlencoded"},
			}
			w := httptest.NewRecorder()
			srv.ServeHTTP(w, req)
			var body struct{ Code int }
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
			require.Equal(t, w.Code == http.StatusOK, body.Code == 200)
			require.Equal(t, body.Code, srv.Requests()[0].Code)
			srv.User("a")
			srv.CanMessage("a", "b")
		}
	})
}

// Whatever a fault is, it is refused when it is injected, or a call either fails or gets an answer that HTTP allows,
// the same one in memory and from a handler.
func FuzzFault(f *testing.F) {
	for _, c := range faultCases {
		name, value := "", ""
		for n, values := range c.fault.Header {
			name, value = n, strings.Join(values, " ")
		}
		f.Add(int(c.fault.Kind), c.fault.Code, c.fault.Status, c.fault.Body, c.fault.BodySize, name, value, c.fault.RetryAfter,
			int64(c.fault.HeaderDelay), int64(c.fault.BodyDelay), int64(c.fault.ClockOffset), c.fault.Applied)
	}
	f.Fuzz(func(t *testing.T, kind, code, status int, body string, size int64, name, value, retryAfter string,
		headerDelay, bodyDelay, offset int64, applied bool,
	) {
		fault := rctest.Fault{
			Times: 2, Kind: rctest.FaultKind(kind),
			Code: code, Status: status, Body: body, BodySize: size % (1 << 16), RetryAfter: retryAfter, Applied: applied,
			HeaderDelay: time.Duration(headerDelay), BodyDelay: time.Duration(bodyDelay), ClockOffset: time.Duration(offset),
		}
		if http.CanonicalHeaderKey(name) == "Location" {
			value = "/x" // net/http's client keeps an answer to itself if it doesn't understand that
		}
		if name != "" {
			fault.Header = http.Header{name: {value}}
		}
		synctest.Test(t, func(t *testing.T) { compareWays(t, fault) })
	})
}

func compareWays(t *testing.T, fault rctest.Fault) {
	f := setup(t)
	f.http.CheckRedirect = noRedirects
	if reason := attempt(func() { f.Inject(fault) }); reason != nil {
		require.Contains(t, reason, "rctest: Inject: ")
		return
	}
	request := func() *http.Request {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Hour)
		t.Cleanup(cancel)
		return f.request(block, ban).WithContext(ctx)
	}
	inMemory, w := f.try(request()), httptest.NewRecorder()
	aborted := attempt(func() { f.ServeHTTP(w, request()) })
	require.Equal(t, 2, f.FaultHits())
	require.Equal(t, inMemory.failure() == nil, aborted == nil)
	if inMemory.err != nil {
		return
	}
	other := w.Result()
	rest, err := io.ReadAll(other.Body)
	require.NoError(t, err)
	require.Equal(t, []any{other.StatusCode, string(rest)}, []any{inMemory.status, inMemory.body})
	require.GreaterOrEqual(t, other.StatusCode, 200)
	inMemory.header.Del("Date")
	other.Header.Del("Date")
	require.Equal(t, other.Header, inMemory.header)
}

// attempt returns what f panics with.
func attempt(f func()) (reason any) {
	defer func() { reason = recover() }()
	f()
	return nil
}
