package rctest

import (
	"context"
	"errors"
)

// Change says that something that the server stores is different from before. It doesn't say how: read it.
type Change struct {
	Seq    uint64 // 1 for the server's first change, and one more for each further one
	Kind   ChangeKind
	UserID string // of UserChanged
}

// ChangeKind is what a [Change] is about.
type ChangeKind int

// The kinds of changes.
const (
	UserChanged     ChangeKind = iota + 1 // what [Server.User] returns for the UserID
	RequestReceived                       // a new request in [Server.RequestsSince]
	EventDelivered                        // a new delivery in [Server.DeliveriesSince]
	FaultsChanged                         // a fault was injected or removed, or has hit a call or an event
	ClockAdvanced                         // by [Server.Advance]
	StateReplaced                         // by [Server.Reset] or [Server.Import], or changes are missing: read everything again
)

// keptChanges is how many changes a slow reader may be behind before it must read everything again.
const keptChanges = 4096

// changeLog holds the latest changes.
type changeLog struct {
	last    uint64   // the Seq of the latest change
	ring    []Change // the change with Seq n is at n % keptChanges
	waiting map[chan struct{}]struct{}
}

// changed adds a change and wakes up those who wait for one.
func (s *state) changed(kind ChangeKind, userID string) {
	c := &s.changes
	if c.ring == nil {
		c.ring = make([]Change, keptChanges)
	}
	c.last++
	c.ring[c.last%keptChanges] = Change{c.last, kind, userID}
	for signal := range c.waiting {
		close(signal)
	}
	clear(c.waiting)
}

// LastChange returns the Seq of the latest change, 0 if there was none: the cursor for [Server.Changes] that skips all
// earlier changes.
func (s *Server) LastChange() uint64 {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	return s.state.changes.last
}

// Changes returns the changes after the one with the Seq since, oldest first, and waits for one if there is none. If some
// of them are no longer kept, the first is a StateReplaced: the server keeps the last 4,096. The error is
// the cause of ctx's end, or ErrClosed after [Server.Close]; changes are returned even then if there are any.
func (s *Server) Changes(ctx context.Context, since uint64) ([]Change, error) {
	for {
		changes, signal, closed := s.state.changesSince(since)
		switch {
		case len(changes) > 0:
			return changes, nil
		case closed:
			return nil, ErrClosed
		}
		select {
		case <-signal:
		case <-ctx.Done():
			s.state.forgetWaiting(signal)
			return nil, context.Cause(ctx)
		}
	}
}

// ErrClosed is the error of [Server.Changes] after [Server.Close].
var ErrClosed = errors.New("rctest: the server is closed")

// changesSince returns a channel that is closed with the next change if there is none yet. It takes mu itself.
func (s *state) changesSince(since uint64) (changes []Change, signal chan struct{}, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.changes
	if since < c.last {
		first := since + 1
		if c.last-since > keptChanges {
			first = c.last - keptChanges + 1
			changes = append(changes, Change{Seq: first - 1, Kind: StateReplaced})
		}
		for seq := first; seq <= c.last; seq++ {
			changes = append(changes, c.ring[seq%keptChanges])
		}
		return changes, nil, s.closed
	}
	if s.closed {
		return nil, nil, true
	}
	signal = make(chan struct{})
	if c.waiting == nil {
		c.waiting = make(map[chan struct{}]struct{})
	}
	c.waiting[signal] = struct{}{}
	return nil, signal, false
}

// forgetWaiting takes mu itself.
func (s *state) forgetWaiting(signal chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.changes.waiting, signal)
}
