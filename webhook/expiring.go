package webhook

import (
	"container/heap"
	"sync"
	"time"
)

// expiringMap is a map with a maximum size whose entries expire. A timer removes expired entries, so that their memory
// is freed even if the map isn't used any more. The caller of get and set must hold mu.
type expiringMap[K comparable, V any] struct {
	mu      sync.Mutex
	limit   int
	entries map[K]*entry[K, V]
	byEnd   entryHeap[K, V] // also has the entries that were replaced
	timer   *time.Timer     // nil while the map is empty
}

type entry[K comparable, V any] struct {
	key   K
	value V
	until time.Time // inclusive
}

func newExpiringMap[K comparable, V any](limit int) *expiringMap[K, V] {
	return &expiringMap[K, V]{limit: limit, entries: make(map[K]*entry[K, V])}
}

func (m *expiringMap[K, V]) get(key K) (value V, ok bool) {
	e := m.entries[key]
	if e == nil || time.Now().After(e.until) {
		return value, false
	}
	return e.value, true
}

// set adds or replaces an entry. If there are more than limit entries, including replaced ones, it removes those that
// expire first, and returns how many of these hadn't expired or been replaced.
func (m *expiringMap[K, V]) set(key K, value V, until time.Time) (forgotten uint64) {
	e := &entry[K, V]{key, value, until}
	m.entries[key] = e
	heap.Push(&m.byEnd, e)
	for len(m.byEnd) > m.limit {
		if e := m.removeFirst(); e != nil && !time.Now().After(e.until) {
			forgotten++
		}
	}
	if m.timer == nil {
		m.scheduleSweep()
	}
	return forgotten
}

// setWithinLimit is set, but it returns false and changes nothing if there are limit entries that haven't expired.
func (m *expiringMap[K, V]) setWithinLimit(key K, value V, until time.Time) bool {
	now := time.Now()
	for len(m.byEnd) > 0 && now.After(m.byEnd[0].until) {
		m.removeFirst()
	}
	if len(m.byEnd) >= m.limit {
		return false
	}
	m.set(key, value, until)
	return true
}

// removeFirst removes the entry that expires first and returns it, or nil if it was a replaced one.
func (m *expiringMap[K, V]) removeFirst() *entry[K, V] {
	e := heap.Pop(&m.byEnd).(*entry[K, V])
	if m.entries[e.key] != e {
		return nil
	}
	delete(m.entries, e.key)
	return e
}

// scheduleSweep bounds the interval, so that many entries that expire one after the other cost one sweep a second.
func (m *expiringMap[K, V]) scheduleSweep() {
	m.timer = time.AfterFunc(min(max(time.Until(m.byEnd[0].until), minSweep), maxSweep)+1, m.sweep)
}

const (
	minSweep = time.Second
	maxSweep = 24 * time.Hour
)

func (m *expiringMap[K, V]) sweep() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for len(m.byEnd) > 0 && now.After(m.byEnd[0].until) {
		m.removeFirst()
	}
	m.timer = nil
	if len(m.byEnd) > 0 {
		m.scheduleSweep()
		return
	}
	m.entries, m.byEnd = make(map[K]*entry[K, V]), nil // deleting entries alone doesn't free their memory
}

// entryHeap is a heap.Interface with the entry that expires first at index 0.
type entryHeap[K comparable, V any] []*entry[K, V]

func (h entryHeap[K, V]) Len() int           { return len(h) }
func (h entryHeap[K, V]) Less(i, j int) bool { return h[i].until.Before(h[j].until) }
func (h entryHeap[K, V]) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *entryHeap[K, V]) Push(e any)        { *h = append(*h, e.(*entry[K, V])) }

func (h *entryHeap[K, V]) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
