package rctest

import (
	"crypto/rand"
	"net/url"
	"strconv"
	"time"
)

// sendEvent queues an event for the webhook and applies the delivery fault that hits it, if any. at is the time of the
// server's clock at which it happened. The signature has the time of the real clock, as that of a call must.
func (s *state) sendEvent(userID, contentType, body string, at time.Time) {
	app := s.settings.credentials
	sign := signer{app.AppKey, app.AppSecret, newNonce(), time.Now()}
	m := &message{user: userID, contentType: contentType, body: body, parameters: sign.parameters()}
	before := s.outbox.held[userID]
	delete(s.outbox.held, userID)
	f := s.pickDeliveryFault(userID, before != nil)
	switch m.fault = f.Kind; f.Kind {
	case Late:
		s.scheduleForOutbox(at.Add(f.Delay), func() { s.enqueue(userID, m) })
	case OutOfOrder:
		s.hold(m, at)
	case Lost:
	default:
		m.fault = 0
		s.enqueue(userID, f.messages(m, sign)...)
	}
	if before != nil {
		s.enqueue(userID, before)
	}
}

// hold keeps a message back until the user's next event, or for outOfOrderDelay if there is none.
func (s *state) hold(m *message, at time.Time) {
	held := s.outbox.held
	held[m.user] = m
	s.scheduleForOutbox(at.Add(outOfOrderDelay), func() {
		if held[m.user] == m {
			delete(held, m.user)
			s.enqueue(m.user, m)
		}
	})
}

// signer builds the signature parameters of an event.
type signer struct {
	key, secret, nonce string
	at                 time.Time
}

func newNonce() string { return rand.Text()[:maxNonce] }

func (s signer) parameters() string {
	timestamp := strconv.FormatInt(s.at.UnixMilli(), 10)
	return "appKey=" + url.QueryEscape(s.key) + "&nonce=" + s.nonce + "&timestamp=" + timestamp +
		"&signature=" + signature(s.secret, s.nonce, timestamp)
}
