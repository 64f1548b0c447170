package systemtest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/f0207b22/rcuser"
)

// bulkRound is one call of bulk work and what is to interrupt it.
type bulkRound struct {
	journal   *faultyJournal
	opts      rcuser.BulkOptions
	failsAt   int  // position at which the stream fails; negative: none
	panicsAt  int  // position at which the stream panics; negative: none
	exits     bool // by runtime.Goexit instead, as t.FailNow does
	watches   bool // the stream ends by itself when the context does
	pause     time.Duration
	hookPanic int // calls of hooks until one panics; negative: none
	bulkResults
}

// bulkResults is what came of a round.
type bulkResults struct {
	taken    int  // ids, from the stream
	ended    bool // the stream, by itself
	failed   bool // the stream
	failures []rcuser.BulkFailure
	report   rcuser.BulkReport
	err      error
	panicked any
}

var (
	errModelStream  = errors.New("the model's stream fails")
	errModelJournal = errors.New("the model's journal fails")
	errModelPanic   = errors.New("the model panics")
)

// faultyJournal fails or panics at one of its records.
type faultyJournal struct {
	*rcuser.FileJournal
	left   int // records until then; negative: never
	panics bool
	failed bool
}

func (j *faultyJournal) Record(ids []string) error {
	j.left--
	if j.left != -1 {
		return j.FileJournal.Record(ids)
	}
	j.failed = true
	if j.panics {
		panic(errModelPanic)
	}
	return errModelJournal
}

func (m *bulkModel) quietRound(journal *rcuser.FileJournal) *bulkRound {
	return &bulkRound{journal: &faultyJournal{FileJournal: journal, left: -1}, failsAt: -1, panicsAt: -1, hookPanic: -1}
}

func (m *bulkModel) newRound(journal *rcuser.FileJournal) *bulkRound {
	r := m.quietRound(journal)
	if m.chance(0.1) {
		r.journal.left, r.journal.panics = m.IntN(10), m.chance(0.5)
	}
	if m.chance(0.1) {
		r.failsAt = m.IntN(len(m.stream) + 1)
	}
	if m.chance(0.1) {
		r.panicsAt = m.IntN(len(m.stream) + 1)
	}
	if m.chance(0.1) {
		r.hookPanic = m.IntN(10)
	}
	if m.chance(0.2) {
		r.pause = m.within(time.Second)
	}
	r.exits, r.watches = m.chance(0.3), m.chance(0.5)
	r.opts.StopAfter = pick(m.Rand, 0, 0, 0, 1, 30)
	r.opts.KeepFailures = pick(m.Rand, 0, 0, -1, 3)
	r.opts.MaxOutage = pick(m.Rand, 0, -1, time.Second, time.Minute)
	return r
}

// run does the work in a goroutine of its own, as a panic is to end it.
func (r *bulkRound) run(ctx context.Context, m *bulkModel) {
	r.opts.Journal = r.journal
	r.opts.OnFailure = func(f rcuser.BulkFailure) {
		r.failures = append(r.failures, f)
		r.hook()
	}
	r.opts.Progress = func(rcuser.BulkProgress) { r.hook() }
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.panicked = errModelPanic // also if the goroutine exits
		defer func() {
			if value := recover(); value != nil {
				r.panicked = value
			}
		}()
		r.report, r.err = m.kind.do(ctx, m.client, r.stream(ctx, m.stream), r.opts)
		r.panicked = nil
	}()
	<-ended
}

func (r *bulkRound) hook() {
	if r.hookPanic--; r.hookPanic == -1 {
		panic(errModelPanic)
	}
}

func (r *bulkRound) stream(ctx context.Context, ids []string) func(func(string, error) bool) {
	return func(yield func(string, error) bool) {
		for position := range len(ids) + 1 {
			if position%20 == 0 {
				time.Sleep(r.pause)
			}
			switch {
			case r.watches && ctx.Err() != nil:
				return
			case position == r.panicsAt && r.exits:
				runtime.Goexit()
			case position == r.panicsAt:
				panic(errModelPanic)
			case position == r.failsAt:
				r.failed = true
				yield("", errModelStream)
				return
			case position == len(ids):
				r.ended = true
				return
			}
			r.taken++
			if !yield(ids[position], nil) {
				return
			}
		}
	}
}

