package rcuser

import (
	"context"
	"fmt"
	"iter"
	"slices"
)

// bulkWork is one kind of bulk work.
type bulkWork struct {
	name  string                 // with its parameters; a journal belongs to one name
	batch int                    // ids a call takes
	check func(id string) string // why no request could carry an id, or ""
	send  func(ctx context.Context, c *Client, ids []string) (Operation, error)
}

// bulkRun is one use of a method of [BulkService] that sends many ids a call.
type bulkRun struct {
	work    bulkWork
	tally   *tally
	engine  *bulkEngine[bulkBatch, Operation]
	batcher *batcher
	journal *resumer // nil: there is none
	splits  splits
	taken   int // ids taken from the stream
}

// run does the work for all ids and waits for it.
func (s *BulkService) run(ctx context.Context, work bulkWork, ids iter.Seq2[string, error], opts BulkOptions) (BulkReport, error) {
	if err := (*service)(s).checkBulk(ctx, "ids", ids == nil, opts); err != nil {
		return BulkReport{}, err
	}
	r := &bulkRun{work: work, tally: newTally(work.name, opts), batcher: newBatcher(work.batch)}
	if opts.Journal != nil {
		if err := opts.Journal.Begin(work.name); err != nil {
			return r.tally.result(journalError(err))
		}
		r.journal = &resumer{journal: opts.Journal, limit: work.batch}
	}
	r.engine = newBulkEngine(s.client, opts, r, func(c *Client, call *bulkCall[bulkBatch]) (Operation, error) {
		return work.send(ctx, c, call.item.ids)
	})
	defer r.engine.close()
	streamEnd := r.read(ctx, ids)
	r.engine.finish(ctx)
	r.tally.progress.show()
	return r.tally.result(r.engine.stop, streamEnd)
}

// checkBulk checks the arguments that all bulk work has. stream is the name of the stream's.
func (s *service) checkBulk(ctx context.Context, stream string, isNil bool, opts BulkOptions) error {
	switch {
	case s == nil || s.client == nil:
		return &ArgumentError{"Client", "was not made by NewClient"}
	case ctx == nil:
		return &ArgumentError{"ctx", "is nil"}
	case isNil:
		return &ArgumentError{stream, "is nil"}
	}
	return opts.check()
}

// read sends the ids of the stream, until the stream or the work ends. It returns what ended the stream early.
func (r *bulkRun) read(ctx context.Context, ids iter.Seq2[string, error]) error {
	end := readStream(ctx, r.engine, ids, func(id string) {
		position := r.taken
		r.taken++
		if r.journal == nil {
			r.take(ctx, id, position)
		} else {
			r.journal.hold(id, position)
			r.resume(ctx, false)
		}
	})
	if r.journal != nil {
		r.resume(ctx, true)
	}
	if !r.batcher.empty() {
		r.engine.add(ctx, r.batcher.take())
	}
	return end
}

// take puts an id into the batch, and sends it if it is full.
func (r *bulkRun) take(ctx context.Context, id string, position int) {
	if reason := r.work.check(id); reason != "" {
		err := argumentErrorf(fmt.Sprintf("ids[%d]", position), "%s", reason)
		r.failed(err, BulkFailure{id, position, BulkFailed, err})
		return
	}
	r.batcher.add(id, position)
	if r.batcher.full() {
		r.engine.add(ctx, r.batcher.take())
	}
}

// failed counts ids that failed for the same reason.
func (r *bulkRun) failed(err error, failures ...BulkFailure) {
	r.tally.addCause(err)
	for _, f := range failures {
		r.tally.fail(f)
	}
	if r.tally.enough() {
		r.engine.end(ErrStopped)
	}
}

// succeed counts the ids of a call as done. They are recorded first; if that fails, the work ends, because a later run will
// send them again.
func (r *bulkRun) succeed(c *bulkCall[bulkBatch], operation Operation) {
	ids, positions := c.item.occurrences()
	if r.journal != nil {
		if err := r.journal.record(ids, positions); err != nil {
			r.tally.addCause(err)
			r.engine.end(err)
		}
	}
	r.tally.done(len(ids))
	if hook := r.tally.opts.OnOperation; hook != nil && operation != (Operation{}) {
		hook(operation, slices.Clone(c.item.ids))
	}
	r.splits.succeeded(r)
}

// confirmed records the ids of a call, unless it was the journal that panicked. If recording panics now, that is ignored:
// the first panic goes on.
func (r *bulkRun) confirmed(c *bulkCall[bulkBatch]) {
	defer func() { _ = recover() }()
	if r.journal != nil && !r.journal.busy {
		_ = r.journal.record(c.item.occurrences())
	}
}

// fail counts the ids of a call as failed.
func (r *bulkRun) fail(c *bulkCall[bulkBatch]) {
	ids, positions := c.item.occurrences()
	err, state := c.failure(r.engine.stop), c.state()
	failures := make([]BulkFailure, len(ids))
	for i, id := range ids {
		failures[i] = BulkFailure{id, positions[i], state, err}
	}
	r.failed(err, failures...)
}
