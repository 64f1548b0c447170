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
	s.send(m, f.messages(m, sign), &f, at)
	if before != nil {
		s.enqueue(userID, before)
	}
}

// send queues an event's messages or delays them, as the fault wants it. m is the genuine one.
func (s *state) send(m *message, messages []*message, f *DeliveryFault, at time.Time) {
	if f.Kind == Late || f.Kind == OutOfOrder {
		m.fault = f.Kind
	}
	switch {
	case f.Kind == Lost:
	case !s.outbox.reserve(messages...):
		s.recordDelivery(Delivery{
			UserID: m.user, ContentType: m.contentType, Body: m.body, Err: errQueueFull, Time: time.Now(), Fault: f.Kind,
		}, s.outbox.target.query(m))
	case f.Kind == Late:
		s.scheduleForOutbox(at.Add(f.Delay), func() { s.enqueue(m.user, m) })
	case f.Kind == OutOfOrder:
		s.hold(m, at)
	default:
		s.enqueue(m.user, messages...)
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
