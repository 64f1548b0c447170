package rctest

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOrdered(t *testing.T) {
	t.Parallel()
	set := ordered[int]{compare: cmp.Compare[int]}
	var want []int
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		key := random.IntN(500)
		if at, found := slices.BinarySearch(want, key); found {
			set.remove(key)
			want = slices.Delete(want, at, at+1)
		} else if random.IntN(3) == 0 {
			set.remove(key) // not in the set
		} else {
			set.insert(key)
			want = slices.Insert(want, at, key)
		}
		require.Equal(t, len(want), set.root.count())
		number, size := random.Int64N(20)+1, random.Int64N(60)+1
		from := min(int((number-1)*size), len(want))
		to := min(from+int(size), len(want))
		require.Equal(t, append([]int{}, want[from:to]...), set.page(number, size))
		last, ok := set.last()
		require.Equal(t, len(want) > 0, ok)
		if ok {
			require.Equal(t, want[len(want)-1], last)
		}
	}
}
