package webhook

import (
	"context"
	"sync"
)

// queue is a bounded queue of events. Its workers end when it is empty.
type queue struct {
	limit, maxWorkers int
	handle            func(context.Context, Event)
	goWorker          func(work func()) // starts a goroutine

	mu      sync.Mutex
	waiting []job
	closed  bool
	workers int // running now
}

// job is one event, with the context of its request for the values.
type job struct {
	values context.Context
	event  Event
}

// add queues all events of a request, or returns false if the queue is full or closed.
func (q *queue) add(values context.Context, events []Event) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.waiting) >= q.limit {
		return false
	}
	for _, e := range events {
		q.waiting = append(q.waiting, job{values, e})
		q.startWorker()
	}
	return true
}

// startWorker starts a worker if an event is waiting and fewer than maxWorkers are running. The caller must hold mu.
func (q *queue) startWorker() {
	if len(q.waiting) > 0 && q.workers < q.maxWorkers {
		q.workers++
		q.goWorker(q.work)
	}
}

// work handles events until the queue is empty. If a callback ends its goroutine by runtime.Goexit, a new worker
// replaces it.
func (q *queue) work() {
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.workers--
		q.startWorker()
	}()
	for j, ok := q.next(); ok; j, ok = q.next() {
		q.handle(j.values, j.event)
	}
}

func (q *queue) next() (j job, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return job{}, false
	}
	j = q.waiting[0]
	q.waiting[0] = job{} // so that it can be garbage-collected
	q.waiting = q.waiting[1:]
	return j, true
}

// close empties the queue, returns the events that were waiting, and refuses new ones.
func (q *queue) close() []Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	var events []Event
	for _, j := range q.waiting {
		events = append(events, j.event)
	}
	q.waiting, q.closed = nil, true
	return events
}
