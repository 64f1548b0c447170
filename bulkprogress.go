package rcuser

import (
	"sync"
	"time"
)

// progress counts ids and calls Progress at most 4 times a second.
type progress struct {
	opts  BulkOptions
	start time.Time

	mu      sync.Mutex
	skipped int
	done    int
	failed  int
	shown   time.Time
}

const progressInterval = 250 * time.Millisecond

func newProgress(opts BulkOptions) *progress {
	now := time.Now()
	return &progress{opts: opts, start: now, shown: now}
}

// skip counts an id that an earlier run did.
func (p *progress) skip() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.skipped++
}

// count adds to the counts and returns how many ids have failed so far.
func (p *progress) count(done, failed int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += done
	p.failed += failed
	if p.opts.Progress != nil {
		if now := time.Now(); now.Sub(p.shown) >= progressInterval {
			p.shown = now
			p.show()
		}
	}
	return p.failed
}

// last calls Progress once more, at the end.
func (p *progress) last() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opts.Progress != nil {
		p.show()
	}
}

// show is called with the lock held, so that Progress is called by one goroutine at a time.
func (p *progress) show() {
	shown := BulkProgress{Done: p.skipped + p.done, Failed: p.failed}
	if seconds := time.Since(p.start).Seconds(); seconds > 0 {
		shown.Rate = float64(p.done) / seconds
	}
	if rest := p.opts.Expected - shown.Done - shown.Failed; rest > 0 && shown.Rate > 0 {
		shown.Left = time.Duration(float64(rest) / shown.Rate * float64(time.Second))
	}
	p.opts.Progress(shown)
}
