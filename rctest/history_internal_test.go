package rctest

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The model is a slice that is searched from its end.
func TestHistory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := history[int]{maxCount: rapid.Uint64Range(1, 100).Draw(t, "count"), maxBytes: rapid.IntRange(0, 500).Draw(t, "bytes")}
		var sizes []int // of record i+1, whose value is i+1
		cleared := 0
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				sizes = append(sizes, rapid.IntRange(0, 30).Draw(t, "size"))
				h.add(len(sizes), sizes[len(sizes)-1])
			},
			"clear": func(*rapid.T) {
				h.clear()
				cleared = len(sizes)
			},
			"after": func(t *rapid.T) {
				oldest, bytes := len(sizes), 0
				for oldest > cleared && uint64(len(sizes)-oldest) < h.maxCount && (oldest == len(sizes) || bytes+sizes[oldest-1] <= h.maxBytes) {
					oldest--
					bytes += sizes[oldest]
				}
				cursor, limit := rapid.IntRange(0, len(sizes)+2).Draw(t, "cursor"), rapid.IntRange(-1, 50).Draw(t, "limit")
				page, next := h.after(uint64(cursor), limit)
				if cursor > len(sizes) {
					cursor = 0
				}
				if limit < 1 {
					limit = maxPage
				}
				from := max(cursor, oldest)
				want := []int{}
				for i := from; i < min(from+limit, len(sizes)); i++ {
					want = append(want, i+1)
				}
				require.Equal(t, want, page)
				require.EqualValues(t, from+len(want), next)
			},
		})
	})
}

func TestHistoryReleasesWhatItDrops(t *testing.T) {
	t.Parallel()
	h := history[*int]{maxCount: 3 * chunkLength, maxBytes: 1 << 20}
	for range 100 * chunkLength {
		h.add(new(int), 1)
	}
	require.LessOrEqual(t, len(h.chunks), 4)
	require.Equal(t, 3*chunkLength, h.bytes)
	h.add(new(int), 1<<20)
	require.Len(t, h.chunks, 1)
	for i := range h.chunks[0] {
		require.Equal(t, uint64(i)+h.base+1 == h.last, h.chunks[0][i].value != nil)
	}
}
