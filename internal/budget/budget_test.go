package budget_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/internal/budget"
)

// left counts the retries that are allowed in a row, up to more than there can be.
func left(b *budget.Budget) int {
	n := 0
	for n < 1000 && take(b) {
		n++
	}
	return n
}

func repeat(n int, what func()) {
	for range n {
		what()
	}
}

func TestFullAtFirst(t *testing.T) {
	t.Parallel()
	var b budget.Budget
	require.Equal(t, 100, left(&b))
	require.False(t, take(&b), "it stays empty")
}

func TestRewards(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ first, retried, want int }{
		"nothing":             {0, 0, 0},
		"too little":          {4, 0, 0},
		"just enough":         {5, 0, 1},
		"not quite two":       {9, 0, 1},
		"a retry":             {0, 1, 1},
		"seven retries":       {0, 7, 7},
		"both":                {4, 2, 2},
		"enough for all":      {500, 0, 100},
		"never more than 100": {300, 300, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b budget.Budget
			require.Equal(t, 100, left(&b))
			repeat(tc.first, b.FirstSucceeded)
			repeat(tc.retried, b.Refund)
			require.Equal(t, tc.want, left(&b))
		})
	}
}

func TestFullBudgetGrowsNoFurther(t *testing.T) {
	t.Parallel()
	var b budget.Budget
	repeat(10_000, b.FirstSucceeded)
	repeat(10_000, b.Refund)
	require.Equal(t, 100, left(&b))
}

// TestLittleLeft has tokens that aren't enough for a retry: they must neither be spent nor be lost.
func TestLittleLeft(t *testing.T) {
	t.Parallel()
	var b budget.Budget
	require.Equal(t, 100, left(&b))
	repeat(3, b.FirstSucceeded)
	require.False(t, take(&b))
	repeat(2, b.FirstSucceeded)
	require.True(t, take(&b))
	require.False(t, take(&b))
}

func TestManyGoroutines(t *testing.T) {
	t.Parallel()
	var b budget.Budget
	var taken atomic.Int32
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			for range 50 {
				if take(&b) {
					taken.Add(1)
				}
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 100, taken.Load())
	for range 64 {
		group.Go(b.Refund)
	}
	group.Wait()
	require.Equal(t, 64, left(&b))
}

func take(b *budget.Budget) bool {
	ok, _ := b.Take()
	return ok
}

// TestFirstRefusal comes once until a retry is paid for again.
func TestFirstRefusal(t *testing.T) {
	t.Parallel()
	b := new(budget.Budget)
	for range 100 {
		_, first := b.Take()
		require.False(t, first)
	}
	for round := range 2 {
		_, first := b.Take()
		require.True(t, first, round)
		_, first = b.Take()
		require.False(t, first, round)
		b.Refund()
		require.True(t, take(b))
	}
}
