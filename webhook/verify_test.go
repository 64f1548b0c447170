package webhook_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

var anyTime = webhook.Window{Past: webhook.Unlimited, Future: webhook.Unlimited}

// TestVerifyVectors has digests that were computed independently, including the documentation's own, under all parameter
// names.
func TestVerifyVectors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		secret, query string
		at            time.Time
	}{
		{testAppSecret, "appKey=app-key-7&nonce=14314&timestamp=1408710653000&signature=30be0bbca9c9b2e27578701e9fda2358a814c88f", time.UnixMilli(1408710653000)},
		{testAppSecret, "nonce=14314&timestamp=1408710653000&signature=30be0bbca9c9b2e27578701e9fda2358a814c88f", time.UnixMilli(1408710653000)},
		{testAppSecret, "nonce=14314&timestamp=1408710653491&signature=dd11a264276f438b045b3b236a2741ddc89d48df", time.UnixMilli(1408710653491)},
		{testAppSecret, "signTimestamp=1408710653491&nonce=14314&signature=dd11a264276f438b045b3b236a2741ddc89d48df", time.UnixMilli(1408710653491)},
		{testAppSecret, "appKey=app-key-7&signTimestamp=1408706337&nonce=14314&signature=e107e3819638b81a00383951d1d871197910ffe6", time.Unix(1408706337, 0)},
		{testAppSecret, "rc-nonce=14314&rc-timestamp=1408706337&rc-signature=e107e3819638b81a00383951d1d871197910ffe6", time.Unix(1408706337, 0)},
		{testAppSecret, "appKey=app-key-7&rc-nonce=14314&rc-timestamp=1408710653000&rc-signature=30be0bbca9c9b2e27578701e9fda2358a814c88f", time.UnixMilli(1408710653000)},
		{"uwd1c0sxdlx2", "nonce=14314&timestamp=1408706337&signature=45beb7cc7307889a8e711219a47b7cf6a5b000e8", time.Unix(1408706337, 0)},
		{testAppSecret, "room=7&nonce=14314&&x&timestamp=1408710653000&signature=30be0bbca9c9b2e27578701e9fda2358a814c88f&room=8", time.UnixMilli(1408710653000)},
		{testAppSecret, "%6eonce=1%34314&timestamp=1408710653000&signature=30be0bbca9c9b2e27578701e9fda2358a814c88f", time.UnixMilli(1408710653000)},
	} {
		request := newRequest(tc.query, "anything")
		verified, err := webhook.Verify(request, anyTime, rcuser.Credentials{AppKey: testAppKey, AppSecret: tc.secret})
		require.NoError(t, err, tc.query)
		require.Equal(t, testAppKey, verified.AppKey)
		require.True(t, tc.at.Equal(verified.SignedAt), "%v", verified.SignedAt)
		require.Len(t, verified.ReplayKey, 40)
		require.Contains(t, tc.query, verified.ReplayKey)
	}
}

// TestWrongSignatureInDocumentation checks that the pair of values in RC's documentation, which doesn't match, is
// refused.
func TestWrongSignatureInDocumentation(t *testing.T) {
	t.Parallel()
	for _, query := range []string{
		"signTimestamp=1408710653491&nonce=14314&signature=45beb7cc7307889a8e711219a47b7cf6a5b000e8",
		"appKey=uwd1c0sxdlx2&nonce=14314&timestamp=1408710653491&signature=45beb7cc7307889a8e711219a47b7cf6a5b000e8",
		"nonce=14314&timestamp=1408710653000&signature=890b422b75c1c5cb706e4f7921df1d94e69c17f4",
	} {
		for _, secret := range []string{testAppSecret, "uwd1c0sxdlx2"} {
			_, err := webhook.Verify(newRequest(query, ""), anyTime, rcuser.Credentials{AppKey: "uwd1c0sxdlx2", AppSecret: secret})
			requireReason(t, webhook.ErrSignature, err)
		}
	}
}

// TestAcceptedNonces has nonces that RC or one of its SDKs may send, up to the longest that is accepted.
func TestAcceptedNonces(t *testing.T) {
	t.Parallel()
	for _, nonce := range []string{
		"0", "000000000000000001", "0.8234719823471982", "aZ09._-", "550e8400-e29b-41d4-a716-446655440000", strings.Repeat("z", 64),
	} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t)
			require.Equal(t, answers.ok, receiver.serve(validRequest(nonce)), nonce)
			require.Len(t, receiver.dispatched(), 1)
		})
	}
}

