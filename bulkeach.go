package rcuser

import (
	"context"
	"errors"
	"iter"
)

// eachWork is bulk work that makes a call for each item of a stream and returns its value.
type eachWork[I, T any] struct {
	name   string
	stream string // the name of the stream's argument
	id     func(I) string
	check  func(I) error // an *ArgumentError if no request could carry the item
	call   func(context.Context, *Client, I) (T, error)
	merge  func(earlier, later T) T // the values of two calls for an item, if one that fails has a value too; may be nil
}

// eachItem is an item, its position in the stream, and the value of its calls.
type eachItem[I, T any] struct {
	item     I
	position int
	value    T
}

// do makes a call for an item.
func (w *eachWork[I, T]) do(ctx context.Context, c *Client, item *eachItem[I, T]) error {
	value, err := w.call(ctx, c, item.item)
	if w.merge != nil {
		value = w.merge(item.value, value)
	}
	item.value = value
	return err
}

// eachRun is one range over the results of eachWork.
type eachRun[I, T any] struct {
	work    eachWork[I, T]
	tally   *tally
	engine  *bulkEngine[eachItem[I, T], struct{}]
	cancel  context.CancelFunc
	yield   func(BulkResult[T]) bool
	left    bool                // the range was left early
	running map[string]struct{} // ids whose calls haven't ended
	taken   int                 // items taken from the stream
	refused int                 // ids that RC refused while none had succeeded
	changed bool                // a list was changed in part
}

// each yields the results as they come.
func each[I, T any](ctx context.Context, s *BulkService, items iter.Seq2[I, error], opts BulkOptions, work eachWork[I, T]) iter.Seq[BulkResult[T]] {
	return func(yield func(BulkResult[T]) bool) {
		err := (*service)(s).checkBulk(ctx, work.stream, items == nil, opts)
		if err == nil && opts.Journal != nil {
			err = &ArgumentError{"BulkOptions.Journal", "is set, but can't give results again"}
		}
		if err != nil {
			yield(BulkResult[T]{Err: err})
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		r := &eachRun[I, T]{work: work, tally: newTally(work.name, opts), cancel: cancel, yield: yield, running: map[string]struct{}{}}
		r.engine = newBulkEngine(s.client, opts, r, func(c *Client, call *bulkCall[eachItem[I, T]]) (struct{}, error) {
			return struct{}{}, work.do(ctx, c, &call.item)
		})
		defer func() { // waits for the calls in flight, also if the range is left early or panics
			cancel()
			r.engine.close()
		}()
		r.run(ctx, items)
	}
}

func (r *eachRun[I, T]) run(ctx context.Context, items iter.Seq2[I, error]) {
	streamEnd := readStream(ctx, r.engine, items, func(item I) { r.take(ctx, item) })
	r.engine.finish(ctx)
	r.tally.progress.show()
	if r.engine.stop == nil && streamEnd == nil || r.left {
		return
	}
	_, err := r.tally.result(r.engine.stop, streamEnd)
	r.yield(BulkResult[T]{Err: err})
}

func (r *eachRun[I, T]) take(ctx context.Context, item I) {
	position := r.taken
	r.taken++
	if err := r.work.check(item); err != nil {
		var none T
		r.failed(BulkFailure{r.work.id(item), position, BulkFailed, err}, none)
		return
	}
	id := r.work.id(item)
	r.waitFor(ctx, id)
	r.running[id] = struct{}{}
	r.engine.add(ctx, eachItem[I, T]{item: item, position: position})
}

// waitFor waits until no call for an id is running: of two that overlap, the earlier could be applied last, or undo parts of
// the later.
func (r *eachRun[I, T]) waitFor(ctx context.Context, id string) {
	for r.engine.stop == nil {
		if _, running := r.running[id]; !running {
			return
		}
		r.engine.step(ctx)
	}
}

// errLeft ends the work when the range is left early.
var errLeft = errors.New("the range was left")

// give yields a result, unless the range was left.
func (r *eachRun[I, T]) give(result BulkResult[T]) {
	if !r.left && !r.yield(result) {
		r.left = true
		r.engine.end(errLeft)
		r.cancel()
	}
}

// failed counts a user whose call failed.
func (r *eachRun[I, T]) failed(f BulkFailure, value T) {
	if r.left {
		return
	}
	r.tally.addCause(f.Err)
	r.tally.fail(f)
	if r.tally.enough() {
		r.engine.end(ErrStopped)
	}
	r.give(BulkResult[T]{UserID: f.UserID, Value: value, Err: f.Err})
}

func (r *eachRun[I, T]) succeed(c *bulkCall[eachItem[I, T]], _ struct{}) {
	id := r.work.id(c.item.item)
	delete(r.running, id)
	r.tally.done(1)
	r.give(BulkResult[T]{UserID: id, Value: c.item.value})
}

func (r *eachRun[I, T]) fail(c *bulkCall[eachItem[I, T]]) {
	id := r.work.id(c.item.item)
	delete(r.running, id)
	r.failed(BulkFailure{id, c.item.position, c.state(), c.failure(r.engine.stop)}, c.item.value)
}

// maxRefused is how many ids RC may refuse before the first success; after that the reason must concern all of them. It is
// the number of ids in the batches that other bulk work splits to find that out.
const maxRefused = maxTrials * maxIDs

func (r *eachRun[I, T]) refuse(c *bulkCall[eachItem[I, T]]) {
	changes, ok := errors.AsType[*BulkError](c.err)
	switch {
	case !ok:
		r.refused++
	case changes.Report.Done > 0:
		r.changed, r.engine.pendingEnd = true, nil
	case hasType[*Error](c.err): // not only ids that no request may carry
		r.refused += min(changes.Report.Failed, maxIDs)
	}
	if r.engine.succeeded == 0 && !r.changed && r.refused >= maxRefused {
		r.engine.endAfterInFlight(c.err)
	}
	r.engine.fail(c)
}

func (r *eachRun[I, T]) mustWait() bool                      { return false }
func (r *eachRun[I, T]) end(*bulkCall[eachItem[I, T]])       {}
func (r *eachRun[I, T]) settle()                             {}
func (r *eachRun[I, T]) confirmed(*bulkCall[eachItem[I, T]]) {}
