package rctest

import (
	"crypto/rand"
	"encoding/base64"
	"time"

	"github.com/f0207b22/rcuser"
)

// account is what the server stores about an id, registered or not.
type account struct {
	id, name, portraitURI string
	registered            bool
	createdAt             time.Time
	tokens                []issuedToken // oldest first
	tokensFrom            time.Time     // tokens issued before it are void
	ban                   ban
	blocklist, allowlist  list
	allowlistOn           bool
	online                bool
	session               uint64 // number of the latest session
	deactivated           bool
	deactivation          deactivation
}

// issuedToken is a token and its time of issue in whole milliseconds, RC's unit for expiring tokens.
type issuedToken struct {
	value string
	at    time.Time
}

// find returns the account of an id, or nil if there is none. Data that a finished deactivation removes is removed here,
// on access, so that nothing has to scan all users.
func (s *state) find(id string, now time.Time) *account {
	a := s.accounts[id]
	if a != nil && a.deactivated && !a.deactivation.removed && !now.Before(a.deactivation.finishesAt()) {
		a.removeData()
		a.deactivation.removed = true
	}
	return a
}

// findOrCreate is find, but creates a missing account.
func (s *state) findOrCreate(id string, now time.Time) *account {
	a := s.find(id, now)
	if a == nil {
		a = &account{id: id}
		s.accounts[id] = a
	}
	return a
}

// canConnect reports whether the service would accept a connection of the user's devices.
func (a *account) canConnect(now time.Time) bool { return !a.banned(now) && !a.deactivated }

// issueToken returns a new token. It isn't stored if the app has expired tokens up to a time in the future: then it is
// void from the start.
func (a *account) issueToken(now time.Time) string {
	var random [48]byte
	_, _ = rand.Read(random[:]) // never fails
	t := issuedToken{
		value: base64.StdEncoding.EncodeToString(random[:]) + "@rctest.cn.rongnav.com;rctest.cn.rongcfg.com",
		at:    time.UnixMilli(now.UnixMilli()),
	}
	if !t.at.Before(a.tokensFrom) {
		a.tokens = append(a.tokens, t)
	}
	return t.value
}

// User is what a server stores about an id.
type User struct {
	ID                string
	Name, PortraitURI string
	Registered        bool           // has ever been registered; stays true when the user is deactivated
	CreatedAt         time.Time      // first registration, truncated to seconds as in answers
	Tokens            []rcuser.Token // those not expired, oldest first; includes a banned user's
	BannedUntil       time.Time      // zero = not banned; truncated to seconds as in answers
	Blocklist         []string       // newest first
	Allowlist         []string       // newest first
	AllowlistEnabled  bool           // by the user's own switch or the app's
	Online            bool
	Deactivated       bool      // from the accepted call on, before the deactivation finishes
	DeactivatedAt     time.Time // zero = not deactivated
}

// User returns a copy of what the server stores about an id. For an id without data only ID is set, and AllowlistEnabled
// with [AllowlistForAll].
func (s *Server) User(id string) User {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	now := s.state.runDue()
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

// CanMessage reports whether a one-to-one message from a device of from would reach to, by RC's rules. If the allowlist
// is on for to, from must be in to's allowlist; otherwise from must not be in to's blocklist. A banned or
// deactivated sender can't send. A ban of the receiver doesn't matter, since RC keeps messages for it, nor does a
// deactivation of the receiver by itself.
func (s *Server) CanMessage(from, to string) bool {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	now := s.state.runDue()
	if sender := s.state.find(from, now); sender != nil && !sender.canConnect(now) {
		return false
	}
	receiver := s.state.find(to, now)
	if s.state.allowlistOn(receiver) {
		return receiver != nil && receiver.allowlist.has(from)
	}
	return receiver == nil || !receiver.blocklist.has(from)
}
