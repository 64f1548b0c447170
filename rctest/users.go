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
	existing := s.find(id, p.now)
	switch {
	case existing != nil && existing.deactivated:
		return nil, refuse(codeParameter, "userId is deactivated")
	case s.settings.development && s.registered >= maxDevelopmentUsers && (existing == nil || !existing.registered):
		return nil, refuse(codeUserLimit, "at most %d users in the development environment", maxDevelopmentUsers)
	}
	a := s.findOrCreate(id, p.now)
	if !a.registered {
		s.registered++
		a.registered, a.createdAt = true, publicTime(p.now)
	}
	a.name = name
	if hasPortrait {
		a.portraitURI = portrait
	}
	return fields{"userId": id, "token": a.issueToken(p.now)}, nil
}

func (s *state) info(p *params) (fields, *refusal) {
	id := p.userID()
	if p.refused != nil {
		return nil, p.refused
	}
	a := s.find(id, p.now)
	if a == nil || !a.registered {
		return nil, refuse(codeParameter, "ParamError:data is not exist.")
	}
	return fields{"userName": a.name, "userPortrait": a.portraitURI, "createTime": a.createdAt.Format(time.DateTime)}, nil
}

func (s *state) refresh(p *params) (fields, *refusal) {
	id := p.userID()
	name, hasName := userName(p)
	portrait, hasPortrait := portraitURI(p)
	if p.refused != nil {
		return nil, p.refused
	}
	a := s.find(id, p.now)
	if a == nil || !a.registered {
		return nil, nil
	}
	if hasName {
		a.name = name
	}
	if hasPortrait {
		a.portraitURI = portrait
	}
	return nil, nil
}

// deactivation is the zero value for a user that isn't deactivated.
type deactivation struct {
	order   uint64 // position in the list of deactivated users
	id      string
	at      time.Time
	code    string // of its result
	removed bool   // the user's data has been removed
}

func (d *deactivation) finishesAt() time.Time { return d.at.Add(deactivationDuration) }

func compareDeactivations(a, b deactivation) int { return cmp.Compare(a.order, b.order) }

func (s *state) deactivate(p *params) (fields, *refusal) {
	ids := p.joinedUserIDs()
	if p.refused != nil {
		return nil, p.refused
	}
	operation := newOperationID()
	for i, id := range ids {
		a := s.findOrCreate(id, p.now)
		switch {
		case !a.deactivated:
			s.beginDeactivation(a, operation, p.now)
		case !slices.Contains(ids[:i], id):
			s.reportDeactivation(a, operation, p.now)
		}
	}
	return fields{"operateId": operation}, nil
}

func (s *state) beginDeactivation(a *account, operation string, now time.Time) {
	s.disconnect(a, eventLogout, now)
	last, _ := s.deactivated.last()
	a.deactivated, a.tokens = true, nil
	a.deactivation = deactivation{order: last.order + 1, id: a.id, at: publicTime(now), code: resultSuccess}
	if code, refused := s.refusals[a.id]; refused {
		delete(s.refusals, a.id)
		a.deactivation.code = code
	}
	s.deactivated.insert(a.deactivation)
	id, code := a.id, a.deactivation.code
	s.schedule(a.deactivation.finishesAt(), func(due time.Time) {
		if code != resultSuccess {
			s.undoDeactivation(s.accounts[id])
		}
		s.resultEvent(id, operation, resultDeactivate, code, due)
	})
}

// reportDeactivation reports, for another operation, the result of a deactivation that was begun before: when it
// finishes, or now if it has finished.
func (s *state) reportDeactivation(a *account, operation string, now time.Time) {
	id, code := a.id, a.deactivation.code
	if finishesAt := a.deactivation.finishesAt(); now.Before(finishesAt) {
		s.schedule(finishesAt, func(due time.Time) { s.resultEvent(id, operation, resultDeactivate, code, due) })
		return
	}
	s.resultEvent(id, operation, resultDeactivate, code, now)
}

func (s *state) undoDeactivation(a *account) {
	s.deactivated.remove(a.deactivation)
	a.deactivated, a.deactivation = false, deactivation{}
}

// removeData removes what RC removes when a deactivation finishes, apart from messages and push settings, which the fake
// doesn't have.
func (a *account) removeData() {
	a.name, a.portraitURI = "", ""
	a.allowlistOn = false
	a.blocklist.clear()
	a.allowlist.clear()
}

// RefuseDeactivation makes the user's next deactivation fail: the call is accepted, and 15 minutes later, when the
// deactivation would have finished, its result is reported with the code. The user is then active again, with all its data
// but without a token. RC doesn't document which codes exist. A deactivation call for a user that is already deactivated
// doesn't count as the next one. RefuseDeactivation panics if the code is empty or "0", which means success.
func (s *Server) RefuseDeactivation(userID, code string) {
	if code == "" || code == resultSuccess {
		panic("rctest: RefuseDeactivation with a code of success")
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.refusals[userID] = code
}

func (s *state) queryDeactivated(p *params) (fields, *refusal) {
	page := p.number("pageNo", 1, math.MaxInt32, 1)
	size := p.number("pageSize", 1, maxDeactivatedPage, maxDeactivatedPage)
	if p.refused != nil {
		return nil, p.refused
	}
	ids := []string{}
	for _, d := range pageItems(p, s.deactivated.page(page, p.pageSize(size))) {
		ids = append(ids, d.id)
	}
	return fields{"users": ids}, nil
}

func (s *state) reactivate(p *params) (fields, *refusal) {
	ids := p.joinedUserIDs()
	if p.refused != nil {
		return nil, p.refused
	}
	for _, id := range ids {
		if a := s.find(id, p.now); a != nil && a.deactivated && p.now.Before(a.deactivation.at.Add(reactivationDelay)) {
			return nil, refuse(codeParameter, "userId was deactivated less than %v ago", reactivationDelay)
		}
	}
	operation := newOperationID()
	for i, id := range ids {
		if a := s.find(id, p.now); a != nil && a.deactivated {
			s.undoDeactivation(a)
		}
		if s.outbox != nil && !slices.Contains(ids[:i], id) {
			s.resultEvent(id, operation, resultReactivate, resultSuccess, p.now)
		}
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
