package webhook

import (
	"sync"
	"time"
)

// progress knows what a handler's goroutines are doing: the requests in progress, in the order of their arrival, and the
// number of goroutines. One timer, which runs only while an answer is outstanding, answers the requests that take too long.
type progress struct {
	mu          sync.Mutex
	first, last *request
	nextDue     *request // the first whose answer isn't due yet
	timer       *time.Timer
	running     int // goroutines, including those whose requests were answered already
	closed      bool
	idle        chan struct{} // closed when running reaches 0; nil before refuseRequests
}

// startRequest adds a request whose goroutine is about to start, or returns false after refuseRequests. Call finishRequest
// when it ends.
func (p *progress) startRequest(q *request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.running++
	if q.prev = p.last; q.prev == nil {
		p.first = q
	} else {
		q.prev.next = q
	}
	p.last = q
	if p.nextDue == nil {
		p.nextDue = q
		p.schedule()
	}
	return true
}

// finishRequest removes a request. It stops the timer rather than letting it run out, because a timer that was made in a
// synctest bubble never fires after the bubble's end.
func (p *progress) finishRequest(q *request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nextDue == q {
		p.nextDue = q.next
	}
	if p.nextDue == nil && p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	if q.prev == nil {
		p.first = q.next
	} else {
		q.prev.next = q.next
	}
	if q.next == nil {
		p.last = q.prev
	} else {
		q.next.prev = q.prev
	}
	p.leave()
}

// schedule starts the timer for nextDue. The caller must hold mu.
func (p *progress) schedule() {
	p.timer = time.AfterFunc(time.Until(p.nextDue.ctx.deadline), p.answerDue)
}

// answerDue answers the requests whose time is up.
func (p *progress) answerDue() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for p.nextDue != nil && !now.Before(p.nextDue.ctx.deadline) {
		p.nextDue.expire()
		p.nextDue = p.nextDue.next
	}
	p.timer = nil
	if p.nextDue != nil {
		p.schedule()
	}
}

// refuseRequests refuses new requests from now on, and returns a channel that is closed when no goroutine runs any more.
func (p *progress) refuseRequests() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.idle == nil {
		p.idle = make(chan struct{})
		if p.running == 0 {
			close(p.idle)
		}
	}
	return p.idle
}

// giveUp ends the contexts of all requests in progress and answers them. It returns the number of goroutines running.
func (p *progress) giveUp() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for q := p.first; q != nil; q = q.next {
		q.cancelContexts()
		q.expire()
	}
	return p.running
}

// setLate sets the context for the callbacks of a request that had to wait.
func (p *progress) setLate(q *request, late *deadlineContext) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q.late = late
}

// goWorker starts a worker of the queue, also after refuseRequests, as the queue has to become empty.
func (p *progress) goWorker(work func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running++
	go func() {
		defer func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.leave()
		}()
		work()
	}()
}

// leave counts a goroutine that has ended. The caller must hold mu.
func (p *progress) leave() {
	p.running--
	if p.running == 0 && p.idle != nil {
		close(p.idle)
	}
}
