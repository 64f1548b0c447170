// Package failover chooses between a primary and a backup for all calls of a client.
package failover

import (
	"sync"
	"time"
)

const (
	minBetweenSwitches = 30 * time.Second // RC's own value
	backToPrimary      = 5 * time.Minute
)

// Choice is where an attempt goes. Index 0 is the primary, 1 the backup.
type Choice struct {
	Index int
	era   int  // of the preference it was made under
	probe bool // the one live attempt that finds out whether the primary is back
}

// Hosts is the preference that a client's calls share. It is safe for concurrent use.
type Hosts struct {
	count int // 1 or 2

	mu        sync.Mutex
	preferred int
	era       int       // counts switches, so that a burst of failures under one preference switches it once
	since     time.Time // of the last switch; zero before the first
	probed    time.Time // when the primary was tried last, or preferred
}

// New returns a preference for the first of one or two hosts.
func New(count int) *Hosts { return &Hosts{count: count} }

// Pick chooses for a call's first attempt, and for any after an attempt that doesn't say that its host is in trouble.
func (h *Hosts) Pick() Choice {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.preferred == 1 && time.Since(h.probed) >= backToPrimary {
		h.probed = time.Now()
		return Choice{Index: 0, era: h.era, probe: true}
	}
	return Choice{Index: h.preferred, era: h.era}
}

// Same chooses the host of an attempt for the same call's next one.
func (h *Hosts) Same(c Choice) Choice {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Choice{Index: c.Index, era: h.era}
}

// Other chooses for a call's next attempt if the host of the last one was in trouble; with one host that is the same.
func (h *Hosts) Other(c Choice) Choice {
	c = h.Same(c)
	if h.count > 1 {
		c.Index = 1 - c.Index
	}
	return c
}

// Succeeded is for an attempt whose host answered as it should, whatever it answered.
func (h *Hosts) Succeeded(c Choice) {
	if !c.probe {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.preferred == 1 {
		h.prefer(0)
	}
}

// Abandoned is for an attempt that says nothing about its host, as the caller gave up.
func (h *Hosts) Abandoned(c Choice) {
	if !c.probe {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.probed = time.Now().Add(-backToPrimary) // the next one tries
}

// Failed is for an attempt whose host is in trouble. It reports whether the preference switched.
func (h *Hosts) Failed(c Choice) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	stale := c.era != h.era || c.Index != h.preferred
	tooSoon := !h.since.IsZero() && time.Since(h.since) < minBetweenSwitches
	if h.count < 2 || stale || tooSoon {
		return false
	}
	h.prefer(1 - h.preferred)
	return true
}

func (h *Hosts) prefer(index int) {
	now := time.Now()
	h.preferred, h.since, h.probed = index, now, now
	h.era++
}
