package rctest

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxNameCharacters   = 64
	maxPortraitBytes    = 1024
	maxDevelopmentUsers = 100
	maxDeactivatedPage  = 50
	maxOperations       = 10_000 // that wait for the result of one deactivation; bounds what a user can cost
	maxRefusalBytes     = 64

	deactivationDuration = 15 * time.Minute
	reactivationDelay    = time.Hour // from the deactivation call to the earliest reactivation
)

func userEndpoints() []endpoint {
	return []endpoint{
		{path: "/user/getToken.json", handle: (*state).register, rate: 200},
		{path: "/user/info.json", handle: (*state).info, rate: 100},
		{path: "/user/refresh.json", handle: (*state).refresh, rate: 100},
		{path: "/user/deactivate.json", handle: (*state).deactivate, rate: 100, perID: true},
		{path: "/user/deactivate/query.json", handle: (*state).queryDeactivated, rate: 100, allowEmpty: true},
		{path: "/user/reactivate.json", handle: (*state).reactivate, rate: 100, perID: true},
	}
}

// userName reads the field name, and reports whether it was given.
func userName(p *params) (string, bool) {
	return p.text("name", utf8.RuneCountInString, maxNameCharacters)
}

// portraitURI reads the field portraitUri, and reports whether it was given.
func portraitURI(p *params) (string, bool) {
	return p.text("portraitUri", func(text string) int { return len(text) }, maxPortraitBytes)
}

func (s *state) register(p *params) (fields, *refusal) {
	id := p.userID()
	name, _ := userName(p)
	if name == "" {
		p.refuse(codeParameter, "name is required")
	}
	portrait, hasPortrait := portraitURI(p)
	if p.refused != nil {
		return nil, p.refused
	}
	existing := s.find(id)
	switch {
	case existing.deactivated():
		return nil, refuse(codeParameter, "userId is deactivated")
	case s.settings.development && s.registered >= maxDevelopmentUsers && !existing.registered():
		return nil, refuse(codeUserLimit, "at most %d users in the development environment", maxDevelopmentUsers)
	}
	a := s.findOrCreate(id)
	if !hasPortrait {
		portrait = a.portraitURI()
	}
	var token string
	s.update(a, func(a *account) {
		a.setTexts(id, name, portrait)
		token = s.issueToken(a, p.now)
	})
	return fields{"userId": id, "token": token}, nil
}

func (s *state) info(p *params) (fields, *refusal) {
	id := p.userID()
	if p.refused != nil {
		return nil, p.refused
	}
	a := s.find(id)
	if !a.registered() {
		return nil, refuse(codeParameter, "ParamError:data is not exist.")
	}
	return fields{"userName": a.name(), "userPortrait": a.portraitURI(), "createTime": timeOf(a.createdAt).Format(time.DateTime)}, nil
}

func (s *state) refresh(p *params) (fields, *refusal) {
	id := p.userID()
	name, hasName := userName(p)
	portrait, hasPortrait := portraitURI(p)
	if p.refused != nil {
		return nil, p.refused
	}
	a := s.find(id)
	if !a.registered() {
		return nil, refuse(codeParameter, "userId%s is not exist.", id)
	}
	if !hasName {
		name = a.name()
	}
	if !hasPortrait {
		portrait = a.portraitURI()
	}
	if name != a.name() || portrait != a.portraitURI() {
		s.update(a, func(a *account) { a.setTexts(id, name, portrait) })
	}
	return nil, nil
}

// deactivation is what is stored about a deactivated user.
type deactivation struct {
	order      uint64   // position in the list of deactivated users
	at         int64    // Unix milliseconds
	code       string   // of its result
	operations []string // ids of those whose result isn't reported yet; none once it has finished
}

// deactivationEntry is a deactivation in an ordered set.
type deactivationEntry struct {
	at      int64 // Unix milliseconds
	order   uint64
	account *account
}

func (a *account) deactivationEntry() deactivationEntry {
	d := a.rare.deactivation
	return deactivationEntry{d.at, d.order, a}
}

func (e deactivationEntry) finishesAt() time.Time { return timeOf(e.at).Add(deactivationDuration) }

func compareOrders(a, b deactivationEntry) int { return cmp.Compare(a.order, b.order) }

func compareFinishes(a, b deactivationEntry) int {
	return cmp.Or(cmp.Compare(a.at, b.at), compareOrders(a, b))
}

func (s *state) deactivate(p *params) (fields, *refusal) {
	ids := distinct(p.joinedUserIDs())
	if p.refused != nil {
		return nil, p.refused
	}
	for _, id := range ids {
		if d := s.find(id).readRare().deactivation; d != nil && len(d.operations) == maxOperations {
			return nil, refuse(codeRateLimited, "%d operations already wait for the result of the user's deactivation", maxOperations)
		}
	}
	operation := newOperationID()
	for _, id := range ids {
		a := s.findOrCreate(id)
		switch d := a.readRare().deactivation; {
		case d == nil:
			s.update(a, func(a *account) { s.beginDeactivation(a, operation, p.now) })
		case len(d.operations) > 0:
			s.update(a, func(*account) { d.operations = append(d.operations, operation) })
		default:
			s.resultEvent(id, operation, resultDeactivate, d.code, p.now)
		}
	}
	return fields{"operateId": operation}, nil
}

