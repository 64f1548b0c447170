package rctest

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RC's protocol prescribes it
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// What the status of a presence event says. checkOnline's are the other way round.
const (
	eventOnline  = "0"
	eventOffline = "1"
	eventLogout  = "2"
)

// What the type of a result says.
const (
	resultDeactivate = 0
	resultReactivate = 1
	resultSuccess    = "0"
)

// The one device that every user has.
const (
	deviceOS      = "iOS"
	deviceAddress = "203.0.113.7:52229"
)

// connect is the beginning of a user's presence.
func (s *state) connect(a *account, now time.Time) {
	if a.online {
		return
	}
	s.sessions++
	a.online, a.session = true, s.sessions
	s.presenceEvent(a, eventOnline, now)
}

// disconnect is the end of a user's presence, if it is online.
func (s *state) disconnect(a *account, status string, now time.Time) {
	if !a.online {
		return
	}
	a.online = false
	s.presenceEvent(a, status, now)
}

func (s *state) presenceEvent(a *account, status string, at time.Time) {
	if s.outbox == nil {
		return
	}
	id, err := json.Marshal(a.id)
	if err != nil {
		panic("rctest: an id that JSON can't hold: " + err.Error()) // it holds every string
	}
	s.event(a.id, "application/json", fmt.Sprintf(
		`[{"userid":%s,"status":"%s","os":"%s","time":%d,"clientIp":"%s","sessionId":"rctest-%d"}]`,
		id, status, deviceOS, at.UnixMilli(), deviceAddress, a.session), at)
}

// resultEvent is that of a deactivation or reactivation.
func (s *state) resultEvent(userID, operation string, kind int, code string, at time.Time) {
	if s.outbox == nil {
		return
	}
	s.event(userID, formMediaType, fmt.Sprintf("userId=%s&operateId=%s&type=%d&code=%s&time=%d",
		url.QueryEscape(userID), operation, kind, url.QueryEscape(code), at.UnixMilli()), at)
}

// event posts what happened to a user at a time of the server's clock, with what is wrong about that. The signature
// has the real time, as a request's must.
func (s *state) event(userID, contentType, body string, at time.Time) {
	key, secret := s.credentials()
	sign := signer{key, secret, newNonce(), time.Now()}
	m := &message{user: userID, contentType: contentType, body: body, parameters: sign.parameters()}
	before := s.outbox.held[userID]
	delete(s.outbox.held, userID)
	f := s.hitEvent(userID, before != nil)
	switch m.fault = f.Kind; f.Kind {
	case Late:
		s.later(at.Add(f.Delay), func() { s.enqueue(userID, m) })
	case OutOfOrder:
		s.hold(m, at)
	case Lost:
	default:
		m.fault = 0
		s.enqueue(userID, f.around(m, sign)...)
	}
	if before != nil {
		s.enqueue(userID, before)
	}
}

// hold keeps a message back until the user's next event.
func (s *state) hold(m *message, at time.Time) {
	held := s.outbox.held
	held[m.user] = m
	s.later(at.Add(outOfOrderFor), func() {
		if held[m.user] == m {
			delete(held, m.user)
			s.enqueue(m.user, m)
		}
	})
}

// signer makes the parameters that a post is signed with.
type signer struct {
	key, secret, nonce string
	at                 time.Time
}

func newNonce() string { return rand.Text()[:maxNonce] }

func (s signer) parameters() string {
	timestamp := strconv.FormatInt(s.at.UnixMilli(), 10)
	sum := sha1.Sum([]byte(s.secret + s.nonce + timestamp)) //nolint:gosec // see above
	return "appKey=" + url.QueryEscape(s.key) + "&nonce=" + s.nonce + "&timestamp=" + timestamp +
		"&signature=" + hex.EncodeToString(sum[:])
}
