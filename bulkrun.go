package rcuser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
)

// bulkWork is one kind of bulk work.
type bulkWork struct {
	name  string                 // with its parameters; a journal belongs to one name
	batch int                    // ids a call takes
	check func(id string) string // why no request could carry an id, or ""
	send  func(ctx context.Context, c *Client, ids []string) error
}

// bulkRun is one bulk call. The fields before mu belong to the caller's goroutine.
type bulkRun struct {
	work        bulkWork
	opts        BulkOptions
	stop        context.CancelCauseFunc // begins no further call; those in flight go on
	progress    *progress
	interrupted bool // launching ended before the stream did
	total       int  // ids taken from the stream
	resumed     int  // of them, those that the journal has as done

	mu         sync.Mutex
	done       int
	failed     []BulkFailure
	unknown    []BulkFailure
	notStarted []BulkFailure
	causes     []error
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
	r := &bulkRun{work: work, opts: opts, stop: stop, progress: newProgress(opts)}
	r.launchAll(ctx, launching, s.client, ids)
	r.progress.last()
	return r.report(stopCause(ctx, launching))
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

// launchAll makes the calls of all batches and waits for them.
func (r *bulkRun) launchAll(ctx, launching context.Context, client *Client, ids iter.Seq[string]) {
	l := newLauncher(client, r.stop, func(c *Client, b bulkBatch) { r.send(ctx, c, b) })
	defer l.close() // also when the stream panics
	for batch := range r.batches(launching, ids) {
		if !l.launch(launching, batch) {
			r.addTo(&r.notStarted, batch, stopCause(ctx, launching))
		}
	}
}

// stopCause returns why no further call begins: the error of the caller's context, or what ended launching. It is nil if
// neither has ended.
func stopCause(ctx, launching context.Context) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	return context.Cause(launching)
}

// batches takes ids from the stream until launching ends, and leaves out those that are done or can't be sent.
func (r *bulkRun) batches(launching context.Context, ids iter.Seq[string]) iter.Seq[bulkBatch] {
	return func(yield func(bulkBatch) bool) {
		inBatch := make(map[string]struct{}, r.work.batch)
		batch := newBulkBatch(r.work.batch)
		for id := range ids {
			position := r.total
			r.total++
			if r.needsSending(id, position) {
				batch.add(inBatch, id, position)
			}
			if len(batch.ids) == r.work.batch {
				if !yield(batch) {
					return
				}
				clear(inBatch)
				batch = newBulkBatch(r.work.batch)
			}
			if r.interrupted = launching.Err() != nil; r.interrupted {
				break
			}
		}
		if len(batch.ids) > 0 {
			yield(batch)
		}
	}
}

// needsSending reports whether an id is neither done already nor one that no request could carry.
func (r *bulkRun) needsSending(id string, position int) bool {
	if reason := r.work.check(id); reason != "" {
		alone := bulkBatch{ids: []string{id}, positions: []int{position}}
		r.fail(&r.failed, alone, argumentErrorf(fmt.Sprintf("ids[%d]", position), "%s", reason))
		return false
	}
	return true
}

// send makes the call of a batch. If RC refuses it for a reason that may lie in one of the ids, it sends the two halves.
func (r *bulkRun) send(ctx context.Context, c *Client, b bulkBatch) {
	err := r.work.send(ctx, c, b.ids)
	failure, _ := errors.AsType[*Error](err)
	switch {
	case err == nil:
		r.succeed(b)
	case failure == nil:
		r.fail(&r.failed, b, err)
	case len(b.ids) > 1 && mayLieInOneID(failure.Code):
		first, second := b.halves()
		r.send(ctx, c, first)
		r.send(ctx, c, second)
	case failure.Outcome == Unknown:
		r.fail(&r.unknown, b, err)
	case failure.StatusCode == 0: // nothing was ever sent
		r.fail(&r.notStarted, b, err)
	default:
		r.fail(&r.failed, b, err)
	}
}

// mayLieInOneID reports whether the call may succeed without some of its ids. A code that isn't known may mean that.
func mayLieInOneID(code ErrorCode) bool {
	switch code {
	case 0, ErrInternal, ErrAppSecret, ErrNoData, ErrSignature, ErrAppLocked, ErrForbidden, ErrRateLimited, ErrNotEnabled, ErrTimeout:
		return false
	}
	return true
}

