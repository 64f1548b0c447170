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
		c := circle[int]{equal: sameInt, limit: rapid.IntRange(1, 3).Draw(t, "limit")}
		for i := range 1 + 2*before + (3+c.limit)*period {
			value := i
			if i >= before {
				value = before + (i-before)%period%different
			}
			if c.closes(value) {
				return
			}
		}
		t.Fatal("the circle wasn't found")
	})
}

func TestDifferentValuesAreNoCircle(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 2} {
		c := circle[int]{equal: sameInt, limit: limit}
		for value := range 1_000_000 {
			require.False(t, c.closes(value))
		}
	}
}
