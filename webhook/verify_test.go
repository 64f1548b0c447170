package webhook_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

var anyTime = webhook.Window{Past: webhook.Unlimited, Future: webhook.Unlimited}

// TestVectors has digests that are computed elsewhere, the documentation's own among them, under all names that RC gave
// the parameters.
func TestVectors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		secret, query string
		at            time.Time
	}{
		{goodSecret, "appKey=app-key-7&nonce=14314&timestamp=1408710653000&signature=30be0bbca9c9b2e27578701e9fda2358a814c88f", time.UnixMilli(1408710653000)},
		{goodSecret, "nonce=14314&timestamp=1408710653000&signature=30be0bbca9c9b2e27578701e9fda2358a814c88f", time.UnixMilli(1408710653000)},
		{goodSecret, "nonce=14314&timestamp=1408710653491&signature=dd11a264276f438b045b3b236a2741ddc89d48df", time.UnixMilli(1408710653491)},
		{goodSecret, "signTimestamp=1408710653491&nonce=14314&signature=dd11a264276f438b045b3b236a2741ddc89d48df", time.UnixMilli(1408710653491)},
		{goodSecret, "appKey=app-key-7&signTimestamp=1408706337&nonce=14314&signature=e107e3819638b81a00383951d1d871197910ffe6", time.Unix(1408706337, 0)},
		{goodSecret, "rc-nonce=14314&rc-timestamp=1408706337&rc-signature=e107e3819638b81a00383951d1d871197910ffe6", time.Unix(1408706337, 0)},
		{goodSecret, "appKey=app-key-7&rc-nonce=14314&rc-timestamp=1408710653000&rc-signature=30be0bbca9c9b2e27578701e9fda2358a814c88f", time.UnixMilli(1408710653000)},
		{"uwd1c0sxdlx2", "nonce=14314&timestamp=1408706337&signature=45beb7cc7307889a8e711219a47b7cf6a5b000e8", time.Unix(1408706337, 0)},
		{goodSecret, "room=7&nonce=14314&&x&timestamp=1408710653000&signature=30be0bbca9c9b2e27578701e9fda2358a814c88f&room=8", time.UnixMilli(1408710653000)},
		{goodSecret, "%6eonce=1%34314&timestamp=1408710653000&signature=30be0bbca9c9b2e27578701e9fda2358a814c88f", time.UnixMilli(1408710653000)},
	} {
		request := post(tc.query, "anything")
		verified, err := webhook.Verify(request, anyTime, rcuser.Credentials{AppKey: goodKey, AppSecret: tc.secret})
		require.NoError(t, err, tc.query)
		require.Equal(t, goodKey, verified.AppKey)
		require.True(t, tc.at.Equal(verified.SignedAt), "%v", verified.SignedAt)
		require.Len(t, verified.ReplayKey, 40)
		require.Contains(t, tc.query, verified.ReplayKey)
	}
}

// TestPlaceholder: the documentation's pages print this pair, and it is wrong. Who finds it accepted has a verifier that
// verifies nothing.
func TestPlaceholder(t *testing.T) {
	t.Parallel()
	for _, query := range []string{
		"signTimestamp=1408710653491&nonce=14314&signature=45beb7cc7307889a8e711219a47b7cf6a5b000e8",
		"appKey=uwd1c0sxdlx2&nonce=14314&timestamp=1408710653491&signature=45beb7cc7307889a8e711219a47b7cf6a5b000e8",
		"nonce=14314&timestamp=1408710653000&signature=890b422b75c1c5cb706e4f7921df1d94e69c17f4",
	} {
		for _, secret := range []string{goodSecret, "uwd1c0sxdlx2"} {
			_, err := webhook.Verify(post(query, ""), anyTime, rcuser.Credentials{AppKey: "uwd1c0sxdlx2", AppSecret: secret})
			requireReason(t, webhook.ErrSignature, err)
		}
	}
}

// TestNonces are all that RC or one of its SDKs might send, up to the longest that is taken.
func TestNonces(t *testing.T) {
	t.Parallel()
	for _, nonce := range []string{
		"0", "000000000000000001", "0.8234719823471982", "aZ09._-", "550e8400-e29b-41d4-a716-446655440000", strings.Repeat("z", 64),
	} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t)
			require.Equal(t, answers.ok, receiver.serve(fresh(nonce)), nonce)
			require.Len(t, receiver.received(), 1)
		})
	}
}

// TestRotation: while a secret is rotated RC may sign with either, and each secret belongs to its own key.
func TestRotation(t *testing.T) {
	t.Parallel()
	older, newer := rcuser.Credentials{AppKey: "old-key", AppSecret: "old-secret"}, rcuser.Credentials{AppKey: "new-key", AppSecret: "new-secret"}
	sameKey := rcuser.Credentials{AppKey: "old-key", AppSecret: "new-secret"}
	sign := func(secret, appKey string) *http.Request {
		query := "nonce=7&timestamp=1408710653000&signature=" + digest(secret, "7", "1408710653000")
		if appKey != "" {
			query += "&appKey=" + appKey
		}
		return post(query, "")
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

// TestVerifyLeavesTheRequest: who verifies themselves still has the body, and verifies as often as they like.
func TestVerifyLeavesTheRequest(t *testing.T) {
	t.Parallel()
	body := &counted{}
	request := httptest.NewRequest(http.MethodPost, "/", body)
	request.ContentLength = 1 << 40 // its size is for the caller to check
	request.URL.RawQuery = "nonce=14314&timestamp=1408710653000&signature=30be0bbca9c9b2e27578701e9fda2358a814c88f"
	first, err := webhook.Verify(request, anyTime, good)
	require.NoError(t, err)
	second, err := webhook.Verify(request, anyTime, good)
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.Zero(t, body.read.Load())
}

// TestSign: what it signs is what RC would have signed, which an independent digest tells.
func TestSign(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(-time.Minute).Add(123 * time.Microsecond)
	request := post("room=7&nonce=old&nonce=older&signature=x&appKey=y&timestamp=1", "body")
	request.Header.Set("X-Own", "kept")
	seen := map[string]bool{}
	for range 100 {
		webhook.Sign(request, good, at)
		query := request.URL.Query()
		require.Len(t, query, 5)
		for name, values := range query {
			require.Len(t, values, 1, name)
		}
		require.Equal(t, "7", query.Get("room"))
		require.Equal(t, goodKey, query.Get("appKey"))
		require.Equal(t, millis(at), query.Get("timestamp"))
		require.LessOrEqual(t, len(query.Get("nonce")), 18, "RC's are no longer")
		require.Equal(t, digest(goodSecret, query.Get("nonce"), millis(at)), query.Get("signature"))
		seen[query.Get("nonce")] = true
	}
	require.Len(t, seen, 100)
	require.Equal(t, "kept", request.Header.Get("X-Own"))
	verified, err := webhook.Verify(request, webhook.Window{}, good)
	require.NoError(t, err)
	require.True(t, at.Truncate(time.Millisecond).Equal(verified.SignedAt))
}