// bulkTraffic is what requests of a round say about an id.
type bulkTraffic struct{ received, applied, answered, faultless bool }

// traffic returns what the fake received since the last round.
func (m *bulkModel) traffic() map[string]bulkTraffic {
	all := map[string]bulkTraffic{}
	requests := m.server.Requests()
	for _, request := range requests[m.seen:] {
		answered := request.Applied && request.Code == 200 && request.Status == 200
		for id := range strings.SplitSeq(strings.Join(request.Form[m.kind.field], ","), ",") { // ids have no commas
			t := all[id]
			t.received = true
			t.applied = t.applied || request.Applied
			t.answered = t.answered || answered
			t.faultless = t.faultless || answered && !request.Fault
			all[id] = t
			m.answered[id] = m.answered[id] || answered
		}
	}
	m.seen = len(requests)
	return all
}

// check compares the results with what the fake received.
func (r *bulkRound) check(ctx context.Context, m *bulkModel) error {
	hits := m.server.FaultHits()
	traffic := m.traffic()
	time.Sleep(time.Minute)
	if len(m.server.Requests()) != m.seen || m.server.FaultHits() != hits {
		return errors.New("calls were made after the work had ended")
	}
	if id := r.sentAgain(m, traffic); id != "" {
		return fmt.Errorf("%s was done already, and was sent again", id)
	}
	if r.panicked != nil {
		return r.checkPanic(ctx, m, traffic)
	}
	return errors.Join(r.checkCounts(), r.checkIDs(m, traffic), r.checkError(ctx, m))
}

// sentAgain returns an id that was sent though it is recorded as done with this stream. If the stream fails, a run may have
// lost its last ids, and then it isn't known: its first ids are sent and recorded again, and later its last ones.
func (r *bulkRound) sentAgain(m *bulkModel, traffic map[string]bulkTraffic) string {
	for position, id := range m.stream {
		switch {
		case !m.confirmed[id] || !traffic[id].received:
		case r.failed && position > r.failsAt-100:
			m.confirmed = nil
		default:
			return id
		}
	}
	return ""
}

// checkPanic: what RC confirmed is recorded.
func (r *bulkRound) checkPanic(ctx context.Context, m *bulkModel, traffic map[string]bulkTraffic) error {
	if r.panicked != any(errModelPanic) {
		return fmt.Errorf("another panic: %v", r.panicked)
	}
	if ctx.Err() == nil && !r.journal.failed {
		for id, t := range traffic {
			if t.faultless {
				m.confirm(id)
			}
		}
	}
	return nil
}

// confirm notes that an id must not be sent again while the stream is unchanged.
func (m *bulkModel) confirm(id string) {
	if m.kind.noJournal || !m.unique() {
		return // of runs that begin with the same id, only the latest is found
	}
	if m.confirmed == nil {
		m.confirmed = map[string]bool{}
	}
	m.confirmed[id] = true
}

