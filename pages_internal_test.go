package rcuser

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func sameInt(a, b int) bool { return a == b }

// TestCycleIsFound gives sequences that begin somehow and then repeat a cycle.
func TestCycleIsFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.IntRange(0, 300).Draw(t, "before")
		period := rapid.IntRange(1, 300).Draw(t, "period")
		different := rapid.IntRange(1, period).Draw(t, "different") // values within a cycle
		needed := rapid.IntRange(1, 3).Draw(t, "needed")
		requireCycle(t, needed, before, period, different)
	})
	requireCycle(t, 1, 100_000, 1, 1)
	requireCycle(t, 2, 0, 5000, 5000)
	requireCycle(t, 2, 57, 300_001, 300_001)
}

// requireCycle requires a cycle to be found before it has been gone through more than needed + 3 times.
func requireCycle(t require.TestingT, needed, before, period, different int) {
	d := cycleDetector[int]{equal: sameInt, needed: needed}
	for i := range 1 + 2*before + (3+needed)*period {
		value := i
		if i >= before {
			value = before + (i-before)%period%different
		}
		if d.add(value) {
			require.Greater(t, i, before)
			return
		}
	}
	require.FailNow(t, "the cycle wasn't found")
}

func TestDifferentValuesAreNoCycle(t *testing.T) {
	t.Parallel()
	for _, needed := range []int{1, 2} {
		d := cycleDetector[int]{equal: sameInt, needed: needed}
		for value := range 1_000_000 {
			if d.add(value) {
				t.Fatal("a cycle in different values")
			}
		}
	}
}