// distinct returns each id once.
func distinct(ids []string) []string {
	var found []string
	for _, id := range ids {
		if !slices.Contains(found, id) {
			found = append(found, id)
		}
	}
	return found
}

// beginDeactivation voids all tokens. The caller is in update.
func (s *state) beginDeactivation(a *account, operation string, now time.Time) {
	s.disconnect(a, eventLogout, now)
	last, _ := s.deactivated.last()
	r := a.rareState()
	r.deactivation = &deactivation{last.order + 1, now.UnixMilli(), cmp.Or(r.refusal, resultSuccess), []string{operation}}
	r.refusal = ""
	if h := a.tokenHistory(); h.issued > 0 {
		h.void, h.latest = h.issued, nil
		r.tokens = &h
	}
	entry := a.deactivationEntry()
	s.deactivated.insert(entry)
	s.unfinished.insert(entry)
	if first, _ := s.unfinished.first(); first == entry {
		s.resetTimer()
	}
}

// finishDeactivation removes the user's data or, if the deactivation is refused, makes the user active again, and reports
// the result.
func (s *state) finishDeactivation(e deactivationEntry) {
	d := e.account.rare.deactivation
	operations := d.operations
	s.update(e.account, func(a *account) {
		s.unfinished.remove(e)
		if d.operations = nil; d.code == resultSuccess {
			a.removeData()
		} else {
			s.undoDeactivation(a)
		}
	})
	for _, operation := range operations {
		s.resultEvent(e.account.id(), operation, resultDeactivate, d.code, e.finishesAt())
	}
}

// undoDeactivation is for one that has finished. The caller is in update.
func (s *state) undoDeactivation(a *account) {
	s.deactivated.remove(a.deactivationEntry())
	a.rare.deactivation = nil
}

// removeData removes what RC removes when a deactivation finishes, apart from messages and push settings, which the fake
// doesn't have. The caller is in update.
func (a *account) removeData() {
	a.setTexts(a.id(), "", "")
	a.rare.allowlistOn = false
	a.rare.blocklist.clear()
	a.rare.allowlist.clear()
}

// RefuseDeactivation makes the user's next deactivation fail: the call is accepted, and 15 minutes later, when the
// deactivation would have finished, its result is reported with the code. The user is then active again, with all its data
// but without a token. RC doesn't document which codes exist. A deactivation call for a user that is already deactivated
// doesn't count as the next one. RefuseDeactivation panics if the code is empty, "0", which means success, longer than 64
// bytes or not UTF-8. It does nothing for an id that calls would refuse.
func (s *Server) RefuseDeactivation(userID, code string) {
	if !validRefusal(code) {
		panic("rctest: RefuseDeactivation: the code is empty, 0, longer than 64 bytes or not UTF-8")
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.runDue()
	if validID(userID) && s.state.find(userID).readRare().refusal != code {
		s.state.update(s.state.findOrCreate(userID), func(a *account) { a.rareState().refusal = strings.Clone(code) })
	}
}

func validRefusal(code string) bool {
	return code != "" && code != resultSuccess && len(code) <= maxRefusalBytes && utf8.ValidString(code)
}

func (s *state) queryDeactivated(p *params) (fields, *refusal) {
	page := p.number("pageNo", 1, math.MaxInt32, 1)
	size := p.number("pageSize", 1, maxDeactivatedPage, maxDeactivatedPage)
	if p.refused != nil {
		return nil, p.refused
	}
	ids := []string{}
	for _, e := range pageItems(p, s.deactivated.page(page, p.pageSize(size))) {
		ids = append(ids, e.account.id())
	}
	return fields{"users": ids}, nil
}

func (s *state) reactivate(p *params) (fields, *refusal) {
	ids := distinct(p.joinedUserIDs())
	if p.refused != nil {
		return nil, p.refused
	}
	for _, id := range ids {
		d := s.find(id).readRare().deactivation
		if d != nil && p.now.Before(timeOf(d.at).Add(reactivationDelay)) {
			return nil, refuse(codeParameter, "userId was deactivated less than %v ago", reactivationDelay)
		}
	}
	operation := newOperationID()
	for _, id := range ids {
		if a := s.find(id); a.deactivated() {
			s.update(a, s.undoDeactivation)
		}
		s.resultEvent(id, operation, resultReactivate, resultSuccess, p.now)
	}
	return fields{"operateId": operation}, nil
}

// newOperationID returns an id of the same form as RC's, such as C70B-B1D6-82E8-5SBO.
func newOperationID() string {
	text := rand.Text()
	return strings.Join([]string{text[0:4], text[4:8], text[8:12], text[12:16]}, "-")
}

// The type and the code in a result event.
const (
	resultDeactivate = 0
	resultReactivate = 1
	resultSuccess    = "0"
)

// resultEvent reports the result of a deactivation or reactivation.
func (s *state) resultEvent(userID, operation string, kind int, code string, at time.Time) {
	if s.outbox == nil {
		return
	}
	s.sendEvent(userID, formMediaType, fmt.Sprintf("userId=%s&operateId=%s&type=%d&code=%s&time=%d",
		url.QueryEscape(userID), operation, kind, url.QueryEscape(code), at.UnixMilli()), at)
}
