package rctest

import (
	"crypto/subtle"
	"math"
	"slices"
	"time"
)

func tokenEndpoints() []endpoint {
	return []endpoint{
		{path: "/user/token/expire.json", handle: (*state).expireTokens, rate: 100},
	}
}

func (s *state) expireTokens(p *params) (fields, *refusal) {
	ids := p.ids("userId")
	before := time.UnixMilli(p.requiredNumber("time", 0, math.MaxInt64))
	if p.refused != nil {
		return nil, p.refused
	}
	for _, id := range ids {
		a := s.findOrCreate(id, p.now)
		if before.After(a.tokensFrom) {
			a.tokensFrom = before
		}
		a.tokens = slices.DeleteFunc(a.tokens, func(t issuedToken) bool { return t.at.Before(before) })
	}
	return nil, nil
}

// ValidToken reports whether a device could connect with the token now: it was issued to the user, wasn't expired, and
// the user is neither banned nor deactivated.
func (s *Server) ValidToken(userID, token string) bool {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	now := s.state.runDue()
	a := s.state.find(userID, now)
	if a == nil || !a.canConnect(now) {
		return false
	}
	valid := 0
	for _, t := range a.tokens {
		valid |= subtle.ConstantTimeCompare([]byte(t.value), []byte(token))
	}
	return valid == 1
}
