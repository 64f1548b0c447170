package rctest

const (
	historyBytes = 64 << 20 // of the requests that are remembered, and as many of the deliveries
	historyCount = 10_000   // of each
	maxPage      = 1000     // records that are copied while the lock is held
	chunkLength  = 32
)

// history keeps the latest records: at most maxCount of them, of at most maxBytes together. The latest one is kept
// whatever its size. Records are numbered from 1. Adding one, and finding one by its number, take the same time however
// many there are: the records are in chunks, which are never moved.
type history[T any] struct {
	maxCount uint64
	maxBytes int

	chunks  []*[chunkLength]record[T]
	base    uint64 // the number before that of the first slot of the first chunk
	dropped uint64 // the number of the latest record that isn't kept any more
	last    uint64 // the number of the latest record
	bytes   int
}

type record[T any] struct {
	value T
	size  int // in bytes, with all that the value points to
}

// add drops the oldest records if there are too many.
func (h *history[T]) add(value T, size int) {
	if h.last-h.base == uint64(len(h.chunks)*chunkLength) {
		h.chunks = append(h.chunks, new([chunkLength]record[T]))
	}
	h.last++
	*h.at(h.last) = record[T]{value, size}
	h.bytes += size
	for count := h.last - h.dropped; count > h.maxCount || count > 1 && h.bytes > h.maxBytes; count-- {
		h.dropOldest()
	}
}

func (h *history[T]) at(number uint64) *record[T] {
	slot := number - h.base - 1
	return &h.chunks[slot/chunkLength][slot%chunkLength]
}

func (h *history[T]) dropOldest() {
	h.dropped++
	oldest := h.at(h.dropped)
	h.bytes -= oldest.size
	*oldest = record[T]{}
	if h.dropped-h.base == chunkLength {
		h.chunks[0] = nil
		h.chunks, h.base = h.chunks[1:], h.dropped
	}
}

// clear drops all records. The next one gets the number that it would have had.
func (h *history[T]) clear() {
	h.chunks, h.bytes = nil, 0
	h.base, h.dropped = h.last, h.last
}

// after returns up to limit of the records whose number is above cursor, oldest first, and the cursor for those that
// follow. A limit that isn't between 1 and maxPage counts as maxPage. A cursor of a record that isn't kept any more, or
// above the latest one's, as one of another server can be, is that of the oldest record.
func (h *history[T]) after(cursor uint64, limit int) (page []T, next uint64) {
	if limit < 1 || limit > maxPage {
		limit = maxPage
	}
	if cursor > h.last {
		cursor = 0
	}
	cursor = max(cursor, h.dropped)
	next = min(cursor+uint64(limit), h.last)
	page = make([]T, 0, next-cursor)
	for number := cursor + 1; number <= next; number++ {
		page = append(page, h.at(number).value)
	}
	return page, next
}

// readAll returns what page returns up to the record with the number last, one page after the other.
func readAll[T any](last uint64, page func(cursor uint64, limit int) ([]T, uint64)) []T {
	all := []T{}
	for cursor := uint64(0); cursor < last; {
		var found []T
		found, cursor = page(cursor, maxPage)
		all = append(all, found...)
	}
	return all
}
