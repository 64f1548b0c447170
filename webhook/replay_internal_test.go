package webhook

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestReplayGuardFreesMemory checks that all memory is freed without further calls, within seconds after the last
// expiry.
func TestReplayGuardFreesMemory(t *testing.T) {
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
		require.Equal(t, 1801, guard.handled.size())
		time.Sleep(11*time.Minute + 2*minSweep)
		synctest.Wait()
		require.Zero(t, guard.handled.size())
		require.NoError(t, guard.Commit(t.Context(), "again", time.Now().Add(time.Minute)))
		require.Equal(t, 3, guard.handled.size())
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Zero(t, guard.handled.size())
	})
}
