package rcuser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
)

// bulkWork is one kind of bulk work.
type bulkWork struct {
	name  string                 // with its parameters; a journal is of one name
	batch int                    // ids a call takes
	check func(id string) string // why no request could carry an id, or ""
	send  func(ctx context.Context, c *Client, ids []string) error
}

// bulkBatch is the ids of one call, and where in the stream each stands: more than once if it was given again.
type bulkBatch struct {
	ids []string
	at  map[string][]int
}

// bulkRun is one bulk call.
type bulkRun struct {
	work  bulkWork
	opts  BulkOptions
	stop  context.CancelCauseFunc // begins no further call; those in flight go on
	meter *meter
	cut   bool // the stream may have had more ids

	mu         sync.Mutex
	total      int
	done       int
	failed     []bulkFailureAt
	unknown    []bulkFailureAt
	notStarted []bulkFailureAt
	causes     []error
}

type bulkFailureAt struct {
	BulkFailure
	position int
}

// run does the work for all ids and waits for it.
func (s *BulkService) run(ctx context.Context, work bulkWork, ids iter.Seq[string], opts BulkOptions) (BulkReport, error) {
	if err := (*service)(s).checkBulk(ctx, opts, ids == nil); err != nil {
		return BulkReport{}, err
	}
	if opts.Journal != nil {
		if err := opts.Journal.Begin(work.name); err != nil {
			return BulkReport{}, fmt.Errorf("rcuser: journal: %w", err)
		}
	}
	launching, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r := &bulkRun{work: work, opts: opts, stop: stop, meter: newMeter(opts)}
	f := newFleet(s.client, stop)
	for batch := range r.batches(launching, ids) {
		if !f.launch(launching, func(c *Client) { r.do(ctx, c, batch) }) {
			r.put(batch, endOf(ctx, launching), &r.notStarted)
		}
	}
	f.wait()
	r.meter.last()
	return r.report(endOf(ctx, launching))
}

func (s *service) checkBulk(ctx context.Context, opts BulkOptions, missing bool) error {
	switch {
	case s == nil || s.client == nil:
		return &ArgumentError{"Client", "was not made by NewClient"}
	case ctx == nil:
		return &ArgumentError{"ctx", "is nil"}
	}
	return opts.check(missing)
}

// endOf returns why no further call begins: the caller's context, or what stopped the launching. nil means neither.
func endOf(ctx, launching context.Context) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	return context.Cause(launching)
}

// batches takes ids from the stream until launching ends, and leaves out those that are done or can't be sent.
func (r *bulkRun) batches(launching context.Context, ids iter.Seq[string]) iter.Seq[bulkBatch] {
	return func(yield func(bulkBatch) bool) {
		position := 0
		batch := bulkBatch{at: map[string][]int{}}
		for id := range ids {
			if r.take(id, position) {
				if batch.at[id] == nil {
					batch.ids = append(batch.ids, id)
				}
				batch.at[id] = append(batch.at[id], position)
			}
			position++
			if len(batch.ids) == r.work.batch {
				if !yield(batch) {
					return
				}
				batch = bulkBatch{at: map[string][]int{}}
			}
			if r.cut = launching.Err() != nil; r.cut {
				break
			}
		}
		if len(batch.ids) > 0 {
			yield(batch)
		}
	}
}

// take counts an id of the stream and reports whether it is to be sent.
func (r *bulkRun) take(id string, position int) bool {
	r.mu.Lock()
	r.total++
	r.mu.Unlock()
	if r.wasDone(id, position) {
		r.mu.Lock()
		r.done++
		r.mu.Unlock()
		r.meter.skip()
		return false
	}
	if reason := r.work.check(id); reason != "" {
		r.fail(bulkBatch{[]string{id}, map[string][]int{id: {position}}}, argumentErrorf(fmt.Sprintf("ids[%d]", position), "%s", reason), &r.failed)
		return false
	}
	return true
}

// wasDone reports whether the journal has an id. If it has another in its place, the work ends.
func (r *bulkRun) wasDone(id string, position int) bool {
	if r.opts.Journal == nil {
		return false
	}
	done, err := r.opts.Journal.Done(position, id)
	if err != nil {
		r.stop(fmt.Errorf("journal: %w", err))
	}
	return done
}

