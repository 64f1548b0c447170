package webhook

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// held is how much a map holds of any kind.
func (m *expiring[K, V]) held() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	held := len(m.entries) + len(m.order)
	if m.timer != nil {
		held++
	}
	return held
}

// TestReplaysLeaveNothing: the guard's memory returns to nothing by itself, some seconds after the last window.
func TestReplaysLeaveNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		guard := NewReplayGuard(DefaultReplays).(*memoryGuard)
		begin := time.Now()
		for i := range 1000 {
			key := fmt.Sprint(i)
			claim, err := guard.Claim(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, Claimed, claim)
			if i%10 == 0 {
				require.NoError(t, guard.Release(t.Context(), key))
				continue
			}
			require.NoError(t, guard.Commit(t.Context(), key, begin.Add(time.Duration(rand.IntN(11*60))*time.Second)))
		}
		require.Empty(t, guard.busy)
		require.Equal(t, 1801, guard.handled.held())
		time.Sleep(11*time.Minute + 2*minSweep)
		synctest.Wait()
		require.Zero(t, guard.handled.held())
		require.NoError(t, guard.Commit(t.Context(), "again", time.Now().Add(time.Minute)))
		require.Equal(t, 3, guard.handled.held())
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Zero(t, guard.handled.held())
	})
}

// TestExpiringIsBounded, also where one entry is replaced all the time, and by entries that have ended.
func TestExpiringIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newExpiring[int, string](3)
		put := func(key int, value string, in time.Duration) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.put(key, value, time.Now().Add(in))
			require.LessOrEqual(t, len(m.order), 3)
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
			require.Equal(t, fmt.Sprint("value ", i), get(1), "what replaces isn't dropped for what it replaced")
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
		require.Zero(t, m.held())
	})
}

// TestReasonsAreComplete: a reason without a status would be answered with none.
func TestReasonsAreComplete(t *testing.T) {
	t.Parallel()
	require.Equal(t, Reason(18), errPanic)
	require.Len(t, reasons, 18)
	texts := map[string]bool{}
	for r := ErrMethod; r <= errPanic; r++ {
		require.Contains(t, []int{400, 401, 405, 413, 500, 503}, reasons[r].status, "%d", r)
		require.NotEmpty(t, reasons[r].text, "%d", r)
		texts[reasons[r].text] = true
	}
	require.Len(t, texts, 18, "each says something else")
}

// TestFarEnd: a time so far ahead that no duration reaches it must not make the guard look for its end all the time.
func TestFarEnd(t *testing.T) {
	t.Parallel()
	m := newExpiring[int, int](1)
	m.mu.Lock()
	m.put(1, 1, time.Now().AddDate(400, 0, 0))
	first := m.timer
	m.mu.Unlock()
	for range 10_000 {
		runtime.Gosched()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	require.True(t, m.timer == first, "looked before")
	require.True(t, m.timer.Stop())
	m.order = nil
}
