package rcuser

import (
	"sync"
	"time"
)

// meter calls Progress.
type meter struct {
	opts  BulkOptions
	start time.Time

	mu      sync.Mutex
	skipped int
	done    int
	failed  int
	shown   time.Time
}

const progressGap = 250 * time.Millisecond

func newMeter(opts BulkOptions) *meter {
	now := time.Now()
	return &meter{opts: opts, start: now, shown: now}
}

// skip counts an id that an earlier run did.
func (m *meter) skip() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.skipped++
}

// count returns how many failed so far.
func (m *meter) count(done, failed int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += done
	m.failed += failed
	if now := time.Now(); now.Sub(m.shown) >= progressGap {
		m.shown = now
		m.show()
	}
	return m.failed
}

func (m *meter) last() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.show()
}

// show runs with the lock held, so that Progress is called by one goroutine at a time.
func (m *meter) show() {
	if m.opts.Progress == nil {
		return
	}
	p := BulkProgress{Done: m.skipped + m.done, Failed: m.failed}
	if seconds := time.Since(m.start).Seconds(); seconds > 0 {
		p.Rate = float64(m.done) / seconds
	}
	if rest := m.opts.Expected - p.Done - p.Failed; rest > 0 && p.Rate > 0 {
		p.Left = time.Duration(float64(rest) / p.Rate * float64(time.Second))
	}
	m.opts.Progress(p)
}
