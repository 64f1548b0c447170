package rctest

import (
	"container/heap"
	"time"
)

// pending is something that happens at a time of the server's clock which is yet to come.
type pending struct {
	due   time.Time
	order uint64 // tells what is due at the same time apart
	do    func(due time.Time)
}

func (p pending) before(q pending) bool {
	if c := p.due.Compare(q.due); c != 0 {
		return c < 0
	}
	return p.order < q.order
}

// agenda is what is pending. Most of it comes in the order in which it is due, so that it costs as little as a queue.
type agenda struct {
	queue []pending // in order
	rest  pendingHeap
}

func (a *agenda) add(p pending) {
	if last := len(a.queue) - 1; last < 0 || a.queue[last].before(p) {
		a.queue = append(a.queue, p)
		return
	}
	heap.Push(&a.rest, p)
}

// first returns what is due first, and false if there is nothing.
func (a *agenda) first() (pending, bool) {
	switch {
	case a.fromQueue():
		return a.queue[0], true
	case len(a.rest) > 0:
		return a.rest[0], true
	}
	return pending{}, false
}

func (a *agenda) fromQueue() bool {
	return len(a.queue) > 0 && (len(a.rest) == 0 || a.queue[0].before(a.rest[0]))
}

// removeFirst expects that there is one.
func (a *agenda) removeFirst() {
	if !a.fromQueue() {
		heap.Pop(&a.rest)
		return
	}
	a.queue[0] = pending{} // else what it holds stays in memory
	a.queue = a.queue[1:]
}

// pendingHeap has what is due first at its top.
type pendingHeap []pending

func (h pendingHeap) Len() int           { return len(h) }
func (h pendingHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h pendingHeap) Less(i, j int) bool { return h[i].before(h[j]) }

// Push appends p for package heap.
func (h *pendingHeap) Push(p any) { *h = append(*h, p.(pending)) }

// Pop removes the last one for package heap.
func (h *pendingHeap) Pop() any {
	last := len(*h) - 1
	p := (*h)[last]
	(*h)[last] = pending{} // as above
	*h = (*h)[:last]
	return p
}

// schedule lets do be called at a time of the server's clock, or as soon as somebody looks after that.
func (s *state) schedule(due time.Time, do func(due time.Time)) {
	s.scheduled++
	s.agenda.add(pending{publicTime(due), s.scheduled, do})
	if first, _ := s.agenda.first(); first.order == s.scheduled {
		s.arm()
	}
}

// settled lets everything happen that is due, in its order, and returns the time that it is now. Whatever looks at
// the state or changes it asks for the time this way. The timer that it may forestall starts the next one.
func (s *state) settled() time.Time {
	now := s.now()
	first, ok := s.agenda.first()
	if !ok || now.Before(first.due) {
		return now
	}
	for ; ok && !now.Before(first.due); first, ok = s.agenda.first() {
		s.agenda.removeFirst()
		first.do(first.due)
	}
	return now
}

// arm starts the one timer, for what is due first. Only a webhook needs it: all else may wait until somebody looks.
// The timer is a new one each time: it must belong to the synctest bubble, if any, that it is waited for in.
func (s *state) arm() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if first, ok := s.agenda.first(); ok && s.outbox != nil {
		s.timer = time.AfterFunc(max(first.due.Sub(s.now()), 1), s.ring)
	}
}

// ring takes mu itself.
func (s *state) ring() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled()
	s.arm()
}
