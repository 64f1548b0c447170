package rctest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/f0207b22/rcuser"
)

const (
	tokenKeyBytes   = 32
	tokenStampBytes = 16                                             // the user's number, the serial and the time of issue
	tokenSuffix     = "@rctest.cn.rongnav.com;rctest.cn.rongcfg.com" //nolint:gosec // no secret: every token ends like this
	listedTokens    = 20
)

func tokenEndpoints() []endpoint {
	return []endpoint{
		{path: "/user/token/expire.json", handle: (*state).expireTokens, rate: 100},
	}
}

func (s *state) expireTokens(p *params) (fields, *refusal) {
	ids := p.ids("userId")
	before := min(p.requiredNumber("time", 0, math.MaxInt64), latestTime)
	if p.refused != nil {
		return nil, p.refused
	}
	for _, id := range ids {
		if h := s.find(id).tokenHistory(); h.expire(before) {
			s.update(s.findOrCreate(id), func(a *account) { a.rareState().tokens = &h })
		}
	}
	return nil, nil
}

// tokenHistory decides which of a user's tokens are valid. Tokens themselves aren't stored: a token carries its serial
// and its time of issue, and a code that only this server can make. A user's serials count up from 0. All times are Unix
// milliseconds.
type tokenHistory struct {
	issued        uint32  // number of tokens so far
	void          uint32  // tokens with a lower serial are void
	expiredBefore int64   // tokens issued before it are void
	expiredSerial uint32  // tokens issued in the very millisecond expiredBefore are void if their serial is lower
	latest        []int64 // when the last tokens were issued, oldest first; at most listedTokens
}

// tokenHistory returns a copy, whose latest must not be changed in place. Without a stored history, a registered user has
// the token of its registration. The account may be nil.
func (a *account) tokenHistory() tokenHistory {
	switch stored := a.readRare().tokens; {
	case stored != nil:
		return *stored
	case a.registered():
		return tokenHistory{issued: 1, latest: []int64{a.createdAt}}
	}
	return tokenHistory{}
}

// expire voids the tokens issued before a time, and of those issued in that very millisecond the ones that exist: a token
// obtained later in the same millisecond is valid. It reports whether that made a difference.
func (h *tokenHistory) expire(before int64) bool {
	if before < h.expiredBefore || before == h.expiredBefore && h.expiredSerial == h.issued {
		return false
	}
	h.expiredBefore, h.expiredSerial = before, h.issued
	return true
}

func (h *tokenHistory) issue(at int64) {
	h.issued++
	h.latest = append(slices.Clone(h.latest), at)
	h.latest = h.latest[max(0, len(h.latest)-listedTokens):]
}

func (h *tokenHistory) valid(serial uint32, at int64) bool {
	expired := at < h.expiredBefore || at == h.expiredBefore && serial < h.expiredSerial
	return serial >= h.void && serial < h.issued && !expired
}

// issueToken returns a new token. It is void from the start if the app has expired tokens up to a time in the future.
// The caller is in update.
func (s *state) issueToken(a *account, now time.Time) string {
	at := now.UnixMilli()
	if a.createdAt == 0 {
		s.registered++
		a.createdAt = at
		if a.readRare().tokens == nil {
			return s.token(a, 0, at)
		}
	}
	h := a.tokenHistory()
	h.issue(at)
	a.rareState().tokens = &h
	return s.token(a, h.issued-1, at)
}

// tokensOf returns those of the user's last tokens that are valid, oldest first.
func (s *state) tokensOf(a *account) []rcuser.Token {
	var tokens []rcuser.Token
	h := a.tokenHistory()
	for i, at := range h.latest {
		serial := h.issued - uint32(len(h.latest)-i) //nolint:gosec // latest is short
		if h.valid(serial, at) {
			tokens = append(tokens, rcuser.Token{UserID: a.id(), Value: s.token(a, serial, at)})
		}
	}
	return tokens
}

// token encodes a token in the form that RC's have: base64 and a suffix.
func (d *store) token(a *account, serial uint32, at int64) string {
	stamp := binary.BigEndian.AppendUint32(nil, a.number)
	stamp = binary.BigEndian.AppendUint32(stamp, serial)
	stamp = binary.BigEndian.AppendUint64(stamp, uint64(at)) //nolint:gosec // never negative
	code := hmac.New(sha256.New224, d.tokenKey[:])
	code.Write(stamp)
	code.Write([]byte(a.id()))
	return base64.StdEncoding.EncodeToString(append(code.Sum(nil), stamp...)) + tokenSuffix
}

// issuedToken is a token that this server has issued.
type issuedToken struct {
	account *account
	serial  uint32
	at      int64 // Unix milliseconds
}

// parseToken is the inverse of token, and returns false if this server hasn't issued the text.
func (d *store) parseToken(text string) (issuedToken, bool) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(text, tokenSuffix))
	if err != nil || len(raw) != sha256.Size224+tokenStampBytes {
		return issuedToken{}, false
	}
	stamp := raw[sha256.Size224:]
	number := binary.BigEndian.Uint32(stamp)
	if number >= d.count {
		return issuedToken{}, false
	}
	t := issuedToken{d.account(number), binary.BigEndian.Uint32(stamp[4:]), int64(binary.BigEndian.Uint64(stamp[8:]))} //nolint:gosec // compared below
	return t, subtle.ConstantTimeCompare([]byte(d.token(t.account, t.serial, t.at)), []byte(text)) == 1
}

// valid reports whether a device could connect with the token if its user were neither banned nor deactivated.
func (t issuedToken) valid() bool {
	h := t.account.tokenHistory()
	return h.valid(t.serial, t.at)
}

// ValidToken reports whether a device could connect with the token now: it was issued to the user, wasn't expired, and
// the user is neither banned nor deactivated. [Server.Connect] tells the reason.
func (s *Server) ValidToken(userID, token string) bool {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	now := s.state.runDue()
	t, ok := s.state.parseToken(token)
	return ok && t.account.id() == userID && t.valid() && t.account.canConnect(now)
}
