package webhook

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// size returns the number of entries, of elements in the heap, and of timers.
func (m *expiringMap[K, V]) size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	held := len(m.entries) + len(m.byEnd)
	if m.timer != nil {
		held++
	}
	return held
}

// TestExpiringIsBounded checks the limit, also if one entry is replaced repeatedly or is expired already.
func TestExpiringIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newExpiringMap[int, string](3)
		put := func(key int, value string, in time.Duration) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.set(key, value, time.Now().Add(in))
			require.LessOrEqual(t, len(m.byEnd), 3)
			require.LessOrEqual(t, len(m.entries), 3)
		}
		get := func(key int) string {
			m.mu.Lock()
			defer m.mu.Unlock()
			value, ok := m.get(key)
			require.Equal(t, ok, value != "")
			return value
		}
		for i := range 100 {
			put(1, fmt.Sprint("value ", i), time.Minute+time.Duration(i))
			require.Equal(t, fmt.Sprint("value ", i), get(1), "replaced entries must be removed before their replacement")
		}
		for key := 2; key < 100; key++ {
			put(key, "later", time.Duration(key)*time.Hour)
		}
		require.Equal(t, []string{"", "", "later", "later", "later"}, []string{get(1), get(96), get(97), get(98), get(99)})
		put(100, "ended", -time.Second)
		require.Empty(t, get(100))
		time.Sleep(99 * time.Hour)
		require.Equal(t, []string{"", "later"}, []string{get(98), get(99)})
		time.Sleep(time.Nanosecond)
		require.Empty(t, get(99))
		time.Sleep(2 * minSweep)
		require.Zero(t, m.size())
	})
}

// TestExpiringCountsForgotten checks that set counts the entries that it removes too early, and neither replaced nor expired
// ones.
func TestExpiringCountsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newExpiringMap[int, int](2)
		set := func(key int, in time.Duration) uint64 {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.set(key, key, time.Now().Add(in))
		}
		require.Zero(t, set(1, time.Minute))
		require.Zero(t, set(2, 10*time.Millisecond))
		time.Sleep(20 * time.Millisecond) // 2 has expired, and isn't swept yet
		require.Zero(t, set(3, time.Hour))
		require.Zero(t, set(1, time.Hour), "replaces the entry that it removes")
		require.Equal(t, uint64(1), set(4, 2*time.Hour))
		require.Equal(t, uint64(1), set(5, time.Minute), "the new one itself")
		time.Sleep(3 * time.Hour)
		require.Zero(t, set(6, time.Minute))
		time.Sleep(time.Hour)
	})
}

// TestDistantExpiry checks that an expiry beyond the range of time.Duration doesn't cause continuous sweeps.
func TestDistantExpiry(t *testing.T) {
	t.Parallel()
	m := newExpiringMap[int, int](1)
	m.mu.Lock()
	m.set(1, 1, time.Now().AddDate(400, 0, 0))
	first := m.timer
	m.mu.Unlock()
	for range 10_000 {
		runtime.Gosched()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	require.True(t, m.timer == first, "must not have swept")
	require.True(t, m.timer.Stop())
	m.byEnd = nil
}
