package rctest

import (
	"sync"
	"time"

	"github.com/f0207b22/rcuser"
)

// state is everything that changes. Functions that take it expect mu to be held, but for the few that say otherwise.
type state struct {
	settings settings

	mu          sync.Mutex
	advanced    time.Duration
	accounts    map[string]*account
	registered  int
	bans        ordered[ban]
	deactivated ordered[deactivation]
	requests    []Request
	faults      []*injected // oldest first, none that has no hits left
	faultHits   int
	listeners   map[Host]*listener
	waiting     map[chan struct{}]struct{} // closed with the server
	closed      bool

	agenda    agenda
	scheduled uint64 // how much ever was
	timer     *time.Timer

	credentials    func() (key, secret string) // that events are signed with
	outbox         *outbox                     // nil = no webhook
	idle           sync.Cond                   // nothing is being posted any more
	deliveries     []delivered
	deliveryFaults []*injectedDelivery
	sessions       uint64            // that there ever were
	refusals       map[string]string // codes of deactivations to come, by user
}

func newState(chosen settings) *state {
	s := &state{
		settings:    chosen,
		accounts:    make(map[string]*account),
		bans:        ordered[ban]{compare: compareBans},
		deactivated: ordered[deactivation]{compare: compareDeactivations},
		listeners:   make(map[Host]*listener),
		waiting:     make(map[chan struct{}]struct{}),
		refusals:    make(map[string]string),
	}
	s.idle.L = &s.mu
	return s
}

func (s *state) now() time.Time { return time.Now().Add(s.advanced) }

// account is what is known of an id, registered or not.
type account struct {
	id, name, portraitURI string
	registered            bool
	createdAt             time.Time
	tokens                []issued  // oldest first
	tokensFrom            time.Time // tokens issued before it are void
	ban                   ban
	blocklist, allowlist  list
	allowlistOn           bool
	online                bool
	session               uint64 // the last one that there was
	deactivated           bool
	deactivation          deactivation
}

// find returns the account of an id, nil if nothing is known of it. A deactivation that is due removes its data now,
// when somebody looks: so nothing ever walks over all users.
func (s *state) find(id string, now time.Time) *account {
	a := s.accounts[id]
	if a != nil && a.deactivated && !a.deactivation.removed && !now.Before(a.deactivation.finishes()) {
		a.removeData()
		a.deactivation.removed = true
	}
	return a
}

// account is find, but makes an account of an unknown id.
func (s *state) account(id string, now time.Time) *account {
	a := s.find(id, now)
	if a == nil {
		a = &account{id: id}
		s.accounts[id] = a
	}
	return a
}

// mayConnect reports whether the service would let the user's devices in.
func (a *account) mayConnect(now time.Time) bool { return !a.banned(now) && !a.deactivated }

// User is what a server knows about an id.
type User struct {
	ID                string
	Name, PortraitURI string
	Registered        bool           // it got a token once, deactivated or not
	CreatedAt         time.Time      // of the first registration, to the second as in answers
	Tokens            []rcuser.Token // that weren't expired, oldest first; a ban leaves them
	BannedUntil       time.Time      // zero = not banned; to the second as in answers
	Blocklist         []string       // newest first
	Allowlist         []string       // newest first
	AllowlistEnabled  bool           // by its own switch or the app's
	Online            bool
	Deactivated       bool      // asked for and accepted, finished or not
	DeactivatedAt     time.Time // zero = not deactivated
}

// User returns a copy of what the server knows about an id. Of an id that it never saw it knows nothing but the ID.
func (s *Server) User(id string) User {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	now := s.state.settled()
	a := s.state.find(id, now)
	if a == nil {
		return User{ID: id, AllowlistEnabled: s.settings.allowlistForAll}
	}
	u := User{
		ID: a.id, Name: a.name, PortraitURI: a.portraitURI, Registered: a.registered, CreatedAt: a.createdAt.Truncate(time.Second),
		Blocklist: a.blocklist.newestFirst(), Allowlist: a.allowlist.newestFirst(),
		AllowlistEnabled: s.state.allowlistOn(a), Online: a.online, Deactivated: a.deactivated,
	}
	for _, t := range a.tokens {
		u.Tokens = append(u.Tokens, rcuser.Token{UserID: a.id, Value: t.value})
	}
	if a.banned(now) {
		u.BannedUntil = a.ban.until.Truncate(time.Second)
	}
	if a.deactivated {
		u.DeactivatedAt = a.deactivation.at
	}
	return u
}

// CanMessage reports whether a one-to-one message of a device of from would reach to, by RC's rules: if the allowlist
// is on for to, then only if to lists from in its allowlist; else unless to lists from in its blocklist. A banned or
// deactivated user can't send anything. A ban of the receiver doesn't matter, as messages are kept for it, nor does
// its deactivation by itself.
func (s *Server) CanMessage(from, to string) bool {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	now := s.state.settled()
	if sender := s.state.find(from, now); sender != nil && !sender.mayConnect(now) {
		return false
	}
	receiver := s.state.find(to, now)
	if s.state.allowlistOn(receiver) {
		return receiver != nil && receiver.allowlist.has(from)
	}
	return receiver == nil || !receiver.blocklist.has(from)
}

// publicTime is a time of the server's clock as it is shown: without the monotonic reading, which would make equal
// times differ.
func publicTime(t time.Time) time.Time { return t.Round(0).UTC() }
