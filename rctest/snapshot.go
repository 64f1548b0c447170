package rctest

import (
	"slices"
	"time"
)

// snapshot is the state of the service at one instant, read a page at a time while calls go on: an account that changes
// before it has been read is kept as it was.
type snapshot struct {
	at       time.Time
	advanced time.Duration
	tokenKey []byte
	sessions uint64
	store    *store
	count    uint32                // the snapshot has the accounts with a lower number
	next     uint32                // the first account that hasn't been read
	saved    map[uint32]userRecord // accounts that have changed since, by number
}

// pageWork limits how much is copied, in users and ids, while the lock is held for a page.
const pageWork = 1000

// takeSnapshot must be followed by endSnapshot. It takes mu itself.
func (s *state) takeSnapshot() *snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.runDue()
	snap := &snapshot{
		at: now, advanced: s.advanced, tokenKey: slices.Clone(s.tokenKey[:]), sessions: s.sessions,
		store: s.store, count: s.count, saved: make(map[uint32]userRecord),
	}
	s.snapshots[snap] = struct{}{}
	return snap
}

// endSnapshot takes mu itself.
func (s *state) endSnapshot(snap *snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(snap.store.snapshots, snap)
}

// preserve is called before an account changes.
func (snap *snapshot) preserve(a *account) {
	if _, saved := snap.saved[a.number]; !saved && a.number >= snap.next && a.number < snap.count {
		snap.saved[a.number] = newUserRecord(a, snap.at)
	}
}

// readPage returns the next users, none after the last. It takes mu itself.
func (s *state) readPage(snap *snapshot) []userRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	var page []userRecord
	for work := 0; work < pageWork && snap.next < snap.count; snap.next++ {
		r, saved := snap.saved[snap.next]
		if saved {
			delete(snap.saved, snap.next)
		} else {
			r = newUserRecord(snap.store.account(snap.next), snap.at)
		}
		page = append(page, r)
		work += 1 + r.size()
	}
	return page
}
