package rctest_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

func TestRateLimits(t *testing.T) {
	t.Parallel()
	for path, rate := range map[string]int{getTokenPath: 200, infoPath: 100, blockQueryPath: 100} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t, rctest.EnforceRateLimits())
				f.ok(getTokenPath, "userId=b&name=N")
				time.Sleep(time.Second)
				for range rate / 2 {
					f.ok(path, "userId=b&name=N")
				}
				time.Sleep(600 * time.Millisecond)
				for range rate / 2 {
					f.ok(path, "userId=b&name=N")
				}
				f.Advance(time.Hour) // the rate limit uses the real clock
				f.refused(path, "userId=b&name=N", http.StatusTooManyRequests, 1008)
				f.ok(checkOnlinePath, "userId=b")
				time.Sleep(400 * time.Millisecond)
				for range rate / 2 {
					f.ok(path, "userId=b&name=N")
				}
				f.refused(path, "userId=b&name=N", http.StatusTooManyRequests, 1008)
			})
		})
	}
}

func TestRateLimitPerID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, rctest.EnforceRateLimits())
		for _, path := range []string{deactivatePath, reactivatePath} {
			f.ok(path, "userId="+strings.Repeat("x,", 97)+"x")
			f.refused(path, "userId=a,b,c", 429, 1008)
			f.ok(path, "userId=a,b") // the refused call didn't count
			f.refused(path, "userId=c", 429, 1008)
			time.Sleep(time.Second)
			f.refused(path, "userId="+joinedIDs(101), 400, 1002)
			time.Sleep(time.Hour)
		}
	})
}

func TestNoRateLimitByDefault(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for range 300 {
		f.ok(getTokenPath, "userId=a&name=N")
	}
	require.Equal(t, rcuser.NoLimit, f.Config().Limiter)
	require.Nil(t, setup(t, rctest.EnforceRateLimits()).Config().Limiter)
}
