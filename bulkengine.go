package rcuser

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

// bulkEngine makes the calls of bulk work. Its methods, and through them all hooks, are called by the goroutine that called
// the method of [BulkService]; only the calls themselves are made by others.
type bulkEngine[I, T any] struct {
	launcher     *launcher[*bulkCall[I], T]
	work         bulkHandler[I, T]
	queue        []*bulkCall[I] // to be launched; at most those that were in flight when an outage began, and one more
	stop         error          // why no further call begins
	pendingEnd   error          // ends the work once no call is in flight, unless one of them succeeds
	outage       outage
	probe        *bulkCall[I] // in flight during an outage
	mayPass      bool         // the next call needn't wait: the latest has passed the limiter
	succeeded    int          // calls
	answered     int          // calls, by RC
	refusedInRow int          // calls that were refused before RC saw them since it answered one, and launched since
}

func newBulkEngine[I, T any](client *Client, opts BulkOptions, work bulkHandler[I, T], do func(*Client, *bulkCall[I]) (T, error)) *bulkEngine[I, T] {
	return &bulkEngine[I, T]{
		launcher: newLauncher(client, do), work: work, outage: newOutage(opts.MaxOutage),
	}
}

// readStream gives the items of a stream to take, until the stream or the work ends. It returns what ended the stream
// early.
func readStream[S, I, T any](ctx context.Context, e *bulkEngine[I, T], stream iter.Seq2[S, error], take func(S)) error {
	for item, err := range stream {
		if err != nil {
			return fmt.Errorf("stream: %w", err)
		}
		take(item)
		if e.poll(ctx); e.stop != nil {
			return nil
		}
	}
	if ctx.Err() != nil { // the stream may have ended because of it
		return contextError(ctx)
	}
	return nil
}

// bulkHandler is what the two kinds of bulk work do with the results of calls.
type bulkHandler[I, T any] interface {
	succeed(c *bulkCall[I], value T)
	refuse(c *bulkCall[I])    // the refusal may lie in one of the ids
	fail(c *bulkCall[I])      // for good
	end(c *bulkCall[I])       // c and all calls that were split off with it have ended
	mustWait() bool           // no call for further ids may begin yet
	settle()                  // fails the calls that it holds back, as the work has ended
	confirmed(c *bulkCall[I]) // c succeeded, but a panic has ended the work
}

// add launches a call for further ids, after those that are queued. When the work has ended, the call fails.
func (e *bulkEngine[I, T]) add(ctx context.Context, item I) {
	for e.stop == nil && (e.pendingEnd != nil || e.work.mustWait()) {
		e.step(ctx)
	}
	e.queue = append(e.queue, &bulkCall[I]{item: item})
	for e.stop == nil && len(e.queue) > 0 {
		e.step(ctx)
	}
	e.settle()
}

// poll does what can be done without waiting.
func (e *bulkEngine[I, T]) poll(ctx context.Context) {
	if ctx.Err() != nil {
		e.end(contextError(ctx))
	}
	for e.stop == nil && (len(e.launcher.ended) > 0 || e.launchable()) {
		e.step(ctx)
	}
	e.settle()
}

// finish waits until all calls have ended.
func (e *bulkEngine[I, T]) finish(ctx context.Context) {
	for e.launcher.inFlight > 0 || e.stop == nil && len(e.queue) > 0 {
		if e.stop == nil && len(e.queue) > 0 {
			e.step(ctx)
			continue
		}
		r := <-e.launcher.ended
		e.handle(ctx, &r)
	}
	e.settle()
}

// end ends the work for a reason, if it hasn't ended yet: no further call begins.
func (e *bulkEngine[I, T]) end(reason error) {
	if e.stop == nil {
		e.stop = reason
	}
}

// settle fails what is queued when the work has ended.
func (e *bulkEngine[I, T]) settle() {
	if e.stop == nil {
		return
	}
	queue := e.queue
	e.queue = nil
	for _, c := range queue {
		e.fail(c)
	}
	e.work.settle()
}

// step handles a result, launches a call, or waits until one of them can be done. The work hasn't ended.
func (e *bulkEngine[I, T]) step(ctx context.Context) {
	select {
	case r := <-e.launcher.ended:
		e.handle(ctx, &r)
		return
	default:
	}
	switch {
	case ctx.Err() != nil:
		e.end(contextError(ctx))
	case e.launchable():
		e.launch()
	default:
		e.wait(ctx)
	}
}

// launchable reports whether the first call of the queue may begin now.
func (e *bulkEngine[I, T]) launchable() bool {
	if e.stop != nil || e.pendingEnd != nil || len(e.queue) == 0 || e.launcher.inFlight >= maxInFlight {
		return false
	}
	if e.outage.active() && (e.probe != nil || time.Now().Before(e.outage.probe)) {
		return false
	}
	if e.launcher.passed == nil || e.mayPass {
		return true
	}
	select {
	case <-e.launcher.passed:
		e.mayPass = true
	default:
	}
	return e.mayPass
}

