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

// splits decides which refused batches are split in halves until the refused ids stand alone. While no call has succeeded,
// the refusal may concern every id, as that of an unknown app key does: then one batch is split at a time, others that are
// refused meanwhile wait, and after maxTrials batches without a success the work ends.
type splits struct {
	trying  bool                   // a batch is being split to find out whether any id can succeed
	tried   int                    // such batches of which no id did
	waiting []*bulkCall[bulkBatch] // refused meanwhile
}

const maxTrials = 3

// mustWait reports whether a batch is being split to find out whether any id can succeed.
func (r *bulkRun) mustWait() bool { return r.splits.trying }

// refuse splits a batch that was refused or, while another is being split for the trial, keeps it for later.
func (r *bulkRun) refuse(c *bulkCall[bulkBatch]) {
	switch s := &r.splits; {
	case r.engine.succeeded > 0 || c.trial:
		r.split(c)
	case s.trying || r.engine.pendingEnd != nil:
		s.waiting = append(s.waiting, c)
	default:
		s.trying, c.trial = true, true
		r.split(c)
	}
}

// split queues a call for the first half of the ids; its next is the call for the second. A call for one id fails.
func (r *bulkRun) split(c *bulkCall[bulkBatch]) {
	if len(c.item.ids) == 1 {
		r.engine.fail(c)
		return
	}
	first, second := *c, *c
	first.item, second.item = c.item.halves()
	first.next = &second
	first.unanswered, second.unanswered = 0, 0
	r.engine.queueFirst(&first)
}

// succeeded splits the batches that wait, because a call has succeeded.
func (s *splits) succeeded(r *bulkRun) {
	waiting := s.waiting
	s.trying, s.waiting = false, nil
	for _, c := range waiting {
		r.split(c)
	}
}

// end counts a batch of which no id succeeded, and goes on with the next that waits.
func (r *bulkRun) end(c *bulkCall[bulkBatch]) {
	s := &r.splits
	if !s.trying || !c.trial {
		return
	}
	s.trying = false
	if s.tried++; s.tried == maxTrials {
		r.engine.endAfterInFlight(c.err)
	}
	if r.engine.stop == nil && r.engine.pendingEnd == nil && len(s.waiting) > 0 {
		next := s.waiting[0]
		s.waiting = s.waiting[1:]
		r.refuse(next)
	}
}

// settle fails the batches that wait.
func (r *bulkRun) settle() {
	waiting := r.splits.waiting
	r.splits.waiting = nil
	for _, c := range waiting {
		r.engine.fail(c)
	}
}
