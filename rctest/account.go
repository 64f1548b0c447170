package rctest

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/f0207b22/rcuser"
)

// account is what the server stores about an id, registered or not. A user that is only registered has nothing else, so
// its size decides how much memory a million users need.
type account struct {
	texts     string // id, name and portrait URI in one allocation
	createdAt int64  // Unix milliseconds; 0 = never registered
	rare      *rare  // nil if all of it is zero
	number    uint32 // in the order of first appearance, from 0
	nameBytes uint16
	idBytes   uint8
}

// rare is the state that most users don't have. All times are Unix milliseconds.
type rare struct {
	tokens               *tokenHistory // nil if at most one token was issued, at registration, and none expired
	bannedUntil          int64         // 0 = not banned
	ban                  uint64        // number of the ban; 0 = not banned
	session              uint64        // number of the current session; 0 = offline
	blocklist, allowlist *list         // nil if nothing was ever added
	deactivation         *deactivation // nil if active
	refusal              string        // result code of the next deactivation; "" = it succeeds
	allowlistOn          bool
}

func (a *account) id() string   { return a.texts[:a.idBytes] }
func (a *account) name() string { return a.texts[a.idBytes:][:a.nameBytes] }
func (a *account) portraitURI() string {
	return a.texts[int(a.idBytes)+int(a.nameBytes):]
}

// setTexts copies the texts, which may be parts of a large request.
func (a *account) setTexts(id, name, portrait string) {
	a.texts = strings.Join([]string{id, name, portrait}, "")
	a.idBytes, a.nameBytes = uint8(len(id)), uint16(len(name)) //nolint:gosec // callers have checked the limits
}

// rareState returns the account's rare state to be changed.
func (a *account) rareState() *rare {
	if a.rare == nil {
		a.rare = new(rare)
	}
	return a.rare
}

// readRare returns the account's rare state, zero if there is none. The account may be nil.
func (a *account) readRare() rare {
	if a == nil || a.rare == nil {
		return rare{}
	}
	return *a.rare
}

func (a *account) registered() bool { return a != nil && a.createdAt != 0 }

func (a *account) deactivated() bool { return a.readRare().deactivation != nil }

// canConnect reports whether the service would accept a connection of the user's devices.
func (a *account) canConnect(now time.Time) bool { return !a.banned(now) && !a.deactivated() }

// validID reports whether the service would accept an id.
func validID(id string) bool {
	return id != "" && len(id) <= maxIDBytes && validCharacters(id)
}

// validProfile reports whether the service would accept a name and a portrait URI.
func validProfile(name, portrait string) bool {
	return utf8.ValidString(name) && utf8.RuneCountInString(name) <= maxNameCharacters &&
		utf8.ValidString(portrait) && len(portrait) <= maxPortraitBytes
}

// timeOf returns a time of the store as callers see it.
func timeOf(milliseconds int64) time.Time { return time.UnixMilli(milliseconds).UTC() }

// latestTime is the latest time that the store holds, in Unix milliseconds: the end of the year 9999, long after the
// latest that the server's clock can reach.
var latestTime = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() - 1

// User is what a server stores about an id.
type User struct {
	ID                string
	Name, PortraitURI string
	Registered        bool           // has ever been registered; stays true when the user is deactivated
	CreatedAt         time.Time      // first registration, truncated to seconds as in answers
	Tokens            []rcuser.Token // of the last 20 issued those that aren't void, oldest first; includes a banned user's
	BannedUntil       time.Time      // zero = not banned; truncated to seconds as in answers
	Blocklist         []string       // newest first
	Allowlist         []string       // newest first
	AllowlistEnabled  bool           // by the user's own switch or the app's
	Online            bool
	Deactivated       bool      // from the accepted call on, before the deactivation finishes
	DeactivatedAt     time.Time // zero = not deactivated; in whole milliseconds
}

// User returns a copy of what the server stores about an id. For an id without data only ID is set, and AllowlistEnabled
// with [AllowlistForAll].
func (s *Server) User(id string) User {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	now := s.state.runDue()
	if a := s.state.find(id); a != nil {
		return s.state.user(a, now)
	}
	return User{ID: id, AllowlistEnabled: s.settings.allowlistForAll}
}

func (s *state) user(a *account, now time.Time) User {
	r := a.readRare()
	u := User{
		ID: a.id(), Name: a.name(), PortraitURI: a.portraitURI(), Registered: a.registered(),
		Tokens: s.tokensOf(a), Blocklist: r.blocklist.newestFirst(), Allowlist: r.allowlist.newestFirst(),
		AllowlistEnabled: s.allowlistOn(a), Online: r.session != 0,
	}
	if a.registered() {
		u.CreatedAt = timeOf(a.createdAt).Truncate(time.Second)
	}
	if a.banned(now) {
		u.BannedUntil = timeOf(r.bannedUntil).Truncate(time.Second)
	}
	if r.deactivation != nil {
		u.Deactivated, u.DeactivatedAt = true, timeOf(r.deactivation.at)
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
	if !s.state.find(from).canConnect(now) {
		return false
	}
	receiver := s.state.find(to)
	if s.state.allowlistOn(receiver) {
		return receiver.readRare().allowlist.has(from)
	}
	return !receiver.readRare().blocklist.has(from)
}
