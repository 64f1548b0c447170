package rctest

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/f0207b22/rcuser"
)

// paged yields the items of pages until one is empty. page gets the last item of the page before, nil without one.
func paged[T any](page func(last *T) []T) iter.Seq[T] {
	return func(yield func(T) bool) {
		items := page(nil)
		for len(items) > 0 {
			for _, item := range items {
				if !yield(item) {
					return
				}
			}
			items = page(&items[len(items)-1])
		}
	}
}

// Users returns what the server stores about every id that it has ever stored something about, in the order in
// which the ids first appeared. Each id is yielded once, as it is when its page is read; ids that appear during the
// iteration are too, at the end. A [Server.Reset] or [Server.Import] ends the iteration.
//
// The users are copied a page of at most a thousand at a time, so the body may take its time and may call the server. It
// may be ranged over more than once, and starts anew each time.
func (s *Server) Users() iter.Seq[User] {
	return func(yield func(User) bool) {
		page, source := s.state.usersPage(0, nil)
		for next := uint32(0); len(page) > 0; page, source = s.state.usersPage(next, source) {
			for _, u := range page {
				if !yield(u) {
					return
				}
			}
			next += uint32(len(page)) //nolint:gosec // at most pageWork
		}
	}
}

// usersPage returns the users from an account's number on, and the store that they are from. It returns none if that
// isn't from, the store of the page before, nil without one. It takes mu itself.
func (s *state) usersPage(first uint32, from *store) (page []User, source *store) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.runDue()
	if from != nil && from != s.store {
		return nil, nil
	}
	work := 0
	for number := first; work < pageWork && number < s.count; number++ {
		u := s.user(s.account(number), now)
		page = append(page, u)
		work += 1 + len(u.Tokens) + len(u.Blocklist) + len(u.Allowlist)
	}
	return page, s.store
}

// Bans returns the bans in force as calls list them: the latest end first, then by id, with the end in whole seconds and
// UTC. A ban that is in force during the whole iteration is yielded once. One that begins or ends meanwhile may be missing,
// and a user whose ban is replaced meanwhile may be missing or be yielded with both ends.
//
// The bans are copied a page of at most a thousand at a time, so the body may take its time and may call the server. It may
// be ranged over more than once, and starts anew each time.
func (s *Server) Bans() iter.Seq[rcuser.Ban] {
	return func(yield func(rcuser.Ban) bool) {
		for end := range paged(s.state.bansAfter) {
			if !yield(rcuser.Ban{UserID: end.UserID, Until: end.Due.Truncate(time.Second)}) {
				return
			}
		}
	}
}

// banEnd is a ban, copied.
type banEnd struct {
	Pending
	number uint64 // bans are counted from 1
}

// bansAfter returns the bans that follow last in the list of bans. It takes mu itself.
func (s *state) bansAfter(last *banEnd) []banEnd {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.runDue()
	skip := 0
	if last != nil {
		skip = s.bans.countBefore(func(b banEntry) bool { return compareToBan(b, last) <= 0 })
	}
	return endsOf(s.bans.slice(skip, min(pageWork, s.currentBans(now)-skip)))
}

// compareToBan is compareBans for a ban that may have been removed.
func compareToBan(b banEntry, last *banEnd) int {
	return cmp.Or(cmp.Compare(last.Due.UnixMilli(), b.until), cmp.Compare(b.account.id(), last.UserID))
}

func endsOf(bans []banEntry) []banEnd {
	ends := make([]banEnd, len(bans))
	for i, b := range bans {
		ends[i] = banEnd{Pending{BanEnds, b.account.id(), timeOf(b.until)}, b.account.rare.ban}
	}
	return ends
}

// Pending is something that happens when the server's clock reaches a time.
type Pending struct {
	Kind   PendingKind
	UserID string
	Due    time.Time // by the server's clock, in whole milliseconds
}

// PendingKind is what happens.
type PendingKind int

// The kinds of what is pending.
const (
	BanEnds              PendingKind = iota + 1
	DeactivationFinishes             // and its result is posted to the webhook, whether it succeeds or is refused
)

// Pending returns what time will bring, soonest first: the ends of bans and of deactivations. What is pending during the
// whole iteration is yielded once; what is removed or becomes due meanwhile may be missing, as may deactivations that
// begin meanwhile. Bans that begin meanwhile are missing, so the body may ban the users that it gets. It is read a page at
// a time, so the body may take its time and may call the server. It may be ranged over more than once, and starts
// anew each time.
//
// Retries of events aren't included; [Server.WaitDeliveries] waits for them.
func (s *Server) Pending() iter.Seq[Pending] {
	return func(yield func(Pending) bool) {
		bans, stopBans := iter.Pull(s.state.banEnds())
		defer stopBans()
		deactivations, stopDeactivations := iter.Pull(s.state.finishes())
		defer stopDeactivations()
		ban, hasBan := bans()
		deactivation, hasDeactivation := deactivations()
		for hasBan || hasDeactivation {
			next := ban
			if hasBan && (!hasDeactivation || !deactivation.Due.Before(ban.Due)) {
				ban, hasBan = bans()
			} else {
				next = deactivation
				deactivation, hasDeactivation = deactivations()
			}
			if !yield(next) {
				return
			}
		}
	}
}

// banEnds leaves out the bans that begin during the iteration: a body that bans again those that it gets would never end.
func (s *state) banEnds() iter.Seq[Pending] {
	return func(yield func(Pending) bool) {
		last := s.lastBan()
		for end := range paged(s.banEndsAfter) {
			if end.number <= last && !yield(end.Pending) {
				return
			}
		}
	}
}

// lastBan returns the number of the latest ban. It takes mu itself.
func (s *state) lastBan() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.banCount
}

// banEndsAfter returns the bans that end after last, soonest first. It takes mu itself.
func (s *state) banEndsAfter(last *banEnd) []banEnd {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.currentBans(s.runDue())
	if last != nil {
		left = min(left, s.bans.countBefore(func(b banEntry) bool { return compareToBan(b, last) < 0 }))
	}
	skip := max(0, left-pageWork)
	ends := endsOf(s.bans.slice(skip, left-skip))
	slices.Reverse(ends)
	return ends
}

// finish is an unfinished deactivation, copied.
type finish struct {
	Pending
	order uint64
}

func (s *state) finishes() iter.Seq[Pending] {
	return func(yield func(Pending) bool) {
		for f := range paged(s.finishesAfter) {
			if !yield(f.Pending) {
				return
			}
		}
	}
}

// finishesAfter returns the deactivations that finish after last. It takes mu itself.
func (s *state) finishesAfter(last *finish) []finish {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runDue()
	skip := 0
	if last != nil {
		after := deactivationEntry{at: last.Due.Add(-deactivationDuration).UnixMilli(), order: last.order}
		skip = s.unfinished.countBefore(func(e deactivationEntry) bool { return compareFinishes(e, after) <= 0 })
	}
	entries := s.unfinished.slice(skip, pageWork)
	found := make([]finish, len(entries))
	for i, e := range entries {
		found[i] = finish{Pending{DeactivationFinishes, e.account.id(), e.finishesAt()}, e.order}
	}
	return found
}
