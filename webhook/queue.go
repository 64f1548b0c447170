package webhook

import (
	"context"
	"sync"
)

// queue is bounded, and has no goroutine while it is empty.
type queue struct {
	most, workers int
	run           func(context.Context, Event)
	start         func(worker func())

	mu      sync.Mutex
	waiting []job
	closed  bool // takes nothing any more
	working int
}

// job is one event, with the values of its request's context.
type job struct {
	values context.Context
	event  Event
}

// put takes all events of a request or, if there is no room, none.
func (q *queue) put(values context.Context, events []Event) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.waiting) >= q.most {
		return false
	}
	for _, e := range events {
		q.waiting = append(q.waiting, job{values, e})
		q.hire()
	}
	return true
}

// hire starts a worker if there is work for one. It expects mu to be held.
func (q *queue) hire() {
	if len(q.waiting) > 0 && q.working < q.workers {
		q.working++
		q.start(q.work)
	}
}

// work hires another in its place if a function of the app's ends its goroutine.
func (q *queue) work() {
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.working--
		q.hire()
	}()
	for j, ok := q.next(); ok; j, ok = q.next() {
		q.run(j.values, j.event)
	}
}

func (q *queue) next() (j job, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return job{}, false
	}
	j = q.waiting[0]
	q.waiting[0] = job{}
	q.waiting = q.waiting[1:]
	return j, true
}

// close forgets what waits, and returns how much that was.
func (q *queue) close() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	count := len(q.waiting)
	q.waiting, q.closed = nil, true
	return count
}
