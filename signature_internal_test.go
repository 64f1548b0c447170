package rcuser

import (
	"crypto/sha1"
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"testing"
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

// TestSignLongText covers lengths around the size of Sign's stack buffer.
func TestSignLongText(t *testing.T) {
	t.Parallel()
	for n := 100; n < 150; n++ {
		secret := strings.Repeat("s", n)
		sum := sha1.Sum([]byte(secret + "nonce1408710653000"))
		require.Equal(t, hex.EncodeToString(sum[:]), Sign(secret, "nonce", "1408710653000"))
	}
}

// TestNewSignatureNeverRepeats also compares the signature with Sign's.
func TestNewSignatureNeverRepeats(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{time.UnixMilli(0), time.UnixMilli(1408710653491), time.UnixMilli(math.MaxInt64), time.UnixMilli(-1)} {
		seen := map[string]bool{}
		for range 1000 {
			nonce, timestamp, signature := newSignature("Y1W2MeFwwwRxa0", at)
			require.Regexp(t, "^[0-9a-f]{16}$", nonce)
			require.Equal(t, strconv.FormatInt(at.UnixMilli(), 10), timestamp)
			require.Equal(t, Sign("Y1W2MeFwwwRxa0", nonce, timestamp), signature)
			seen[nonce] = true
		}
		require.Len(t, seen, 1000)
	}
}
