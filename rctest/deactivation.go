package rctest

import (
	"cmp"
	"crypto/rand"
	"math"
	"slices"
	"strings"
	"time"
)

const (
	maxDeactivatedPage = 50
	deactivationTakes  = 15 * time.Minute
	reactivationAfter  = time.Hour
)

// deactivation is one that was accepted and not taken back.
type deactivation struct {
	order   uint64
	id      string
	at      time.Time
	code    string // of its result
	removed bool   // the data is gone
}

func (d *deactivation) finishes() time.Time { return d.at.Add(deactivationTakes) }

func compareDeactivations(a, b deactivation) int { return cmp.Compare(a.order, b.order) }

func (s *state) deactivate(p *params) (fields, *refusal) {
	ids := p.joinedUserIDs()
	if p.refused != nil {
		return nil, p.refused
	}
	operation := newOperationID()
	for i, id := range ids {
		a := s.account(id, p.now)
		switch {
		case !a.deactivated:
			s.beginDeactivation(a, operation, p.now)
		case !slices.Contains(ids[:i], id):
			s.repeatDeactivation(a, operation, p.now)
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
	s.schedule(a.deactivation.finishes(), func(due time.Time) {
		if code != resultSuccess {
			s.undoDeactivation(s.accounts[id])
		}
		s.resultEvent(id, operation, resultDeactivate, code, due)
	})
}

// repeatDeactivation reports what becomes of the deactivation that there is.
func (s *state) repeatDeactivation(a *account, operation string, now time.Time) {
	id, code := a.id, a.deactivation.code
	if finishes := a.deactivation.finishes(); now.Before(finishes) {
		s.schedule(finishes, func(due time.Time) { s.resultEvent(id, operation, resultDeactivate, code, due) })
		return
	}
	s.resultEvent(id, operation, resultDeactivate, code, now)
}

func (s *state) undoDeactivation(a *account) {
	s.deactivated.remove(a.deactivation)
	a.deactivated, a.deactivation = false, deactivation{}
}

// RefuseDeactivation makes the user's next deactivation fail: it is accepted as any, and 15 minutes later, when it would
// have finished, it is reported with the code. The user is then active again and has all its data, but no token. RC
// doesn't say which codes there are. A deactivation of a user who is deactivated already starts nothing, and so isn't
// the next one. It panics if the code is empty or "0", which is success.
func (s *Server) RefuseDeactivation(userID, code string) {
	if code == "" || code == resultSuccess {
		panic("rctest: RefuseDeactivation with a code of success")
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.refusals[userID] = code
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

// newOperationID has the shape of RC's, such as C70B-B1D6-82E8-5SBO.
func newOperationID() string {
	text := rand.Text()
	return strings.Join([]string{text[0:4], text[4:8], text[8:12], text[12:16]}, "-")
}