// TestSecretRotation checks that both secrets are accepted during a rotation, each with its own key only.
func TestSecretRotation(t *testing.T) {
	t.Parallel()
	older, newer := rcuser.Credentials{AppKey: "old-key", AppSecret: "old-secret"}, rcuser.Credentials{AppKey: "new-key", AppSecret: "new-secret"}
	sameKey := rcuser.Credentials{AppKey: "old-key", AppSecret: "new-secret"}
	sign := func(secret, appKey string) *http.Request {
		query := "nonce=7&timestamp=1408710653000&signature=" + digest(secret, "7", "1408710653000")
		if appKey != "" {
			query += "&appKey=" + appKey
		}
		return newRequest(query, "")
	}
	for _, tc := range []struct {
		name        string
		request     *http.Request
		credentials []rcuser.Credentials
		key         string
		reason      webhook.Reason
	}{
		{"the old one", sign("old-secret", "old-key"), []rcuser.Credentials{older, newer}, "old-key", 0},
		{"the new one", sign("new-secret", "new-key"), []rcuser.Credentials{older, newer}, "new-key", 0},
		{"the old one, without a key", sign("old-secret", ""), []rcuser.Credentials{older, newer}, "old-key", 0},
		{"the new one, without a key", sign("new-secret", ""), []rcuser.Credentials{older, newer}, "new-key", 0},
		{"one key, the old secret", sign("old-secret", "old-key"), []rcuser.Credentials{older, sameKey}, "old-key", 0},
		{"one key, the new secret", sign("new-secret", "old-key"), []rcuser.Credentials{older, sameKey}, "old-key", 0},
		{"one secret for two keys, the first", sign("new-secret", "new-key"), []rcuser.Credentials{newer, sameKey}, "new-key", 0},
		{"one secret for two keys, the last", sign("new-secret", "old-key"), []rcuser.Credentials{newer, sameKey}, "old-key", 0},
		{"the old secret, the new key", sign("old-secret", "new-key"), []rcuser.Credentials{older, newer}, "", webhook.ErrAppKey},
		{"the new secret, the old key", sign("new-secret", "old-key"), []rcuser.Credentials{older, newer}, "", webhook.ErrAppKey},
		{"after the rotation", sign("old-secret", "old-key"), []rcuser.Credentials{newer}, "", webhook.ErrSignature},
		{"both secrets", sign("old-secretnew-secret", "old-key"), []rcuser.Credentials{older, newer}, "", webhook.ErrSignature},
	} {
		verified, err := webhook.Verify(tc.request, anyTime, tc.credentials...)
		if tc.reason != 0 {
			requireReason(t, tc.reason, err)
			require.Zero(t, verified, tc.name)
			continue
		}
		require.NoError(t, err, tc.name)
		require.Equal(t, tc.key, verified.AppKey, tc.name)
	}
}

// TestVerifyDoesNotReadTheBody also checks that the same request verifies again.
func TestVerifyDoesNotReadTheBody(t *testing.T) {
	t.Parallel()
	body := &endlessBody{}
	request := httptest.NewRequest(http.MethodPost, "/", body)
	request.ContentLength = 1 << 40 // Verify doesn't check the size
	request.URL.RawQuery = "nonce=14314&timestamp=1408710653000&signature=30be0bbca9c9b2e27578701e9fda2358a814c88f"
	first, err := webhook.Verify(request, anyTime, validCredentials)
	require.NoError(t, err)
	second, err := webhook.Verify(request, anyTime, validCredentials)
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.Zero(t, body.bytesRead.Load())
}

