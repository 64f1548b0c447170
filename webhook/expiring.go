package webhook

import (
	"container/heap"
	"sync"
	"time"
)

// expiring is a bounded map whose entries end by themselves, so that memory returns to nothing without anybody asking.
// Its methods expect mu to be held.
type expiring[K comparable, V any] struct {
	mu      sync.Mutex
	most    int
	entries map[K]*entry[K, V]
	order   order[K, V] // also of entries that were replaced
	timer   *time.Timer // nil if there are none
}

type entry[K comparable, V any] struct {
	key   K
	value V
	until time.Time // the last instant at which it is there
}

func newExpiring[K comparable, V any](most int) *expiring[K, V] {
	return &expiring[K, V]{most: most, entries: make(map[K]*entry[K, V])}
}

func (m *expiring[K, V]) get(key K) (value V, ok bool) {
	e := m.entries[key]
	if e == nil || time.Now().After(e.until) {
		return value, false
	}
	return e.value, true
}

// put replaces an entry. If there are too many, replaced ones included, the one that would end first ends now.
func (m *expiring[K, V]) put(key K, value V, until time.Time) {
	e := &entry[K, V]{key, value, until}
	m.entries[key] = e
	heap.Push(&m.order, e)
	for len(m.order) > m.most {
		m.drop()
	}
	if m.timer == nil {
		m.schedule()
	}
}

// drop removes the entry that ends first, or one that was replaced before.
func (m *expiring[K, V]) drop() {
	e := heap.Pop(&m.order).(*entry[K, V])
	if m.entries[e.key] == e {
		delete(m.entries, e.key)
	}
}

// schedule looks again after a while, not at the exact end of every entry.
func (m *expiring[K, V]) schedule() {
	m.timer = time.AfterFunc(min(max(time.Until(m.order[0].until), minSweep), maxSweep)+1, m.sweep)
}

const (
	minSweep = time.Second
	maxSweep = 24 * time.Hour
)

func (m *expiring[K, V]) sweep() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for len(m.order) > 0 && now.After(m.order[0].until) {
		m.drop()
	}
	m.timer = nil
	if len(m.order) > 0 {
		m.schedule()
		return
	}
	m.entries, m.order = make(map[K]*entry[K, V]), nil // neither shrinks by itself
}

// order is a heap with the entry that ends first in front.
type order[K comparable, V any] []*entry[K, V]

func (o order[K, V]) Len() int           { return len(o) }
func (o order[K, V]) Less(i, j int) bool { return o[i].until.Before(o[j].until) }
func (o order[K, V]) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }
func (o *order[K, V]) Push(e any)        { *o = append(*o, e.(*entry[K, V])) }

func (o *order[K, V]) Pop() any {
	last := len(*o) - 1
	e := (*o)[last]
	(*o)[last] = nil
	*o = (*o)[:last]
	return e
}
