package rctest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// Limits of an export's numbers, far above what a server reaches.
const (
	maxCount  = 1 << 53 // what every JSON library reads exactly
	maxSerial = 1 << 31 // half of what a serial can hold
)

// recordNames are the names of all fields of a user in an export, at most 32.
var recordNames = []string{
	"id", "createdAt", "name", "portraitUri", "tokens", "bannedUntil", "session", "blocklist", "allowlist", "allowlistOn",
	"deactivation", "refuseCode", "issued", "void", "expiredBefore", "expiredSerial", "latest", "added", "entries", "number",
	"order", "at", "code", "operations",
}

// checkNames refuses names that Export doesn't write, also if only their case differs, and names given twice in one
// object: package encoding/json would take them. raw must be valid JSON.
func checkNames(raw []byte) error {
	var objects []uint32 // for each object around, the names it has had so far: a bit for each of recordNames
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '{':
			objects = append(objects, 0)
		case '}':
			objects = objects[:len(objects)-1]
		case '"':
			text := stringAt(raw[i+1:])
			i += len(text) + 1
			if !bytes.HasPrefix(bytes.TrimLeft(raw[i+1:], " \t\r\n"), []byte(":")) {
				continue
			}
			if err := addName(&objects[len(objects)-1], string(text)); err != nil {
				return err
			}
		}
	}
	return nil
}

// stringAt returns the text up to the quote that ends it.
func stringAt(text []byte) []byte {
	end := 0
	for ; text[end] != '"'; end++ {
		if text[end] == '\\' {
			end++
		}
	}
	return text[:end]
}

func addName(seen *uint32, name string) error {
	index := slices.Index(recordNames, name)
	switch {
	case index < 0:
		return fmt.Errorf("the field %.80q is unknown", name)
	case *seen&(1<<index) != 0:
		return fmt.Errorf("the field %q is given twice", name)
	}
	*seen |= 1 << index
	return nil
}

func validTime(milliseconds int64) bool { return milliseconds >= 0 && milliseconds <= latestTime }

// check says what is wrong with a user on its own.
func (r *userRecord) check() error {
	switch {
	case !validID(r.ID):
		return errors.New("the id is not one that RC accepts")
	case !validProfile(r.Name, r.PortraitURI):
		return errors.New("name or portraitUri is not one that RC accepts")
	case !validTime(r.CreatedAt) || !validTime(r.BannedUntil):
		return errors.New("createdAt or bannedUntil is not between 1970 and the year 9999")
	case r.CreatedAt == 0 && r.Name+r.PortraitURI != "":
		return errors.New("name or portraitUri is given without createdAt")
	case r.Session != 0 && (r.BannedUntil != 0 || r.Deactivation != nil):
		return errors.New("session is given for a user that is banned or deactivated")
	case r.RefuseCode != "" && !validRefusal(r.RefuseCode):
		return errors.New("refuseCode is not a code of a failure")
	}
	if err := r.checkTokens(); err != nil {
		return fmt.Errorf("tokens: %w", err)
	}
	if err := r.Blocklist.check(); err != nil {
		return fmt.Errorf("blocklist: %w", err)
	}
	if err := r.Allowlist.check(); err != nil {
		return fmt.Errorf("allowlist: %w", err)
	}
	if err := r.Deactivation.check(); err != nil {
		return fmt.Errorf("deactivation: %w", err)
	}
	return nil
}

func (r *userRecord) checkTokens() error {
	t := r.Tokens
	if t == nil {
		if r.CreatedAt != 0 && r.Deactivation != nil {
			return errors.New("missing for a deactivated user, whose tokens are void")
		}
		return nil
	}
	invalid := func(at int64) bool { return !validTime(at) }
	switch {
	case (t.Issued > 0) != (r.CreatedAt != 0):
		return errors.New("issued and createdAt contradict each other: a registered user has a token, and nobody else")
	case t.Issued > maxSerial || t.Void > t.Issued || t.ExpiredSerial > t.Issued:
		return errors.New("void or expiredSerial is more than issued, or issued more than 2^31")
	case r.Deactivation != nil && t.Void != t.Issued:
		return errors.New("a deactivated user's tokens are void")
	case len(t.Latest) != min(listedTokens, int(t.Issued-t.Void)):
		return fmt.Errorf("latest has %d times; the last %d tokens that aren't void have one each", len(t.Latest), listedTokens)
	case invalid(t.ExpiredBefore) || slices.ContainsFunc(t.Latest, invalid):
		return errors.New("expiredBefore or latest is not between 1970 and the year 9999")
	}
	return nil
}

func (l *listRecord) check() error {
	if l == nil {
		return nil
	}
	if len(l.Entries) > maxListLength {
		return fmt.Errorf("it has more than %d entries", maxListLength)
	}
	seen, last := make(map[string]bool, len(l.Entries)), uint64(0)
	for i, e := range l.Entries {
		switch {
		case !validID(e.ID):
			return fmt.Errorf("entry %d: the id is not one that RC accepts", i+1)
		case seen[e.ID]:
			return fmt.Errorf("entry %d: the id %q is given twice", i+1, e.ID)
		case e.Number <= last:
			return fmt.Errorf("entry %d: its number isn't higher than the one before", i+1)
		}
		seen[e.ID], last = true, e.Number
	}
	if l.Added < last || l.Added > maxCount {
		return errors.New("added is not between the last entry's number and 2^53")
	}
	return nil
}

func (d *deactivationRecord) check() error {
	switch {
	case d == nil:
		return nil
	case d.Order == 0 || d.Order > maxCount:
		return errors.New("order is not between 1 and 2^53")
	case !validTime(d.At):
		return errors.New("at is not between 1970 and the year 9999")
	case d.Code != resultSuccess && (!validRefusal(d.Code) || len(d.Operations) == 0):
		return errors.New("code is neither a success nor a refusal that is still to be reported")
	case len(d.Operations) > maxOperations:
		return fmt.Errorf("there are more than %d operations", maxOperations)
	case slices.ContainsFunc(d.Operations, func(id string) bool { return !validID(id) }):
		return errors.New("an operation's id is not one of RC's")
	}
	return nil
}

// restore sets an account from a checked record, apart from the entries of deactivated users.
func (r *userRecord) restore(d *store, a *account) {
	a.setTexts(r.ID, r.Name, r.PortraitURI)
	if a.createdAt = r.CreatedAt; a.registered() {
		d.registered++
	}
	state := rare{
		session: r.Session, blocklist: r.Blocklist.restore(), allowlist: r.Allowlist.restore(),
		allowlistOn: r.AllowlistOn, refusal: r.RefuseCode,
	}
	if t := r.Tokens; t != nil {
		state.tokens = &tokenHistory{t.Issued, t.Void, t.ExpiredBefore, t.ExpiredSerial, t.Latest}
	}
	if p := r.Deactivation; p != nil {
		state.deactivation = &deactivation{p.Order, p.At, p.Code, p.Operations}
	}
	if state != (rare{}) {
		a.rare = &state
	}
	if r.BannedUntil != 0 {
		d.setBan(a, r.BannedUntil)
	}
}

func (l *listRecord) restore() *list {
	if l == nil || l.Added == 0 {
		return nil
	}
	members := new(list)
	for _, e := range l.Entries {
		members.insert(entry{e.Number, e.ID})
	}
	members.added = l.Added
	return members
}
