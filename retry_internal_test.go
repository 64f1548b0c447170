package rcuser

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLongestWait(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	defaults := RetryPolicy{}.withDefaults()
	require.Equal(t, RetryPolicy{MaxAttempts: 3, BaseWait: 100 * ms, MaxWait: 5 * time.Second, MaxRetryAfter: 20 * time.Second}, defaults)
	own := RetryPolicy{MaxAttempts: 7, BaseWait: 1, MaxWait: 2, MaxRetryAfter: 3}
	require.Equal(t, own, own.withDefaults())
	for _, tc := range []struct {
		policy  RetryPolicy
		number  int
		limited bool
		want    time.Duration
	}{
		{defaults, 1, false, 100 * ms},
		{defaults, 2, false, 200 * ms},
		{defaults, 6, false, 3200 * ms},
		{defaults, 7, false, 5000 * ms},
		{defaults, math.MaxInt, false, 5000 * ms},
		{defaults, 1, true, 1000 * ms},
		{defaults, 3, true, 4000 * ms},
		{defaults, 4, true, 5000 * ms},
		{RetryPolicy{BaseWait: time.Minute, MaxWait: time.Second}, 1, false, time.Second},
		{RetryPolicy{BaseWait: time.Second, MaxWait: time.Second}, 9, true, time.Second},
		{RetryPolicy{BaseWait: 1, MaxWait: 3}, 3, false, 3},
	} {
		require.Equal(t, tc.want, tc.policy.longestWait(tc.number, tc.limited), "%v %d", tc.policy, tc.number)
	}
}

// TestLongestWaitNeverOverflows has policies with extreme waits, which NewClient accepts.
func TestLongestWaitNeverOverflows(t *testing.T) {
	t.Parallel()
	for _, policy := range []RetryPolicy{
		{BaseWait: 1, MaxWait: math.MaxInt64},
		{BaseWait: math.MaxInt64, MaxWait: math.MaxInt64},
		{BaseWait: math.MaxInt64 / 2, MaxWait: 1},
		{BaseWait: math.MaxInt64 / 9, MaxWait: math.MaxInt64},
	} {
		for number := 1; number < 100; number++ {
			for _, limited := range []bool{false, true} {
				r := &retrier{caller: &caller{sender: &sender{}, retry: policy}, history: history{attempts: number}}
				r.retry.MaxRetryAfter = 1
				r.history.last.answer.status = 400
				if limited {
					r.history.last.answer.code = ErrRateLimited
				}
				require.Positive(t, policy.longestWait(number, limited))
				wait, tooLong := r.nextWait()
				require.False(t, tooLong)
				require.GreaterOrEqual(t, wait, time.Duration(0))
				require.LessOrEqual(t, wait, policy.MaxWait)
			}
		}
	}
}
