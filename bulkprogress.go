package rcuser

import "time"

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
