package rctest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

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
