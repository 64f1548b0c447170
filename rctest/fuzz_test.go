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
	for _, path := range append(rctest.Paths(), "//x", "") {
		f.Add(path, "userId=a&name=N&time=1&minute=1&blackUserId=b&whiteUserId=c&whiteSetting=1&size=1&page=1", "14314", "1408710653000", "r", "application/x-www-form-urlencoded", true)
		f.Add(path, "userId=%zz&size=99999999999999999999&pageToken=AAAAAAAAAAAAAAAA&pageNo=2147483647", "", "-1", "\r\n", "application/x-www-form-urlencoded;charset=;\x80", false)
		f.Add(path, "\ufeffuserId=a&userId=b,c&;&&name=\xff", "0.5", "1408710653", "", "", false)
	}
	f.Fuzz(func(t *testing.T, path, form, nonce, timestamp, requestID, contentType string, strict bool) {
		var opts []rctest.Option
		if strict {
			opts = append(opts, rctest.Strict(), rctest.EnforceRateLimits(), rctest.Development())
		}
		srv := rctest.NewServer(opts...)
		for range 2 {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(form))
			req.URL = &url.URL{Path: path}
			req.Header = http.Header{
				"App-Key": {srv.Credentials().AppKey}, "Nonce": {nonce}, "Timestamp": {timestamp}, "X-Request-Id": {requestID},
				"Signature": {sign(srv.Credentials().AppSecret, nonce, timestamp)}, "content-type": {contentType},
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

// Inject refuses a fault, or a call with it either fails or gets an answer that HTTP allows. In both cases the result
// must be the same in memory and through ServeHTTP.
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
			value = "/x" // net/http's client returns an error, and no answer, for an invalid one
		}
		if name != "" {
			fault.Header = http.Header{name: {value}}
		}
		synctest.Test(t, func(t *testing.T) { compareMemoryAndHandler(t, fault) })
	})
}

func compareMemoryAndHandler(t *testing.T, fault rctest.Fault) {
	f := setup(t)
	f.http.CheckRedirect = noRedirects
	if problem := recovered(func() { f.Inject(fault) }); problem != nil {
		require.Contains(t, problem, "rctest: Inject: ")
		return
	}
	request := func() *http.Request {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Hour)
		t.Cleanup(cancel)
		return f.request(blockPath, banForm).WithContext(ctx)
	}
	inMemory, w := f.try(request()), httptest.NewRecorder()
	aborted := recovered(func() { f.ServeHTTP(w, request()) })
	require.Equal(t, 2, f.FaultHits())
	require.Equal(t, inMemory.failure() == nil, aborted == nil)
	if inMemory.err != nil {
		return
	}
	throughHandler := w.Result()
	body, err := io.ReadAll(throughHandler.Body)
	require.NoError(t, err)
	require.Equal(t, []any{throughHandler.StatusCode, string(body)}, []any{inMemory.status, inMemory.body})
	require.GreaterOrEqual(t, throughHandler.StatusCode, 200)
	for _, random := range []string{"Date", "X-Request-Id"} {
		require.Equal(t, throughHandler.Header[random] == nil, inMemory.header[random] == nil)
		inMemory.header.Del(random)
		throughHandler.Header.Del(random)
	}
	require.Equal(t, throughHandler.Header, inMemory.header)
}

// recovered returns the value that f panics with, or nil.
func recovered(f func()) (value any) {
	defer func() { value = recover() }()
	f()
	return nil
}
