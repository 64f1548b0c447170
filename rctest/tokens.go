package rctest

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"math"
	"slices"
	"time"
)

func tokenEndpoints() []endpoint {
	return []endpoint{
		{path: "/user/token/expire.json", serve: (*state).expireTokens, rate: 100},
	}
}

// issued is a token and when it was issued, in whole milliseconds: RC's unit for expiring it.
type issued struct {
	value string
	at    time.Time
}

// issueToken returns a token that is void at once if tokens are expired up to a time that is yet to come.
func (a *account) issueToken(now time.Time) string {
	var random [48]byte
	_, _ = rand.Read(random[:]) // never fails
	t := issued{
		value: base64.StdEncoding.EncodeToString(random[:]) + "@rctest.cn.rongnav.com;rctest.cn.rongcfg.com",
		at:    time.UnixMilli(now.UnixMilli()),
	}
	if !t.at.Before(a.tokensFrom) {
		a.tokens = append(a.tokens, t)
	}
	return t.value
}

func (s *state) expireTokens(p *params) (fields, *refusal) {
	ids := p.ids("userId")
	before := time.UnixMilli(p.requiredNumber("time", 0, math.MaxInt64))
	if p.refused != nil {
		return nil, p.refused
	}
	for _, id := range ids {
		a := s.account(id, p.now)
		if before.After(a.tokensFrom) {
			a.tokensFrom = before
		}
		a.tokens = slices.DeleteFunc(a.tokens, func(t issued) bool { return t.at.Before(before) })
	}
	return nil, nil
}

// ValidToken reports whether a device could connect with the token now: it is one of the user's, wasn't expired, and
// the user is neither banned nor deactivated.
func (s *Server) ValidToken(userID, token string) bool {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	now := s.state.settled()
	a := s.state.find(userID, now)
	if a == nil || !a.mayConnect(now) {
		return false
	}
	valid := 0
	for _, t := range a.tokens {
		valid |= subtle.ConstantTimeCompare([]byte(t.value), []byte(token))
	}
	return valid == 1
}
