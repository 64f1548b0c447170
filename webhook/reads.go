package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	storeInterval   = time.Second      // between the reads of an operation from a store that others may write to
	maxReads        = 4                // at a time; a read that never returns stays one of them
	readLimit       = 10 * time.Second // then the store is told to give up
	lastReadTimeout = time.Second      // after the end of the context that a Wait was given
)

// readState is the state of an operation's reads from the store. There is at most one at a time.
type readState struct {
	queued  bool
	since   time.Time // when the running read began; zero = none runs
	cancel  context.CancelFunc
	next    []*barrier // wait for the end of a read that hasn't begun
	running []*barrier // wait for the end of the running one
}

// barrier is closed once a number of reads have ended.
type barrier struct {
	reads int
	ended chan struct{}
}

func (b *barrier) readEnded() {
	if b.reads--; b.reads == 0 {
		close(b.ended)
	}
}

// endBarriers counts one read as ended for each of the barriers, and empties the list.
func endBarriers(barriers *[]*barrier) {
	for _, b := range *barriers {
		b.readEnded()
	}
	*barriers = nil
}

// startShared starts the goroutine that all waiters share, unless it runs already.
func (o *Operations) startShared() {
	if o.stopShared != nil {
		return
	}
	var ctx context.Context
	ctx, o.stopShared = context.WithCancel(context.Background())
	if o.sharedStore || o.pollInterval != 0 {
		go o.run(ctx)
	}
}

// run reads the store and the list of deactivated users at their intervals until ctx ends. It never waits for either.
func (o *Operations) run(ctx context.Context) {
	var storeTick, pollTick <-chan time.Time
	if o.sharedStore {
		ticker := time.NewTicker(storeInterval)
		defer ticker.Stop()
		storeTick = ticker.C
	}
	if o.pollInterval != 0 {
		ticker := time.NewTicker(o.pollInterval)
		defer ticker.Stop()
		pollTick = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-storeTick:
			o.readAll()
		case <-pollTick:
			o.startPoll(ctx)
		}
	}
}

func (o *Operations) readAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	for _, op := range o.awaited {
		o.queueRead(op)
		if op.polled != nil && now.Sub(op.polledAt) > readLimit {
			o.deliver(op) // what was polled needn't wait for a store that doesn't answer
		}
	}
}

// lasts returns for how long the running read has lasted.
func (r *readState) lasts(now time.Time) time.Duration {
	if r.since.IsZero() {
		return 0
	}
	return now.Sub(r.since)
}

// queueRead makes sure that a read of the operation begins after this call.
func (o *Operations) queueRead(op *awaited) {
	if !op.read.queued {
		op.read.queued = true
		if op.read.since.IsZero() {
			o.readQueue = append(o.readQueue, op)
		}
	}
	o.startReads()
}

// startReads begins reads in the order of the queue, as many as may run at a time.
func (o *Operations) startReads() {
	for o.reading < maxReads && len(o.readQueue) > 0 {
		op := o.readQueue[0]
		o.readQueue = o.readQueue[1:]
		op.read.queued = false
		if len(op.waiters) > 0 {
			o.startRead(op)
		}
	}
}

// stored is what a read finds.
type stored struct {
	results     map[string]Result
	deactivated map[string]time.Time
	hasTimes    bool // the store was asked for deactivated, and answered
}

func (o *Operations) startRead(op *awaited) {
	ids, startOf := op.wanted(), op.startOf
	ctx, cancel := context.WithTimeout(context.Background(), readLimit)
	op.read.since, op.read.cancel = time.Now(), cancel
	op.read.running, op.read.next = op.read.next, nil
	o.reading++
	go guarded("the store", func() (s stored, err error) {
		if startOf != nil {
			var timesErr error
			s.deactivated, timesErr = o.store.Deactivated(ctx, startOf)
			s.hasTimes = timesErr == nil
		}
		s.results, err = o.store.Results(ctx, op.id, ids)
		switch {
		case err == nil || !o.sharedStore:
		case ctx.Err() != nil:
			err = fmt.Errorf("webhook: the store didn't answer within %v: %w", readLimit, err)
		default:
			err = fmt.Errorf("webhook: reading the store: %w", err)
		}
		return s, err
	}, func(s stored, err error) {
		cancel()
		o.endRead(op, ids, s, err)
	})
}

// wanted returns the ids that any waiter misses, each once.
func (op *awaited) wanted() []string {
	var ids []string
	seen := make(map[string]struct{})
	for _, missing := range op.waiters {
		for _, id := range missing {
			if _, ok := seen[id]; !ok {
				seen[id] = struct{}{}
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// endRead delivers what a read found, also together with an error, and begins the next reads.
func (o *Operations) endRead(op *awaited, ids []string, s stored, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reading--
	op.read.since, op.read.cancel = time.Time{}, nil
	op.storeErr = err
	for _, id := range ids {
		if result, ok := s.results[id]; ok {
			op.known[id] = result
		}
	}
	if s.hasTimes {
		o.correctStart(op, s.deactivated)
	}
	o.deliver(op)
	endBarriers(&op.read.running)
	if op.read.queued {
		o.readQueue = append(o.readQueue, op)
	}
	o.startReads()
}

// readAgain returns a channel that is closed when each operation of w has been read once more.
func (o *Operations) readAgain(w *waiter) <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := &barrier{len(w.operations), make(chan struct{})}
	for op := range w.operations {
		op.read.next = append(op.read.next, b)
		o.queueRead(op)
	}
	return b.ended
}

// readProblem returns what was wrong with the last read, or nil.
func (op *awaited) readProblem(now time.Time, late bool) error {
	switch lasts := op.read.lasts(now); {
	case lasts >= lastReadTimeout:
		return fmt.Errorf("webhook: the store hasn't answered for %v", lasts.Round(time.Second))
	case late:
		return errors.Join(op.storeErr, errLastRead)
	}
	return op.storeErr
}

var errLastRead = fmt.Errorf("webhook: the store didn't answer the last read within %v", lastReadTimeout)
