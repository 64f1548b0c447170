package rctest

import (
	"sync"
	"time"
)

// state is all mutable data of a server. Functions that take it expect mu to be held, unless their comment says
// otherwise.
type state struct {
	settings settings

	mu       sync.Mutex
	advanced time.Duration
	*store
	traffic

	listeners    map[Host]*listener
	closeSignals map[chan struct{}]struct{} // one for each call that waits; closed with the server
	closed       bool

	tasks     taskQueue
	taskCount uint64 // number of tasks so far
	timer     *time.Timer

	outbox *outbox   // nil = no webhook
	idle   sync.Cond // signals that nothing is being posted
}

func newState(chosen settings) *state {
	s := &state{
		settings:     chosen,
		store:        newStore(),
		listeners:    make(map[Host]*listener),
		closeSignals: make(map[chan struct{}]struct{}),
		traffic:      newTraffic(),
	}
	s.idle.L = &s.mu
	return s
}

func (s *state) now() time.Time { return time.Now().Add(s.advanced) }

// publicTime drops the monotonic clock reading, which would make equal times differ, and converts to UTC.
func publicTime(t time.Time) time.Time { return t.Round(0).UTC() }
