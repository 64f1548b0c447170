package rcuser

import (
	"context"
	"fmt"
	"runtime"
	"sync"
)

// maxInFlight is more than the calls in flight at 98 calls a second and a latency of 2 s.
const maxInFlight = 256

// launcher hands tasks, usually one call each, to goroutines that live until it is closed. A task is launched as soon as
// the call of the one before has passed the limiter, so the limiter alone sets the pace, whatever the latency.
type launcher[T any] struct {
	client *Client
	stop   context.CancelCauseFunc // ends launching
	do     func(*Client, T)
	tasks  chan T
	slots  chan struct{} // holds one for each goroutine
	passed chan struct{} // receives once the latest task has passed the limiter; nil for NoLimit
	group  sync.WaitGroup
}

// newLauncher returns a launcher that runs do with a client for its calls.
func newLauncher[T any](client *Client, stop context.CancelCauseFunc, do func(*Client, T)) *launcher[T] {
	l := &launcher[T]{client: client, stop: stop, do: do, tasks: make(chan T), slots: make(chan struct{}, maxInFlight)}
	if client.caller.limiter != NoLimit {
		l.passed = make(chan struct{}, 1)
		l.passed <- struct{}{}
	}
	return l
}

// launch waits until a task may begin, and begins it. If ctx ends first, it reports false and the task isn't run.
func (l *launcher[T]) launch(ctx context.Context, task T) bool {
	if l.passed != nil {
		select {
		case <-l.passed:
		case <-ctx.Done():
			return false
		}
	}
	for range 2 {
		if ctx.Err() != nil { // it may have ended together with what was waited for
			return false
		}
		if l.offer(task) {
			return true
		}
		runtime.Gosched() // lets fast calls end: reusing their goroutines is cheaper than growing new stacks
	}
	select {
	case l.tasks <- task:
	case l.slots <- struct{}{}:
		l.group.Go(func() { l.work(task) })
	case <-ctx.Done():
		return false
	}
	return true
}

// offer gives a task to an idle goroutine, if there is one.
func (l *launcher[T]) offer(task T) bool {
	select {
	case l.tasks <- task:
		return true
	default:
		return false
	}
}

// close waits until all tasks have ended. No task can be launched after it.
func (l *launcher[T]) close() {
	close(l.tasks)
	l.group.Wait()
}

// work runs a task and then those that follow, until the launcher is closed.
func (l *launcher[T]) work(task T) {
	defer func() { <-l.slots }()
	run := l.runFunc()
	run(task)
	for task := range l.tasks {
		run(task)
	}
}

// runFunc returns what one goroutine runs its tasks with.
func (l *launcher[T]) runFunc() func(T) {
	if l.passed == nil {
		return func(task T) { l.do(l.client, task) }
	}
	limiter := &launchLimiter{Limiter: l.client.caller.limiter, stop: l.stop, passed: l.passed}
	client := l.client.withLimiter(limiter)
	return func(task T) {
		limiter.told = false
		defer limiter.tell() // a task need not reach the limiter
		l.do(client, task)
	}
}

// launchLimiter is the client's limiter for the tasks of one goroutine. It tells the launcher when a task's first
// attempt has passed. An error ends launching: no later call would pass before the context's deadline either.
type launchLimiter struct {
	Limiter
	stop   context.CancelCauseFunc
	passed chan<- struct{}
	told   bool // that the running task has passed
}

func (l *launchLimiter) Wait(ctx context.Context, attempt LimitedAttempt) error {
	err := l.Limiter.Wait(ctx, attempt)
	if err != nil {
		l.stop(fmt.Errorf("rate limit: %w", err))
	}
	l.tell()
	return err
}

func (l *launchLimiter) tell() {
	if !l.told {
		l.told = true
		l.passed <- struct{}{} // doesn't block: the next task isn't launched before this is received
	}
}