// succeed counts the ids of a batch as done. They are recorded first; if that fails, the work ends, as a later run would
// send them again.
func (r *bulkRun) succeed(b bulkBatch) {
	ids, positions := b.occurrences()
	if r.opts.Journal != nil {
		if err := recordRuns(r.opts.Journal, ids, positions); err != nil {
			err = fmt.Errorf("journal: %w", err)
			r.addCause(err)
			r.stop(err)
		}
	}
	r.mu.Lock()
	r.done += len(ids)
	r.mu.Unlock()
	r.progress.count(len(ids), 0)
}

// fail puts the ids of a batch whose call failed into a list.
func (r *bulkRun) fail(list *[]BulkFailure, b bulkBatch, err error) {
	r.addCause(err)
	failures := r.progress.count(0, r.addTo(list, b, err))
	if r.opts.StopAfter > 0 && failures >= r.opts.StopAfter {
		r.stop(ErrStopped)
	}
}

// addTo adds the ids of a batch, each as often as it was given, to a list and returns how many they are.
func (r *bulkRun) addTo(list *[]BulkFailure, b bulkBatch, err error) int {
	ids, positions := b.occurrences()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, id := range ids {
		*list = append(*list, BulkFailure{UserID: id, Position: positions[i], Err: err})
	}
	return len(ids)
}

const maxCauses = 16

// addCause keeps the first causes for errors.Is and errors.As; the report has all.
func (r *bulkRun) addCause(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.causes) < maxCauses {
		r.causes = append(r.causes, err)
	}
}

// report returns the report and the error. stopped is why no further call began, or nil; it counts if it kept the work
// from being complete.
func (r *bulkRun) report(stopped error) (BulkReport, error) {
	report := BulkReport{
		Total: r.total, Done: r.resumed + r.done, Resumed: r.resumed,
		Failed: len(r.failed), Unknown: len(r.unknown), NotStarted: len(r.notStarted),
	}
	for state, list := range map[BulkState][]BulkFailure{BulkFailed: r.failed, BulkUnknown: r.unknown, BulkNotStarted: r.notStarted} {
		for _, failure := range list {
			failure.State = state
			report.Failures = append(report.Failures, failure)
		}
	}
	slices.SortFunc(report.Failures, func(a, b BulkFailure) int { return cmp.Compare(a.Position, b.Position) })
	causes := r.causes
	if stopped != nil && (r.interrupted || report.Done < report.Total) {
		causes = append([]error{stopped}, causes...)
	}
	if len(causes) == 0 {
		return report, nil
	}
	return report, &BulkError{r.work.name, report, causes}
}

// bulkBatch is the ids of one call, each once, and their positions in the stream.
type bulkBatch struct {
	ids       []string
	positions []int            // of ids, where each was given first
	repeats   map[string][]int // the further positions of those that were given again; nil if there are none
}

func newBulkBatch(size int) bulkBatch {
	return bulkBatch{ids: make([]string, 0, size), positions: make([]int, 0, size)}
}

// add adds an id to a batch, whose ids inBatch holds.
func (b *bulkBatch) add(inBatch map[string]struct{}, id string, position int) {
	before := len(inBatch)
	if inBatch[id] = struct{}{}; len(inBatch) > before {
		b.ids = append(b.ids, id)
		b.positions = append(b.positions, position)
		return
	}
	if b.repeats == nil {
		b.repeats = map[string][]int{}
	}
	b.repeats[id] = append(b.repeats[id], position)
}

func (b bulkBatch) halves() (first, second bulkBatch) {
	half := len(b.ids) / 2
	return bulkBatch{b.ids[:half], b.positions[:half], b.repeats}, bulkBatch{b.ids[half:], b.positions[half:], b.repeats}
}

// occurrences returns the ids of a batch, each as often as it was given, in the order of their positions.
func (b bulkBatch) occurrences() (ids []string, positions []int) {
	if b.repeats == nil {
		return b.ids, b.positions
	}
	idAt := map[int]string{}
	for i, id := range b.ids {
		idAt[b.positions[i]] = id
		for _, position := range b.repeats[id] {
			idAt[position] = id
		}
	}
	positions = slices.Sorted(maps.Keys(idAt))
	for _, position := range positions {
		ids = append(ids, idAt[position])
	}
	return ids, positions
}

// recordRuns calls Record for each run of consecutive positions. positions belong to ids, and ascend.
func recordRuns(j Journal, ids []string, positions []int) error {
	for len(ids) > 0 {
		n := 1
		for n < min(len(ids), maxRun) && positions[n] == positions[0]+n {
			n++
		}
		if err := j.Record(ids[:n:n]); err != nil {
			return err
		}
		ids, positions = ids[n:], positions[n:]
	}
	return nil
}
