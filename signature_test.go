package rcuser

import (
	"crypto/sha1"
	"encoding/hex"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSign(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ secret, nonce, timestamp, want string }{
		{"Y1W2MeFwwwRxa0", "14314", "1408710653000", "30be0bbca9c9b2e27578701e9fda2358a814c88f"},
		{"Y1W2MeFwwwRxa0", "14314", "1408706337", "e107e3819638b81a00383951d1d871197910ffe6"},
		{"Y1W2MeFwwwRxa0", "14314", "1408710653491", "dd11a264276f438b045b3b236a2741ddc89d48df"},
		{"uwd1c0sxdlx2", "14314", "1408706337", "45beb7cc7307889a8e711219a47b7cf6a5b000e8"},
		{"", "", "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{"a", "b", "c", "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{strings.Repeat("a", 1_000_000), "", "", "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
		{strings.Repeat("a", 999_990), "aaaaa", "aaaaa", "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
	} {
		require.Equal(t, tc.want, Sign(tc.secret, tc.nonce, tc.timestamp))
	}
}

// TestSignLongText is about texts around the size for which Sign needs no memory.
func TestSignLongText(t *testing.T) {
	t.Parallel()
	for n := 100; n < 150; n++ {
		secret := strings.Repeat("s", n)
		sum := sha1.Sum([]byte(secret + "nonce1408710653000"))
		require.Equal(t, hex.EncodeToString(sum[:]), Sign(secret, "nonce", "1408710653000"))
	}
}

func TestRandomHexNeverRepeats(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		nonce := randomHex(8)
		require.Regexp(t, "^[0-9a-f]{16}$", nonce)
		seen[nonce] = true
	}
	require.Len(t, seen, 1000)
	require.Regexp(t, "^[0-9a-f]{32}$", randomHex(16))
}

func TestRetryAfterHeader(t *testing.T) {
	t.Parallel()
	const date = "Fri, 01 Mar 2024 12:00:00 GMT"
	for _, tc := range []struct {
		value, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"1", "", time.Second},
		{" 7 ", "", 7 * time.Second},
		{"007", "", 7 * time.Second},
		{"4294967296", "", 4294967296 * time.Second},
		{"4294967297", "", 4294967296 * time.Second},
		{"9223372036854775807", "", 4294967296 * time.Second},
		{"92233720368547758070", "", 4294967296 * time.Second},
		{strings.Repeat("9", 1000), "", 4294967296 * time.Second},
		{"-1", "", 0},
		{"+1", "", 0},
		{"1.5", "", 0},
		{"1e3", "", 0},
		{"0x10", "", 0},
		{"1s", "", 0},
		{"soon", "", 0},
		{"Fri, 01 Mar 2024 12:00:05 GMT", date, 5 * time.Second},
		{"Friday, 01-Mar-24 12:00:06 GMT", date, 6 * time.Second},
		{"Fri Mar  1 12:00:07 2024", date, 7 * time.Second},
		{date, date, 0},
		{"Fri, 01 Mar 2024 11:00:00 GMT", date, 0},
		{"Fri, 32 Mar 2024 11:00:00 GMT", date, 0},
		{"Fri, 31 Dec 9999 23:59:59 GMT", "Sat, 01 Jan 0001 00:00:00 GMT", math.MaxInt64},
		{"Sat, 01 Jan 2000 00:00:08 GMT", "", 8 * time.Second}, // bubbles begin at that midnight
		{"Sat, 01 Jan 2000 00:00:09 GMT", "yesterday", 9 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			header := http.Header{"Retry-After": {tc.value}, "Date": {tc.date}}
			require.Equal(t, tc.want, retryAfter(header), "%q", tc.value)
		})
	}
	require.Zero(t, retryAfter(nil))
}
