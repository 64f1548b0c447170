package rcuser

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// tally counts the ids of bulk work by their results, and calls the hooks of its options.
type tally struct {
	work     string
	opts     BulkOptions
	report   BulkReport
	progress *progress
	causes   []error
	kinds    map[causeKind]struct{} // of causes
}

const (
	defaultKeepFailures = 10_000
	maxCauses           = 16
)

func newTally(work string, opts BulkOptions) *tally {
	opts.KeepFailures = cmp.Or(opts.KeepFailures, defaultKeepFailures)
	return &tally{work: work, opts: opts, progress: newProgress(opts), kinds: map[causeKind]struct{}{}}
}

// done counts n ids as done.
func (t *tally) done(n int) {
	t.report.Done += n
	t.progress.count(n, 0)
}

// resumed counts n ids that an earlier run did.
func (t *tally) resumed(n int) {
	t.report.Done += n
	t.report.Resumed += n
	t.progress.skip(n)
}

// fail counts an id that isn't done. Its error is added to the causes by addCause.
func (t *tally) fail(f BulkFailure) {
	switch f.State {
	case BulkFailed:
		t.report.Failed++
	case BulkUnknown:
		t.report.Unknown++
	case BulkNotStarted:
		t.report.NotStarted++
	}
	if len(t.report.Failures) < t.opts.KeepFailures {
		t.report.Failures = append(t.report.Failures, f.withoutList())
	}
	t.progress.count(0, 1)
	if t.opts.OnFailure != nil {
		t.opts.OnFailure(f)
	}
}

// withoutList returns f without the failures that a BulkError has: for a list, they may be thousands.
func (f BulkFailure) withoutList() BulkFailure {
	if whole, ok := f.Err.(*BulkError); ok { //nolint:errorlint // a wrapped error is left as it is
		short := *whole
		short.Report.Failures = nil
		f.Err = &short
	}
	return f
}

// failed returns how many ids aren't done.
func (t *tally) failed() int { return t.report.Failed + t.report.Unknown + t.report.NotStarted }

// enough reports whether BulkOptions.StopAfter is reached.
func (t *tally) enough() bool { return t.opts.StopAfter > 0 && t.failed() >= t.opts.StopAfter }

// causeKind is equal for causes of which only the first is kept.
type causeKind struct {
	code   ErrorCode
	status int
	text   string // of the innermost error, if there is neither a code nor a status
}

func kindOf(err error) causeKind {
	if failure, ok := errors.AsType[*Error](err); ok && (failure.Code != 0 || failure.StatusCode != 0) {
		return causeKind{code: failure.Code, status: failure.StatusCode}
	}
	if _, ok := errors.AsType[*ArgumentError](err); ok {
		return causeKind{text: "argument"}
	}
	return causeKind{text: innermost(err).Error()}
}

func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if many, ok := err.(interface{ Unwrap() []error }); ok && len(many.Unwrap()) > 0 {
			next = many.Unwrap()[len(many.Unwrap())-1]
		}
		if next == nil {
			return err
		}
		err = next
	}
}

// addCause keeps the first error of each kind.
func (t *tally) addCause(err error) {
	if len(t.causes) == maxCauses {
		return
	}
	kind := kindOf(err)
	if _, found := t.kinds[kind]; !found {
		t.kinds[kind] = struct{}{}
		t.causes = append(t.causes, err)
	}
}

// result returns the report, and the error if the work isn't complete. ended is what ended it early.
func (t *tally) result(ended ...error) (BulkReport, error) {
	r := &t.report
	r.Total = r.Done + t.failed()
	slices.SortFunc(r.Failures, func(a, b BulkFailure) int { return cmp.Compare(a.Position, b.Position) })
	failures := t.causes
	t.causes, t.kinds = nil, map[causeKind]struct{}{}
	for _, cause := range append(ended, failures...) {
		if cause != nil {
			t.addCause(cause)
		}
	}
	if len(t.causes) == 0 {
		return *r, nil
	}
	return *r, &BulkError{t.work, *r, t.causes}
}

// progress counts ids and calls Progress at most 4 times a second.
type progress struct {
	opts    BulkOptions
	start   time.Time
	skipped int // ids that an earlier run did
	done    int
	failed  int
	shown   time.Time // when Progress was called last
}

const progressInterval = 250 * time.Millisecond

func newProgress(opts BulkOptions) *progress {
	now := time.Now()
	return &progress{opts: opts, start: now, shown: now}
}

// skip counts ids that an earlier run did.
func (p *progress) skip(n int) {
	p.skipped += n
	p.showInTime()
}

// count adds to the counts.
func (p *progress) count(done, failed int) {
	p.done += done
	p.failed += failed
	p.showInTime()
}

// showInTime calls Progress unless it was called less than progressInterval ago.
func (p *progress) showInTime() {
	if p.opts.Progress == nil {
		return
	}
	if now := time.Now(); now.Sub(p.shown) >= progressInterval {
		p.shown = now
		p.show()
	}
}

// show calls Progress.
func (p *progress) show() {
	if p.opts.Progress == nil {
		return
	}
	shown := BulkProgress{Done: p.skipped + p.done, Failed: p.failed}
	if seconds := time.Since(p.start).Seconds(); seconds > 0 {
		shown.Rate = float64(p.done) / seconds
	}
	if rest := p.opts.Expected - shown.Done - shown.Failed; rest > 0 && shown.Rate > 0 {
		shown.Left = nanoseconds(float64(rest) / shown.Rate * float64(time.Second))
	}
	p.opts.Progress(shown)
}