func (e *bulkEngine[I, T]) launch() {
	c := e.queue[0]
	e.queue = slices.Delete(e.queue, 0, 1)
	if e.outage.active() {
		e.probe = c
	}
	e.mayPass = false
	c.began = e.answered
	e.launcher.launch(c)
}

// wait waits for a result, for the limiter, for the next probe, or for the end of ctx.
func (e *bulkEngine[I, T]) wait(ctx context.Context) {
	var passed <-chan struct{}
	if len(e.queue) > 0 && !e.mayPass {
		passed = e.launcher.passed
	}
	var probe <-chan time.Time
	if e.outage.active() && e.probe == nil {
		now := time.Now()
		timer := time.NewTimer(e.outage.nextEvent(now).Sub(now))
		defer timer.Stop()
		probe = timer.C
	}
	select {
	case r := <-e.launcher.ended:
		e.handle(ctx, &r)
	case <-passed:
		e.mayPass = true
	case <-probe:
		e.checkOutage(time.Now())
	case <-ctx.Done():
		e.end(contextError(ctx))
	}
}

// handle does what follows from the result of a call.
func (e *bulkEngine[I, T]) handle(ctx context.Context, r *launched[*bulkCall[I], T]) {
	e.launcher.received(r)
	c := r.call
	probed := c == e.probe
	if probed {
		e.probe = nil
	}
	if r.err == nil {
		e.succeeded++
		e.pendingEnd = nil
		e.reached()
		e.work.succeed(c, r.value)
		e.follow(c)
		return
	}
	c.failed(r.err)
	_, hasDeadline := ctx.Deadline()
	switch {
	case ctx.Err() != nil:
		e.end(contextError(ctx))
	case hasDeadline && errors.Is(r.limit, context.DeadlineExceeded): // no later call would pass before it either
		e.end(fmt.Errorf("rate limit: %w", r.limit))
	}
	e.react(c, scopeOf(r.err), probed)
	if e.pendingEnd != nil && e.launcher.inFlight == 0 {
		e.end(e.pendingEnd)
	}
}

// endAfterInFlight ends the work for a reason for which no call seems able to succeed, once the calls in flight have ended
// and none of them has succeeded. No further call begins meanwhile.
func (e *bulkEngine[I, T]) endAfterInFlight(reason error) {
	if e.pendingEnd == nil {
		e.pendingEnd = reason
	}
}

// react does what follows from a call that failed.
func (e *bulkEngine[I, T]) react(c *bulkCall[I], scope failureScope, probed bool) {
	switch {
	case e.stop != nil:
		e.fail(c)
	case scope == unreachable:
		e.putBack(c, probed)
	case scope == someIDs:
		e.reached()
		e.work.refuse(c)
	case scope == oneCall:
		e.reached()
		e.fail(c)
	default:
		if c.began == e.answered {
			e.refusedInRow++
		}
		if scope == everyCall || e.refusedInRow >= maxRefusedInRow {
			e.end(c.err)
		}
		e.fail(c)
	}
}

// maxRefusedInRow calls that were refused before RC saw them end the work if RC answered none meanwhile. If it answered one,
// the reason lies in the calls, whose results may come in any order.
const maxRefusedInRow = 3

// reached ends an outage, as RC has answered.
func (e *bulkEngine[I, T]) reached() {
	e.answered++
	e.refusedInRow = 0
	e.outage.over()
}

// putBack queues a call again that wasn't answered, or fails it if that was so too often.
func (e *bulkEngine[I, T]) putBack(c *bulkCall[I], probed bool) {
	if c.countUnanswered(e.succeeded); c.unanswered >= maxUnanswered {
		e.fail(c)
		return
	}
	e.queue = append(e.queue, c)
	now := time.Now()
	e.outage.failed(now, c.err, probed)
	e.checkOutage(now)
}

// checkOutage ends the work if an outage lasts too long.
func (e *bulkEngine[I, T]) checkOutage(now time.Time) {
	switch o := &e.outage; {
	case !o.active() || now.Before(o.end()):
	case o.limit < 0:
		e.end(o.err)
	default:
		e.end(fmt.Errorf("no call got through for %v: %w", now.Sub(o.since).Round(time.Second), o.err))
	}
}

// fail fails a call for good.
func (e *bulkEngine[I, T]) fail(c *bulkCall[I]) {
	e.work.fail(c)
	e.follow(c)
}

// follow queues the call that is to follow c, which has ended, or fails it if the work has ended.
func (e *bulkEngine[I, T]) follow(c *bulkCall[I]) {
	switch next := c.next; {
	case next == nil:
		e.work.end(c)
	case e.stop != nil:
		e.fail(next)
	default:
		e.queueFirst(next)
	}
}

func (e *bulkEngine[I, T]) queueFirst(c *bulkCall[I]) {
	e.queue = slices.Insert(e.queue, 0, c)
}

// close waits for the calls in flight, also after a panic.
func (e *bulkEngine[I, T]) close() { e.launcher.close(e.work.confirmed) }