// do makes the call of a batch and, if RC refuses it for what may be one of the ids, those of its halves.
func (r *bulkRun) do(ctx context.Context, c *Client, b bulkBatch) {
	err := r.work.send(ctx, c, b.ids)
	failure, _ := errors.AsType[*Error](err)
	switch {
	case err == nil:
		r.succeed(b)
	case failure == nil:
		r.fail(b, err, &r.failed)
	case len(b.ids) > 1 && mayLieInOneID(failure.Code):
		half := len(b.ids) / 2
		r.do(ctx, c, bulkBatch{b.ids[:half], b.at})
		r.do(ctx, c, bulkBatch{b.ids[half:], b.at})
	case failure.Outcome == Unknown:
		r.fail(b, err, &r.unknown)
	case failure.StatusCode == 0: // nothing was ever sent
		r.fail(b, err, &r.notStarted)
	default:
		r.fail(b, err, &r.failed)
	}
}

// mayLieInOneID reports whether a call without some of its ids may succeed. Codes that aren't known may mean that.
func mayLieInOneID(code ErrorCode) bool {
	switch code {
	case 0, ErrInternal, ErrAppSecret, ErrNoData, ErrSignature, ErrAppLocked, ErrForbidden, ErrRateLimited, ErrNotEnabled, ErrTimeout:
		return false
	}
	return true
}

// succeed tells the journal before it counts: what it couldn't note would be sent again by a later run.
func (r *bulkRun) succeed(b bulkBatch) {
	n := 0
	for _, id := range b.ids {
		n += len(b.at[id])
	}
	if r.opts.Journal != nil {
		if err := record(r.opts.Journal, b); err != nil {
			err = fmt.Errorf("journal: %w", err)
			r.note(err)
			r.stop(err)
		}
	}
	r.mu.Lock()
	r.done += n
	r.mu.Unlock()
	r.meter.count(n, 0)
}

// fail is for ids whose call failed.
func (r *bulkRun) fail(b bulkBatch, err error, list *[]bulkFailureAt) {
	r.note(err)
	failures := r.meter.count(0, r.put(b, err, list))
	if r.opts.StopAfter > 0 && failures >= r.opts.StopAfter {
		r.stop(errStopped)
	}
}

// put puts the ids of a batch, each as often as it was given, into a list, and returns how many they are.
func (r *bulkRun) put(b bulkBatch, err error, list *[]bulkFailureAt) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := len(*list)
	for _, id := range b.ids {
		for _, position := range b.at[id] {
			*list = append(*list, bulkFailureAt{BulkFailure{id, err}, position})
		}
	}
	return len(*list) - before
}

const maxCauses = 16

// note keeps some of the causes, so that errors.Is finds them; all are in the report.
func (r *bulkRun) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.causes) < maxCauses {
		r.causes = append(r.causes, err)
	}
}

// report sorts what failed by its place in the stream.
func (r *bulkRun) report(end error) (BulkReport, error) {
	report := BulkReport{Total: r.total, Done: r.done, Failed: inOrder(r.failed), Unknown: inOrder(r.unknown)}
	for _, f := range inOrder(r.notStarted) {
		report.NotStarted = append(report.NotStarted, f.UserID)
	}
	causes := r.causes
	if end != nil && (r.cut || r.done < r.total) {
		causes = append([]error{end}, causes...)
	}
	if len(causes) == 0 {
		return report, nil
	}
	return report, &bulkError{r.work.name, report, causes}
}

func inOrder(failures []bulkFailureAt) []BulkFailure {
	slices.SortFunc(failures, func(a, b bulkFailureAt) int { return cmp.Compare(a.position, b.position) })
	var sorted []BulkFailure
	for _, f := range failures {
		sorted = append(sorted, f.BulkFailure)
	}
	return sorted
}

type bulkError struct {
	work   string
	report BulkReport
	causes []error
}

func (e *bulkError) Error() string {
	return fmt.Sprintf("rcuser: %s: %d of %d ids done, %d failed, %d unknown, %d not started: %v",
		e.work, e.report.Done, e.report.Total, len(e.report.Failed), len(e.report.Unknown), len(e.report.NotStarted), e.causes[0])
}

func (e *bulkError) Unwrap() []error { return e.causes }
