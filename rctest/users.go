package rctest

import (
	"cmp"
	"crypto/rand"
	"math"
	"strings"
	"time"
)

const (
	maxDevelopmentUsers = 100
	maxDeactivatedPage  = 50
	deactivationTakes   = 15 * time.Minute
	reactivationAfter   = time.Hour
)

func userEndpoints() []endpoint {
	return []endpoint{
		{path: "/user/getToken.json", serve: (*state).register, rate: 200},
		{path: "/user/info.json", serve: (*state).info, rate: 100},
		{path: "/user/refresh.json", serve: (*state).refresh, rate: 100},
		{path: "/user/deactivate.json", serve: (*state).deactivate, rate: 100, perID: true},
		{path: "/user/deactivate/query.json", serve: (*state).queryDeactivated, rate: 100, optional: true},
		{path: "/user/reactivate.json", serve: (*state).reactivate, rate: 100, perID: true},
	}
}

func (s *state) register(p *params) (fields, *refusal) {
	id := p.userID()
	name, _ := p.name()
	if name == "" {
		p.refuse(codeParameter, "name is required")
	}
	portrait, hasPortrait := p.portraitURI()
	if p.refused != nil {
		return nil, p.refused
	}
	known := s.find(id, p.now)
	switch {
	case known != nil && known.deactivated:
		return nil, refuse(codeParameter, "userId is deactivated")
	case s.settings.development && s.registered >= maxDevelopmentUsers && (known == nil || !known.registered):
		return nil, refuse(codeUserLimit, "at most %d users in the development environment", maxDevelopmentUsers)
	}
	a := s.account(id, p.now)
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
	name, hasName := p.name()
	portrait, hasPortrait := p.portraitURI()
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

// deactivation is one that was accepted and not taken back.
type deactivation struct {
	order   uint64
	id      string
	at      time.Time
	removed bool // the data is gone
}

func compareDeactivations(a, b deactivation) int { return cmp.Compare(a.order, b.order) }

func (s *state) deactivate(p *params) (fields, *refusal) {
	ids := p.joinedUserIDs()
	if p.refused != nil {
		return nil, p.refused
	}
	for _, id := range ids {
		a := s.account(id, p.now)
		if a.deactivated {
			continue
		}
		last, _ := s.deactivated.last()
		a.deactivated, a.online, a.tokens = true, false, nil
		a.deactivation = deactivation{order: last.order + 1, id: id, at: publicTime(p.now)}
		s.deactivated.insert(a.deactivation)
	}
	return fields{"operateId": newOperationID()}, nil
}

// removeData is what a deactivation does in the end. Group memberships, which the service keeps, aren't kept here at
// all, nor are messages and push settings, which it removes too.
func (a *account) removeData() {
	a.name, a.portraitURI = "", ""
	a.allowlistOn = false
	a.blocklist.clear()
	a.allowlist.clear()
}

func (s *state) queryDeactivated(p *params) (fields, *refusal) {
	page := p.number("pageNo", 1, math.MaxInt32, 1)
	size := p.number("pageSize", 1, maxDeactivatedPage, maxDeactivatedPage)
	if p.refused != nil {
		return nil, p.refused
	}
	ids := []string{}
	for _, d := range s.deactivated.page(page, size) {
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
		if a := s.find(id, p.now); a != nil && a.deactivated && p.now.Before(a.deactivation.at.Add(reactivationAfter)) {
			return nil, refuse(codeParameter, "userId was deactivated less than %v ago", reactivationAfter)
		}
	}
	for _, id := range ids {
		if a := s.find(id, p.now); a != nil && a.deactivated {
			s.deactivated.remove(a.deactivation)
			a.deactivated, a.deactivation = false, deactivation{}
		}
	}
	return fields{"operateId": newOperationID()}, nil
}

// newOperationID has the shape of RC's, such as C70B-B1D6-82E8-5SBO.
func newOperationID() string {
	text := rand.Text()
	return strings.Join([]string{text[0:4], text[4:8], text[8:12], text[12:16]}, "-")
}
