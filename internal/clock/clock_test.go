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
	synctest.Test(t, func(t *testing.T) {
		var c clock.Clock
		require.Equal(t, time.Now(), c.Correct(time.Now()))
		server := time.Now().Add(-time.Hour)
		c.Set(server)
		require.Equal(t, server, c.Correct(time.Now()))
		time.Sleep(time.Minute)
		require.Equal(t, server.Add(time.Minute), c.Correct(time.Now()))
		c.Set(time.Now())
		require.Equal(t, time.Now(), c.Correct(time.Now()))
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
