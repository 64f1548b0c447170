package rcuser

import (
	"context"
	"iter"
	"sync/atomic"
)

// each makes one call an item, and yields the results as they come.
func each[I, T any](ctx context.Context, s *BulkService, items iter.Seq[I], id func(I) string, opts BulkOptions, call func(context.Context, *Client, I) (T, error)) iter.Seq[BulkResult[T]] {
	return func(yield func(BulkResult[T]) bool) {
		err := (*service)(s).checkBulk(ctx, opts, items == nil)
		if err == nil && opts.Journal != nil {
			err = &ArgumentError{"BulkOptions.Journal", "is set, but can't give results again"}
		}
		if err != nil {
			yield(BulkResult[T]{Err: err})
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		p := newProgress(opts)
		defer p.last()
		results := make(chan BulkResult[T])
		defer func() { // waits for the calls in flight, also if the range is left early or panics
			cancel()
			for range results {
				continue
			}
		}()
		go produce(ctx, s.client, items, opts.StopAfter, results, func(c *Client, item I) BulkResult[T] {
			value, err := call(ctx, c, item)
			return BulkResult[T]{id(item), value, err}
		}, func(item I, err error) BulkResult[T] { return BulkResult[T]{UserID: id(item), Err: err} })
		for result := range results {
			if result.Err == nil {
				p.count(1, 0)
			} else {
				p.count(0, 1)
			}
			if !yield(result) {
				return
			}
		}
	}
}

// produce makes the calls until ctx ends, the items do, or stopAfter calls have failed, and sends their results. It closes
// results when the calls in flight have ended. do makes a call; unsent returns the result of an item whose call didn't begin.
func produce[I, T any](ctx context.Context, client *Client, items iter.Seq[I], stopAfter int, results chan<- BulkResult[T], do func(*Client, I) BulkResult[T], unsent func(I, error) BulkResult[T]) {
	defer close(results)
	launching, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var failures atomic.Int64
	l := newLauncher(client, stop, func(c *Client, item I) {
		result := do(c, item)
		if result.Err != nil && failures.Add(1) == int64(stopAfter) {
			stop(ErrStopped)
		}
		results <- result
	})
	defer l.close()
	for item := range items {
		if !l.launch(launching, item) {
			results <- unsent(item, stopCause(ctx, launching))
		}
		if launching.Err() != nil {
			return
		}
	}
}
