package rctest

import (
	"container/heap"
	"time"
)

// task runs at a time of the server's clock.
type task struct {
	due   time.Time
	order uint64 // sorts tasks due at the same time
	run   func(due time.Time)
}

func (t task) before(u task) bool {
	if c := t.due.Compare(u.due); c != 0 {
		return c < 0
	}
	return t.order < u.order
}

// taskQueue holds tasks sorted by when they are due. Most are added in that order, at the constant cost of a slice; the
// others go to a heap.
type taskQueue struct {
	sorted []task
	rest   taskHeap
}

func (q *taskQueue) add(t task) {
	if last := len(q.sorted) - 1; last < 0 || q.sorted[last].before(t) {
		q.sorted = append(q.sorted, t)
		return
	}
	heap.Push(&q.rest, t)
}

// first returns the task that is due first, and false if there is none.
func (q *taskQueue) first() (task, bool) {
	switch {
	case q.firstIsSorted():
		return q.sorted[0], true
	case len(q.rest) > 0:
		return q.rest[0], true
	}
	return task{}, false
}

func (q *taskQueue) firstIsSorted() bool {
	return len(q.sorted) > 0 && (len(q.rest) == 0 || q.sorted[0].before(q.rest[0]))
}

// removeFirst must not be called on an empty queue.
func (q *taskQueue) removeFirst() {
	if !q.firstIsSorted() {
		heap.Pop(&q.rest)
		return
	}
	q.sorted[0] = task{} // lets the garbage collector free what the function refers to
	q.sorted = q.sorted[1:]
}

// taskHeap implements [heap.Interface].
type taskHeap []task

func (h taskHeap) Len() int           { return len(h) }
func (h taskHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h taskHeap) Less(i, j int) bool { return h[i].before(h[j]) }

// Push appends a task.
func (h *taskHeap) Push(t any) { *h = append(*h, t.(task)) }

// Pop removes the last task.
func (h *taskHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = task{} // see removeFirst
	*h = (*h)[:last]
	return t
}

// schedule adds a task, which runs when runDue is first called at or after due.
func (s *state) schedule(due time.Time, run func(due time.Time)) {
	s.taskCount++
	s.tasks.add(task{publicTime(due), s.taskCount, run})
	if first, _ := s.tasks.first(); first.order == s.taskCount {
		s.resetTimer()
	}
}

// shift moves all tasks by d. They keep their order.
func (q *taskQueue) shift(d time.Duration) {
	for _, tasks := range [][]task{q.sorted, q.rest} {
		for i := range tasks {
			tasks[i].due = tasks[i].due.Add(d)
		}
	}
}

// runDue runs the tasks and finishes the deactivations that are due, in order, removes bans that have ended, and returns
// the time of the server's clock. Everything that reads or changes the state calls it first. It leaves the timer alone:
// onTimer starts the next one, even if what it was for has happened.
func (s *state) runDue() time.Time {
	now := s.now()
	for due, what := s.nextDue(); what != nothingDue && !now.Before(due); due, what = s.nextDue() {
		switch what {
		case deactivationDue:
			first, _ := s.unfinished.first()
			s.finishDeactivation(first)
		default:
			first, _ := s.tasks.first()
			s.tasks.removeFirst()
			first.run(first.due)
		}
	}
	s.dropEndedBans(now)
	return now
}

// What is due next.
type nextKind int

const (
	nothingDue nextKind = iota
	taskDue
	deactivationDue
)

// nextDue returns what is due next, and when. The end of a ban isn't included: it causes nothing, so nothing has to happen
// in time for it.
func (s *state) nextDue() (time.Time, nextKind) {
	task, hasTask := s.tasks.first()
	entry, hasEntry := s.unfinished.first()
	switch {
	case hasEntry && (!hasTask || !task.due.Before(entry.finishesAt())):
		return entry.finishesAt(), deactivationDue
	case hasTask:
		return task.due, taskDue
	}
	return time.Time{}, nothingDue
}

// resetTimer starts the timer for what is due next. Only a webhook needs it: without one, runDue on access is enough.
// It creates a timer each time, because within a synctest bubble only a timer created there works.
func (s *state) resetTimer() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if due, what := s.nextDue(); what != nothingDue && s.outbox != nil {
		s.timer = time.AfterFunc(max(due.Sub(s.now()), 1), s.onTimer)
	}
}

// onTimer takes mu itself.
func (s *state) onTimer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runDue()
	s.resetTimer()
}