// TestSign compares Sign with an independently computed digest.
func TestSign(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(-time.Minute).Add(123 * time.Microsecond)
	request := newRequest("room=7&nonce=old&nonce=older&signature=x&appKey=y&timestamp=1", "body")
	request.Header.Set("X-Own", "kept")
	seen := map[string]bool{}
	for range 100 {
		webhook.Sign(request, validCredentials, at)
		query := request.URL.Query()
		require.Len(t, query, 5)
		for name, values := range query {
			require.Len(t, values, 1, name)
		}
		require.Equal(t, "7", query.Get("room"))
		require.Equal(t, testAppKey, query.Get("appKey"))
		require.Equal(t, inMillis(at), query.Get("timestamp"))
		require.LessOrEqual(t, len(query.Get("nonce")), 18, "RC's documented maximum")
		require.Equal(t, digest(testAppSecret, query.Get("nonce"), inMillis(at)), query.Get("signature"))
		seen[query.Get("nonce")] = true
	}
	require.Len(t, seen, 100)
	require.Equal(t, "kept", request.Header.Get("X-Own"))
	verified, err := webhook.Verify(request, webhook.Window{}, validCredentials)
	require.NoError(t, err)
	require.True(t, at.Truncate(time.Millisecond).Equal(verified.SignedAt))
}

// FuzzVerify searches for a request that verifies but has other values than the one that was signed. The window is
// unlimited, so that only the signature is checked.
func FuzzVerify(f *testing.F) {
	f.Add("POST", vectorQuery)
	f.Add("GET", vectorQuery)
	f.Add("POST", "rc-nonce=14314&rc-timestamp=1408710653000&rc-signature="+vectorSignature)
	f.Add("POST", "nonce=1431%34&signTimestamp=1408710653000&x=%7e&signature="+vectorSignature)
	f.Add("POST", "nonce=143141&timestamp=408710653000&signature="+vectorSignature)
	f.Add("POST", "nonce=1431&timestamp=41408710653000&signature="+vectorSignature)
	f.Add("POST", "nonce=14314140&timestamp=8710653000&signature="+vectorSignature)
	f.Add("POST", "nonce=143141408710653000%80%00&timestamp=1408710653000&signature="+vectorSignature)
	f.Add("POST", vectorQuery+"&nonce=14314;signature=%zz")
	f.Fuzz(func(t *testing.T, method, query string) {
		request := &http.Request{Method: method, URL: &url.URL{Path: "/", RawQuery: query}}
		verified, err := webhook.Verify(request, anyTime, validCredentials)
		if err != nil {
			var failure *webhook.Error
			if !errors.As(err, &failure) || failure.Reason < webhook.ErrMethod || failure.Reason > webhook.ErrFuture || verified != (webhook.Verified{}) {
				t.Fatalf("%v, %+v", err, verified)
			}
			if strings.Contains(err.Error(), vectorSignature) {
				t.Fatalf("the error has the signature: %v", err)
			}
			return
		}
		values := request.URL.Query()
		is := func(name, want string, more ...string) bool { // exactly once, under one of its names
			var all []string
			for _, name := range append(more, name) {
				all = append(all, values[name]...)
			}
			return slices.Equal(all, []string{want})
		}
		if method != http.MethodPost || !is("nonce", "14314", "rc-nonce") ||
			!is("timestamp", "1408710653000", "signTimestamp", "rc-timestamp") || !is("signature", vectorSignature, "rc-signature") ||
			values.Has("appKey") && !is("appKey", testAppKey) || verified.ReplayKey != vectorSignature || verified.AppKey != testAppKey {
			t.Fatalf("%s %q verifies: %+v", method, query, verified)
		}
	})
}

// TestUnusableCredentials checks that incomplete credentials are an error: with an empty secret, anyone could sign.
func TestUnusableCredentials(t *testing.T) {
	t.Parallel()
	for name, list := range map[string][]rcuser.Credentials{
		"none":               nil,
		"no secret":          {{AppKey: testAppKey}},
		"no key":             {{AppSecret: testAppSecret}},
		"no secret, not all": {validCredentials, {AppKey: "other"}},
		"no key, not all":    {validCredentials, {AppSecret: "other"}},
	} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t, func(c *webhook.Config) { c.Credentials = returnCredentials(list...) })
			request := validRequest(testNonce)
			if name != "none" {
				signWith(list[0].AppSecret, testNonce, inMillis(startTime))(request)
			}
			_, err := webhook.Verify(request, webhook.Window{}, list...)
			requireReason(t, webhook.ErrCredentials, err)
			require.Equal(t, answers.credentials, receiver.serve(request), name)
			require.Empty(t, receiver.dispatched())
			requireNoSecrets(t, request, err.Error(), receiver.log.String())
		})
	}
}
