package rcuser

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

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
