package rcuser

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func sameInt(a, b int) bool { return a == b }

// TestCircleIsFound gives sequences that begin somehow and then go round in circles.
func TestCircleIsFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.IntRange(0, 300).Draw(t, "before")
		period := rapid.IntRange(1, 300).Draw(t, "period")
		different := rapid.IntRange(1, period).Draw(t, "different") // values within a circle
		limit := rapid.IntRange(1, 3).Draw(t, "limit")
		requireCircle(t, limit, before, period, different)
	})
	requireCircle(t, 1, 100_000, 1, 1)
	requireCircle(t, 2, 0, 5000, 5000)
	requireCircle(t, 2, 57, 300_001, 300_001)
}

// requireCircle requires a circle to be found before it has been gone through more than limit + 3 times.
func requireCircle(t require.TestingT, limit, before, period, different int) {
	c := circle[int]{equal: sameInt, limit: limit}
	for i := range 1 + 2*before + (3+limit)*period {
		value := i
		if i >= before {
			value = before + (i-before)%period%different
		}
		if c.closes(value) {
			require.Greater(t, i, before)
			return
		}
	}
	require.FailNow(t, "the circle wasn't found")
}

func TestDifferentValuesAreNoCircle(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 2} {
		c := circle[int]{equal: sameInt, limit: limit}
		for value := range 1_000_000 {
			if c.closes(value) {
				t.Fatal("a circle in different values")
			}
		}
	}
}
