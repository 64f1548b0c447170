// Package failover chooses between a primary and a backup for all calls of a client.
package failover

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	minBetweenSwitches = 30 * time.Second // RC's own value
	backToPrimary      = 5 * time.Minute
	nextProbe          = 10 * time.Second // after a probe without a result
	lately             = 30 * time.Second // equal to minBetweenSwitches
)

// Choice is the host of an attempt. Index 0 is the primary, 1 the backup.
type Choice struct {
	Index      int
	generation int  // of the preference when the choice was made
	probe      bool // the one attempt that tests whether the primary works again
}

// Hosts is the preference that a client's calls share. It is safe for concurrent use.
type Hosts struct {
	count int // 1 or 2

	mu         sync.Mutex
	preferred  int
	generation int       // counts switches, so that a burst of failures under one preference switches it once
	since      time.Time // of the last switch; zero before the first
	probed     time.Time // when the primary was tried last, or preferred
	failedAt   [2]time.Time

	failing [2]atomic.Bool // a host failed and has not succeeded since
}

// New returns a preference for the first of one or two hosts.
func New(count int) *Hosts { return &Hosts{count: count} }

// Pick chooses for a call's first attempt. If the call may probe, it may be sent to the primary while the backup is
// preferred.
func (h *Hosts) Pick(mayProbe bool) Choice {
	h.mu.Lock()
	defer h.mu.Unlock()
	if mayProbe && h.preferred == 1 && time.Since(h.probed) >= backToPrimary {
		h.probed = time.Now()
		return Choice{Index: 0, generation: h.generation, probe: true}
	}
	return Choice{Index: h.preferred, generation: h.generation}
}

// Again chooses for a call's next attempt if the host of the last one didn't fail: the same or, if the preference has
// switched meanwhile, the preferred one.
func (h *Hosts) Again(c Choice) Choice {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.generation != h.generation {
		return Choice{Index: h.preferred, generation: h.generation}
	}
	return Choice{Index: c.Index, generation: h.generation}
}

// Other chooses for a call's next attempt if the host of the last one failed; if there is one host, it is the same.
func (h *Hosts) Other(c Choice) Choice {
	h.mu.Lock()
	defer h.mu.Unlock()
	index := c.Index
	if h.count > 1 {
		index = 1 - index
	}
	return Choice{Index: index, generation: h.generation}
}

// FailedLately reports whether a host failed in the last 30 s and has not succeeded since.
func (h *Hosts) FailedLately(index int) bool {
	if !h.failing[index].Load() {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Since(h.failedAt[index]) < lately
}

// Succeeded is for an attempt whose host works, whatever it answered.
func (h *Hosts) Succeeded(c Choice) {
	if failing := &h.failing[c.Index]; failing.Load() {
		failing.Store(false)
	}
	if !c.probe {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.preferred == 1 {
		h.prefer(0)
	}
}

// Abandoned is for an attempt that says nothing about its host: its caller ended it, it failed before it reached the host,
// or something else answered. If it was a probe, the next follows after 10 s at the earliest.
func (h *Hosts) Abandoned(c Choice) {
	if !c.probe {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.probed = time.Now().Add(nextProbe - backToPrimary)
}

// Failed is for an attempt whose host failed. It reports whether the preference switched.
func (h *Hosts) Failed(c Choice) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failedAt[c.Index] = time.Now()
	h.failing[c.Index].Store(true)
	outdated := c.generation != h.generation || c.Index != h.preferred
	tooSoon := !h.since.IsZero() && time.Since(h.since) < minBetweenSwitches
	if h.count < 2 || outdated || tooSoon {
		return false
	}
	h.prefer(1 - h.preferred)
	return true
}

func (h *Hosts) prefer(index int) {
	now := time.Now()
	h.preferred, h.since, h.probed = index, now, now
	h.generation++
}