func (r *bulkRound) checkCounts() error {
	report := r.report
	states := map[rcuser.BulkState]int{}
	positions := map[int]bool{}
	for _, f := range r.failures {
		states[f.State]++
		positions[f.Position] = true
	}
	kept := report.Failures
	switch {
	case report.Total != r.taken || report.Total != report.Done+report.Failed+report.Unknown+report.NotStarted:
		return fmt.Errorf("%d ids were taken, but the report is %+v", r.taken, report)
	case states[rcuser.BulkFailed] != report.Failed || states[rcuser.BulkUnknown] != report.Unknown || states[rcuser.BulkNotStarted] != report.NotStarted:
		return fmt.Errorf("OnFailure got %v, but the report is %+v", states, report)
	case len(positions) != len(r.failures):
		return errors.New("OnFailure got a position twice")
	case report.Resumed > report.Done:
		return fmt.Errorf("more were resumed than are done: %+v", report)
	case len(kept) != min(keptFailures(r.opts), len(r.failures)):
		return fmt.Errorf("%d failures are kept, of %d", len(kept), len(r.failures))
	case !slices.IsSortedFunc(kept, func(a, b rcuser.BulkFailure) int { return a.Position - b.Position }):
		return errors.New("the failures aren't in the stream's order")
	}
	for _, f := range kept {
		if !slices.Contains(r.failures[:len(kept)], f) {
			return fmt.Errorf("%+v is kept, but wasn't given to OnFailure first", f)
		}
	}
	return nil
}

// checkIDs compares what became of each id with the requests that carried it.
func (r *bulkRound) checkIDs(m *bulkModel, traffic map[string]bulkTraffic) error {
	done := map[int]bool{}
	for position := range r.taken {
		done[position] = true
	}
	unique, resumed := m.unique(), 0
	for _, f := range r.failures {
		delete(done, f.Position)
		t := traffic[f.UserID]
		switch {
		case m.stream[f.Position] != f.UserID || f.Err == nil:
			return fmt.Errorf("a wrong failure: %+v", f)
		case unique && f.State == rcuser.BulkNotStarted && t.received:
			return fmt.Errorf("%s is not started, but was sent: %w", f.UserID, f.Err)
		case unique && f.State == rcuser.BulkFailed && t.applied:
			return fmt.Errorf("%s failed, but was applied: %w", f.UserID, f.Err)
		}
	}
	for position := range done {
		id := m.stream[position]
		if !m.answered[id] || !m.kind.isOn(m.server, id) {
			return fmt.Errorf("%s is done, but RC never confirmed it", id)
		}
		if !traffic[id].received {
			resumed++
		}
		if !r.journal.failed {
			m.confirm(id)
		}
	}
	if unique && resumed != r.report.Resumed {
		return fmt.Errorf("%d are done without being sent, but %d were resumed", resumed, r.report.Resumed)
	}
	return nil
}

func (r *bulkRound) checkError(ctx context.Context, m *bulkModel) error {
	complete := r.ended && r.taken == len(m.stream) && len(r.failures) == 0
	failure, ok := errors.AsType[*rcuser.BulkError](r.err)
	stopped := r.opts.StopAfter > 0 && r.report.Failed+r.report.Unknown+r.report.NotStarted >= r.opts.StopAfter
	switch {
	case r.err == nil && !complete:
		return errors.New("the work isn't complete, but there is no error")
	case r.err == nil:
		return nil
	case complete && ctx.Err() == nil && !r.journal.failed:
		return fmt.Errorf("the work is complete: %w", r.err)
	case !ok || !reflect.DeepEqual(failure.Report, r.report) || len(failure.Causes) == 0 || len(failure.Causes) > 16:
		return fmt.Errorf("an incomplete error: %w", r.err)
	case errors.Is(r.err, rcuser.ErrStopped) && !stopped:
		return fmt.Errorf("stopped too early: %w", r.err)
	case r.journal.failed && !errors.Is(r.err, errModelJournal):
		return fmt.Errorf("the journal failed: %w", r.err)
	case r.failed && !errors.Is(r.err, errModelStream):
		return fmt.Errorf("the stream failed: %w", r.err)
	}
	return nil
}

// incomplete says what is missing though nothing interrupted the work: every id must be done that RC doesn't refuse.
func (r *bulkRound) incomplete(m *bulkModel) string {
	if !r.ended {
		return "the stream wasn't read"
	}
	for _, f := range r.failures {
		if _, invalid := errors.AsType[*rcuser.ArgumentError](f.Err); !invalid && !slices.Contains(m.refused, f.UserID) {
			return fmt.Sprintf("%+v", f)
		}
	}
	return ""
}
