package rcuser

import (
	"context"
	"runtime"
	"sync"
)

// maxInFlight is more than the calls in flight at 98 calls a second and a latency of 2 s.
const maxInFlight = 256

// launcher makes calls in goroutines that live until it is closed. Its methods are called by one goroutine. A call is
// launched as soon as the one before has passed the limiter, so the limiter alone sets the pace, whatever the latency.
type launcher[C, T any] struct {
	client     *Client
	do         func(*Client, C) (T, error)
	calls      chan C
	ended      chan launched[C, T] // holds the results of all calls in flight, so that no goroutine waits for the receiver
	passed     chan struct{}       // receives once the latest call has passed the limiter; nil for NoLimit
	inFlight   int                 // calls whose result hasn't been received
	goroutines int
	group      sync.WaitGroup
}

// launched is a call that has ended.
type launched[C, T any] struct {
	call     C
	value    T
	err      error
	limit    error // from the limiter
	aborted  bool  // by a panic or runtime.Goexit, of a hook for example
	panicked any   // the panic's value
}

func newLauncher[C, T any](client *Client, do func(*Client, C) (T, error)) *launcher[C, T] {
	l := &launcher[C, T]{client: client, do: do, calls: make(chan C), ended: make(chan launched[C, T], maxInFlight)}
	if client.caller.limiter != NoLimit {
		l.passed = make(chan struct{}, 1)
		l.passed <- struct{}{}
	}
	return l
}

// launch begins a call. At most maxInFlight may be in flight.
func (l *launcher[C, T]) launch(call C) {
	l.inFlight++
	for range 2 {
		if l.offer(call) {
			return
		}
		runtime.Gosched() // lets fast calls end: reusing their goroutines is cheaper than growing new stacks
	}
	if l.goroutines < maxInFlight {
		l.goroutines++
		l.group.Go(func() { l.work(call) })
		return
	}
	l.calls <- call // a goroutine that has sent its result is about to receive it
}

// offer gives a call to an idle goroutine, if there is one.
func (l *launcher[C, T]) offer(call C) bool {
	select {
	case l.calls <- call:
		return true
	default:
		return false
	}
}

// received counts a result as received. If its call panicked or ended its goroutine, so does received.
func (l *launcher[C, T]) received(r *launched[C, T]) {
	l.inFlight--
	if !r.aborted {
		return
	}
	if r.panicked != nil {
		panic(r.panicked)
	}
	l.goroutines--
	runtime.Goexit()
}

// close waits until all calls have ended, and gives those that succeeded and weren't received to confirmed.
func (l *launcher[C, T]) close(confirmed func(C)) {
	defer l.group.Wait() // also if confirmed panics
	defer close(l.calls)
	for ; l.inFlight > 0; l.inFlight-- {
		if r := <-l.ended; r.err == nil && !r.aborted {
			confirmed(r.call)
		}
	}
}

// work makes a call and then those that follow, until the launcher is closed.
func (l *launcher[C, T]) work(call C) {
	run := l.runFunc()
	run(call)
	for call := range l.calls {
		run(call)
	}
}

// runFunc returns what one goroutine makes its calls with.
func (l *launcher[C, T]) runFunc() func(C) {
	if l.passed == nil {
		return func(call C) { l.run(l.client, call, nil) }
	}
	limiter := &launchLimiter{Limiter: l.client.caller.limiter, passed: l.passed}
	client := l.client.withLimiter(limiter)
	return func(call C) {
		limiter.told, limiter.err = false, nil
		l.run(client, call, limiter)
	}
}

// run makes a call and sends its result, however it ends.
func (l *launcher[C, T]) run(client *Client, call C, limiter *launchLimiter) {
	r := launched[C, T]{call: call, aborted: true}
	defer func() {
		if r.aborted {
			r.panicked = recover()
		}
		if limiter != nil {
			r.limit = limiter.err
			limiter.tell() // a call need not reach the limiter
		}
		l.ended <- r
	}()
	r.value, r.err = l.do(client, call)
	r.aborted = false
}

// launchLimiter is the client's limiter for the calls of one goroutine. It tells the launcher when a call's first attempt
// has passed.
type launchLimiter struct {
	Limiter
	passed chan<- struct{}
	told   bool  // that the running call has passed
	err    error // of the running call's last wait
}

func (l *launchLimiter) Wait(ctx context.Context, attempt LimitedAttempt) error {
	l.err = l.Limiter.Wait(ctx, attempt)
	l.tell()
	return l.err
}

func (l *launchLimiter) tell() {
	if !l.told {
		l.told = true
		l.passed <- struct{}{} // doesn't block: the next call isn't launched before this is received
	}
}
