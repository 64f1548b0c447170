package rctest_test

import (
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// TestEarlierExpiryRevivesNothing has the later of two instants, which is yet to come, go on to count.
func TestEarlierExpiryRevivesNothing(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.ok(expire, "userId=a&time="+millis(f.Now().Add(time.Hour)))
	f.ok(expire, "userId=a&time="+millis(f.Now().Add(-time.Hour)))
	require.False(t, f.ValidToken("a", f.register("a")))
}

// TestDeactivationEndsToTheInstant needs a clock that stands still.
func TestDeactivationEndsToTheInstant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		f.register("a")
		f.ok("/user/deactivate.json", "userId=a")
		f.Advance(15*time.Minute - 1)
		require.NotEmpty(t, f.User("a").Name)
		f.Advance(1)
		require.Empty(t, f.User("a").Name)
		f.Advance(45*time.Minute - 1)
		f.refused("/user/reactivate.json", "userId=a", 400, 1002)
		f.Advance(1)
		f.ok("/user/reactivate.json", "userId=a")
	})
}

// TestStrictSkewToTheInstant needs one too.
func TestStrictSkewToTheInstant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, rctest.Strict())
		for off, code := range map[time.Duration]int{5 * time.Minute: 200, -5 * time.Minute: 200, 5*time.Minute + time.Millisecond: 1004} {
			req := f.request("/user/checkOnline.json", "userId=a")
			timestamp := strconv.FormatInt(time.Now().Add(off).UnixMilli(), 10)
			req.Header.Set("Timestamp", timestamp)
			req.Header.Set("Signature", sign(f.AppSecret, req.Header.Get("Nonce"), timestamp))
			require.Equal(t, code, f.do(req).code(), off)
		}
	})
}

// TestRequestsAreOfTheirTime has the caller go on to use its header.
func TestRequestsAreOfTheirTime(t *testing.T) {
	t.Parallel()
	f := setup(t)
	req := f.request("/user/checkOnline.json", "userId=a")
	nonce := req.Header.Get("Nonce")
	f.do(req)
	req.Header.Set("Nonce", "changed")
	require.Equal(t, nonce, f.Requests()[0].Header.Get("Nonce"))
}

func TestNilOption(t *testing.T) {
	t.Parallel()
	require.NotNil(t, rctest.NewServer(nil))
}

// TestTimesAreThoseOfAnswers lets tests compare what the client returns with what the server shows.
func TestTimesAreThoseOfAnswers(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.register("a")
	f.ok(block, "userId=a&minute=5")
	created := f.ok("/user/info.json", "userId=a")["createTime"]
	require.Equal(t, created, f.User("a").CreatedAt.Format(time.DateTime))
	require.Zero(t, f.User("a").CreatedAt.Nanosecond())
	require.Zero(t, f.User("a").BannedUntil.Nanosecond())
	require.Equal(t, http.StatusOK, f.call(block, "userId=a&minute=5").status)
}
