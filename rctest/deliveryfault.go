package rctest

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"
)

const (
	staleFor      = time.Hour       // unless a fault says otherwise
	outOfOrderFor = 5 * time.Minute // without another event
)

// DeliveryFaultKind says what is wrong with an event's post.
type DeliveryFaultKind int

const (
	// Late posts the event later, by Delay of the server's clock, with the signature made when it happened.
	Late DeliveryFaultKind = iota + 1
	// Twice posts the event again, once, right after it was answered with success: the same URL and body.
	Twice
	// OutOfOrder posts the event after the user's next one, or after 5 minutes of the server's clock if there is none.
	// It never hits the event right after one that is held back for it.
	OutOfOrder
	// Lost never posts the event.
	Lost
	// Forged posts the event before the true one, once, signed with another secret: all else is the same.
	Forged
	// Stale posts the event before the true one, once, rightly signed, but with a timestamp of Delay ago.
	Stale
	// Unsigned posts the event before the true one, once, without the parameters of a signature.
	Unsigned
)

// DeliveryFault is what goes wrong with posts to the webhook, and for which events. The zero value of a field other
// than Kind is its default.
type DeliveryFault struct {
	Kind DeliveryFaultKind

	Delay time.Duration // of Late, which must have one, and of Stale; 0 = 1 hour for Stale

	UserID      string  // whose events it hits; "" = everybody's
	Times       int     // how many events it hits; 0 = 1, Always = all
	Every       int     // 3 = only the third, sixth, ninth ... of the events of UserID
	Probability float64 // of hitting each of these; 0 = 1
	Seed        uint64  // of Probability: the same events in the same order are hit every time
}

// InjectDelivery makes posts to the webhook go wrong from now on, until the fault hit as many events as it should or
// [Server.ClearFaults] was called. At most one hits an event: the one injected first. Those injected later don't count
// that event. It is chosen when the event happens. InjectDelivery panics if the fault's fields don't make sense together.
func (s *Server) InjectDelivery(f DeliveryFault) {
	if reason := f.nonsense(); reason != "" {
		panic("rctest: InjectDelivery: " + reason)
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.settled() // what was due before isn't for this fault
	s.state.deliveryFaults = append(s.state.deliveryFaults, &injectedDelivery{f, newOdds(f.Times, f.Every, f.Probability, f.Seed)})
}

func (f *DeliveryFault) nonsense() string {
	delays := f.Kind == Late || f.Kind == Stale
	switch {
	case f.Kind < Late || f.Kind > Unsigned:
		return fmt.Sprintf("Kind %d is unknown", f.Kind)
	case f.Delay < 0:
		return fmt.Sprintf("Delay %v is negative", f.Delay)
	case f.Delay != 0 && !delays:
		return "Kind has no Delay"
	case f.Delay == 0 && f.Kind == Late:
		return "Late needs a Delay"
	}
	return wrongOdds("events", f.Times, f.Every, f.Probability)
}

// injectedDelivery is a fault on its way through the events.
type injectedDelivery struct {
	DeliveryFault
	odds
}

func (i *injectedDelivery) isFor(userID string, afterHeld bool) bool {
	if afterHeld && i.Kind == OutOfOrder {
		return false
	}
	return i.UserID == "" || i.UserID == userID
}

// hitEvent chooses the fault of an event that happens.
func (s *state) hitEvent(userID string, afterHeld bool) DeliveryFault {
	at := slices.IndexFunc(s.deliveryFaults, func(i *injectedDelivery) bool {
		return i.isFor(userID, afterHeld) && i.hits()
	})
	if at < 0 {
		return DeliveryFault{}
	}
	found := s.deliveryFaults[at]
	if found.left--; found.left == 0 {
		s.deliveryFaults = slices.Delete(s.deliveryFaults, at, at+1)
	}
	return found.DeliveryFault
}

// around returns the messages that the fault makes of a true one.
func (f *DeliveryFault) around(m *message, sign signer) []*message {
	extra := *m
	extra.fault, extra.once = f.Kind, true
	switch f.Kind {
	case Twice:
		m.again = &extra
		return []*message{m}
	case Forged:
		sign.secret = rand.Text()
		extra.parameters = sign.parameters()
	case Stale:
		delay := f.Delay
		if delay == 0 {
			delay = staleFor
		}
		sign.nonce, sign.at = newNonce(), sign.at.Add(-delay)
		extra.parameters = sign.parameters()
	case Unsigned:
		extra.parameters = ""
	default:
		return []*message{m}
	}
	return []*message{&extra, m}
}
