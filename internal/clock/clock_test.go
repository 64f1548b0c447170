package clock_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/internal/clock"
)

func TestServerTime(t *testing.T) {
	t.Parallel()
	const date = "Mon, 02 Jan 2006 15:04:05 GMT"
	at := time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC)
	for name, tc := range map[string]struct {
		header http.Header
		want   time.Time
	}{
		"date":           {http.Header{"Date": {date}}, at},
		"none":           {http.Header{}, time.Time{}},
		"of a cache":     {http.Header{"Date": {date}, "Age": {"0"}}, time.Time{}},
		"before 1970":    {http.Header{"Date": {"Wed, 31 Dec 1969 23:59:59 GMT"}}, time.Time{}},
		"no date at all": {http.Header{"Date": {"yesterday"}}, time.Time{}},
	} {
		require.True(t, tc.want.Equal(clock.ServerTime(tc.header)), name)
	}
}

func TestWrongBeyondFourMinutes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for offset, want := range map[time.Duration]bool{
		0: false, 4 * time.Minute: false, -4 * time.Minute: false, 4*time.Minute + 1: true, -4*time.Minute - 1: true,
	} {
		require.Equal(t, want, clock.Wrong(at, at.Add(offset)), offset)
	}
	require.False(t, clock.Wrong(at, time.Time{}), "the server told no time")
}

func TestCorrection(t *testing.T) {
	t.Parallel()
	var c clock.Clock
	require.Zero(t, c.Correction())
	c.Replace(0, time.Hour)
	require.Equal(t, time.Hour, c.Correction())
	c.Replace(0, time.Minute)
	require.Equal(t, time.Hour, c.Correction(), "another call was faster")
	c.Replace(time.Hour, 0)
	require.Zero(t, c.Correction())
}

// FuzzServerTime parses any headers.
func FuzzServerTime(f *testing.F) {
	for _, date := range []string{
		"", "Mon, 02 Jan 2006 15:04:05 GMT", "Monday, 02-Jan-06 15:04:05 GMT", "Mon Jan  2 15:04:05 2006", "Sat, 01 Jan 0000 00:00:00 GMT",
		"Fri, 31 Dec 9999 23:59:59 GMT", "Wed, 31 Dec 1969 23:59:59 GMT", "now", "Mon, 02 Jan 2006 15:04:05 GMT, x", "\x80",
	} {
		f.Add(date, "", int64(0))
		f.Add(date, "0", int64(1<<62))
	}
	f.Fuzz(func(t *testing.T, date, age string, signedAt int64) {
		server := clock.ServerTime(http.Header{"Date": {date}, "Age": {age}})
		signed := time.Unix(0, signedAt)
		wrong := clock.Wrong(signed, server)
		if server.IsZero() {
			if wrong || clock.Skew(server) != nil {
				t.Fatalf("%q, age %q: no time corrects the clock", date, age)
			}
			return
		}
		if server.Unix() < 0 || age != "" {
			t.Fatalf("%q, age %q gives %v", date, age, server)
		}
		if corrected := signed.Add(server.Sub(signed)); corrected.UnixMilli() < 0 && signedAt >= 0 {
			t.Fatalf("%q gives the time %v to sign with", date, corrected)
		}
	})
}

func TestSkewSaysHowFar(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		require.NoError(t, clock.Skew(time.Time{}))
		require.NoError(t, clock.Skew(now.Add(4*time.Minute)))
		require.EqualError(t, clock.Skew(now.Add(4*time.Minute+time.Second)), "this machine's clock is 4m1s behind RC's")
		require.EqualError(t, clock.Skew(now.Add(-2*time.Hour)), "this machine's clock is 2h0m0s ahead of RC's")
	})
}
