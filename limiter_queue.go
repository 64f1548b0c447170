package rcuser

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// limiterQueue lets the attempts of one endpoint start, first come first served. Only the first waiter has a timer and is
// given a time; the others are woken when they become the first, and when the endpoint is paused.
type limiterQueue struct {
	mu       sync.Mutex
	schedule rateSchedule
	waiters  list.List // of *limiterWaiter
	units    int       // of all waiters
}

type limiterWaiter struct {
	element *list.Element
	units   int
	wake    chan struct{} // with room for one
}

// wait returns when the attempt may start, when ctx ends, or at once if ctx's deadline passes before that.
func (q *limiterQueue) wait(ctx context.Context, a LimitedAttempt) error {
	w, err := q.enter(ctx, a)
	if w == nil {
		return err
	}
	for {
		wait, first, err := q.claim(ctx, w)
		switch {
		case err != nil:
			return err
		case !first:
			select {
			case <-ctx.Done():
			case <-w.wake:
			}
		case wait > 0:
			w.sleep(ctx, wait)
		default:
			return nil
		}
	}
}

// enter starts the attempt if it may start now, or returns a waiter for it. It refuses a deadline that passes even if all
// waiters ahead start at the full rate.
func (q *limiterQueue) enter(ctx context.Context, a LimitedAttempt) (*limiterWaiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.schedule.observe(now, a.PerSecond)
	at := q.schedule.paidAt(now)
	if q.waiters.Len() == 0 {
		at = q.schedule.startTime(now, a.Units)
		if !at.After(now) {
			q.schedule.start(now, a.Units)
			return nil, nil
		}
	}
	if isLate(ctx, at.Add(q.schedule.fullRateTime(q.units))) {
		return nil, q.schedule.errTooLate(now)
	}
	w := &limiterWaiter{units: a.Units, wake: make(chan struct{}, 1)}
	w.element = q.waiters.PushBack(w)
	q.units += w.units
	return w, nil
}

// claim starts w's attempt if w is the first waiter and the attempt may start now: it then returns true and no wait. If w
// is the first but too early, it returns true and how long to wait. After an error w is no longer in the queue.
func (q *limiterQueue) claim(ctx context.Context, w *limiterWaiter) (wait time.Duration, first bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if ctx.Err() != nil {
		q.remove(w)
		return 0, false, contextError(ctx)
	}
	now := time.Now()
	q.schedule.observe(now, 0)
	first = q.waiters.Front() == w.element
	at := q.schedule.paidAt(now)
	if first {
		at = q.schedule.startTime(now, w.units)
	}
	if isLate(ctx, at) {
		q.remove(w)
		return 0, false, q.schedule.errTooLate(now)
	}
	if first && !at.After(now) {
		q.schedule.start(now, w.units)
		q.remove(w)
	}
	return at.Sub(now), first, nil
}

// remove takes w out of the queue and wakes the next waiter if w was the first. The mutex is held.
func (q *limiterQueue) remove(w *limiterWaiter) {
	first := q.waiters.Front() == w.element
	q.waiters.Remove(w.element)
	q.units -= w.units
	if next := q.waiters.Front(); first && next != nil {
		next.Value.(*limiterWaiter).signal()
	}
}

// pause delays all waiters, and wakes them: the deadline of any may now be too early.
func (q *limiterQueue) pause(d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.schedule.observe(now, 0)
	q.schedule.pause(now, d)
	for e := q.waiters.Front(); e != nil; e = e.Next() {
		e.Value.(*limiterWaiter).signal()
	}
}

func (w *limiterWaiter) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// sleep returns after d, when w is woken, or when ctx ends.
func (w *limiterWaiter) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-w.wake:
	case <-timer.C:
	}
}

// isLate reports whether ctx's deadline passes before at.
func isLate(ctx context.Context, at time.Time) bool {
	deadline, ok := ctx.Deadline()
	return ok && deadline.Before(at)
}
