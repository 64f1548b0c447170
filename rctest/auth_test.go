package rctest_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// TestStrictTimestampLimit runs in a bubble, whose clock stands still.
func TestStrictTimestampLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, rctest.Strict())
		for offset, code := range map[time.Duration]int{5 * time.Minute: 200, -5 * time.Minute: 200, 5*time.Minute + time.Millisecond: 1004} {
			req := f.request(checkOnlinePath, "userId=a")
			timestamp := strconv.FormatInt(time.Now().Add(offset).UnixMilli(), 10)
			req.Header.Set("Timestamp", timestamp)
			req.Header.Set("Signature", sign(f.Credentials().AppSecret, req.Header.Get("Nonce"), timestamp))
			require.Equal(t, code, f.do(req).code(), offset)
		}
	})
}
