package rcuser

import (
	"maps"
	"slices"
)

// bulkBatch is the ids of one call, each once, and their positions in the stream.
type bulkBatch struct {
	ids       []string
	positions []int            // of ids, where each was given first
	repeats   map[string][]int // the further positions of those that were given again; nil if there are none
}

// maxRepeats limits the memory of a batch whose ids are given again and again.
const maxRepeats = 1000

// batcher collects ids until they fill a batch.
type batcher struct {
	size    int
	batch   bulkBatch
	has     map[string]struct{} // the ids of batch
	repeats int                 // positions in batch.repeats
}

func newBatcher(size int) *batcher {
	b := &batcher{size: size, has: make(map[string]struct{}, size)}
	b.take()
	return b
}

// take returns the batch and begins another.
func (b *batcher) take() bulkBatch {
	batch := b.batch
	clear(b.has)
	b.batch, b.repeats = bulkBatch{ids: make([]string, 0, b.size), positions: make([]int, 0, b.size)}, 0
	return batch
}

func (b *batcher) empty() bool { return len(b.batch.ids) == 0 }

func (b *batcher) full() bool { return len(b.batch.ids) == b.size || b.repeats == maxRepeats }

func (b *batcher) add(id string, position int) {
	before := len(b.has)
	if b.has[id] = struct{}{}; len(b.has) > before {
		b.batch.ids = append(b.batch.ids, id)
		b.batch.positions = append(b.batch.positions, position)
		return
	}
	if b.batch.repeats == nil {
		b.batch.repeats = map[string][]int{}
	}
	b.batch.repeats[id] = append(b.batch.repeats[id], position)
	b.repeats++
}

func (b bulkBatch) halves() (first, second bulkBatch) {
	half := len(b.ids) / 2
	return bulkBatch{b.ids[:half], b.positions[:half], b.repeats}, bulkBatch{b.ids[half:], b.positions[half:], b.repeats}
}

// occurrences returns the ids of a batch, each as often as it was given, in the order of their positions.
func (b bulkBatch) occurrences() (ids []string, positions []int) {
	if b.repeats == nil {
		return b.ids, b.positions
	}
	idAt := map[int]string{}
	for i, id := range b.ids {
		idAt[b.positions[i]] = id
		for _, position := range b.repeats[id] {
			idAt[position] = id
		}
	}
	positions = slices.Sorted(maps.Keys(idAt))
	for _, position := range positions {
		ids = append(ids, idAt[position])
	}
	return ids, positions
}
