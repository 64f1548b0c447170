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

const (
	keptChanges     = 4096
	keptChangeBytes = 1 << 20 // of their user ids
)

// changeLog holds the latest changes.
type changeLog struct {
	kept    history[Change]
	waiting map[chan struct{}]struct{} // one for each call that waits
}

func newChangeLog() changeLog {
	return changeLog{
		kept:    history[Change]{maxCount: keptChanges, maxBytes: keptChangeBytes},
		waiting: make(map[chan struct{}]struct{}),
	}
}

// changed adds a change and wakes up those who wait for one.
func (s *state) changed(kind ChangeKind, userID string) {
	kept := &s.changes.kept
	kept.add(Change{kept.last + 1, kind, userID}, len(userID))
	s.changes.wake()
}

func (c *changeLog) wake() {
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
	return s.state.changes.kept.last
}

// Changes returns the changes after the one with the Seq since, oldest first, and waits for one if there is none. Continue
// after the last one returned.
//
// The server keeps the last 4,096 changes, fewer if their user ids have more than 1 MiB. If some of those asked for are
// no longer kept, the first one returned is a StateReplaced. So is the only one if since is above the Seq of the latest
// change, as one of another server can be: its Seq is then that of the latest change.
//
// The error is the cause of ctx's end, or ErrClosed after [Server.Close]; changes are returned even then if there are
// any. A call in a [testing/synctest] bubble must be woken from within the bubble: nothing outside of it may use the server.
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

// changesSince returns a channel that is closed with the next change, and with the server, if there is no change yet. It
// takes mu itself.
func (s *state) changesSince(since uint64) (changes []Change, signal chan struct{}, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case since != s.changes.kept.last:
		return s.changes.after(since), nil, s.closed
	case s.closed:
		return nil, nil, true
	}
	signal = make(chan struct{})
	s.changes.waiting[signal] = struct{}{}
	return nil, signal, false
}

// after returns the changes for a since that isn't the Seq of the latest one: at least one.
func (c *changeLog) after(since uint64) []Change {
	if since > c.kept.last {
		return []Change{{Seq: c.kept.last, Kind: StateReplaced}}
	}
	var changes []Change
	if since < c.kept.dropped {
		changes = append(changes, Change{Seq: c.kept.dropped, Kind: StateReplaced})
		since = c.kept.dropped
	}
	for since < c.kept.last {
		var page []Change
		page, since = c.kept.after(since, maxPage)
		changes = append(changes, page...)
	}
	return changes
}

// forgetWaiting takes mu itself.
func (s *state) forgetWaiting(signal chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.changes.waiting, signal)
}
