package rctest

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"
)

const (
	defaultStaleDelay = time.Hour
	outOfOrderDelay   = 5 * time.Minute // if the user has no other event
)

// DeliveryFaultKind is what is wrong with the delivery of an event.
type DeliveryFaultKind int

const (
	// Late posts the event later, by Delay of the server's clock, with the signature made when it happened.
	Late DeliveryFaultKind = iota + 1
	// Twice posts the event a second time, with the same URL and body, right after it was answered with success. The
	// second post isn't retried.
	Twice
	// OutOfOrder posts the event after the user's next one, or after 5 minutes of the server's clock if there is none.
	// It never hits the event that follows one it holds back.
	OutOfOrder
	// Lost never posts the event.
	Lost
	// Forged posts the event once before the genuine one, signed with another secret and otherwise identical.
	Forged
	// Stale posts the event once before the genuine one, correctly signed with a timestamp that is Delay old.
	Stale
	// Unsigned posts the event once before the genuine one, without the signature parameters.
	Unsigned
)

// DeliveryFault is a fault in the delivery of events, and which events it hits. The zero value of a field other
// than Kind is its default.
type DeliveryFault struct {
	Kind DeliveryFaultKind

	Delay time.Duration // for Late, which needs one, and Stale, where 0 = 1 hour; not allowed for other kinds

	UserID      string  // hits only this user's events; "" = all users'
	Times       int     // how many events it hits; 0 = 1, Always = all
	Every       int     // 3 = only every third event of UserID; 0 and 1 = every event
	Probability float64 // of hitting each of these; 0 = 1
	Seed        uint64  // for Probability: the same seed and order of events give the same hits
}

// InjectDelivery makes deliveries to the webhook fail from now on, until the fault has hit as many events as it should,
// or it is removed by [InjectedDeliveryFault.Remove] or [Server.ClearFaults]. At most one fault hits an event: the one
// injected first. Those injected later don't count that event. The fault is chosen when the event happens.
// InjectDelivery panics if the fault's fields are invalid.
func (s *Server) InjectDelivery(f DeliveryFault) *InjectedDeliveryFault {
	if problem := f.problem(); problem != "" {
		panic("rctest: InjectDelivery: " + problem)
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.runDue() // the fault must not hit events that were due before it
	injected := &InjectedDeliveryFault{
		state: s.state, fault: f, selector: newSelector(f.Times, f.Every, f.Probability, f.Seed),
	}
	s.state.deliveryFaults = append(s.state.deliveryFaults, injected)
	s.state.changed(FaultsChanged, "")
	return injected
}

// problem returns what is wrong with the fields, or "".
func (f *DeliveryFault) problem() string {
	hasDelay := f.Kind == Late || f.Kind == Stale
	switch {
	case f.Kind < Late || f.Kind > Unsigned:
		return fmt.Sprintf("Kind %d is unknown", f.Kind)
	case f.Delay < 0:
		return fmt.Sprintf("Delay %v is negative", f.Delay)
	case f.Delay != 0 && !hasDelay:
		return "this Kind takes no Delay"
	case f.Delay == 0 && f.Kind == Late:
		return "Late needs a Delay"
	}
	return selectorProblem("events", f.Times, f.Every, f.Probability)
}

func (f *InjectedDeliveryFault) matches(userID string, afterHeld bool) bool {
	if afterHeld && f.fault.Kind == OutOfOrder {
		return false
	}
	return f.fault.UserID == "" || f.fault.UserID == userID
}

// pickDeliveryFault returns the fault that hits an event, or the zero value. afterHeld says that an earlier event of the
// user is held back by OutOfOrder.
func (s *state) pickDeliveryFault(userID string, afterHeld bool) DeliveryFault {
	at := slices.IndexFunc(s.deliveryFaults, func(f *InjectedDeliveryFault) bool {
		return f.matches(userID, afterHeld) && f.hits()
	})
	if at < 0 {
		return DeliveryFault{}
	}
	found := s.deliveryFaults[at]
	if found.take() {
		s.deliveryFaults = slices.Delete(s.deliveryFaults, at, at+1)
	}
	s.changed(FaultsChanged, "")
	return found.fault
}

// messages returns the messages to post for a genuine one, in order.
func (f *DeliveryFault) messages(m *message, sign signer) []*message {
	extra := *m
	extra.fault, extra.noRetry = f.Kind, true
	switch f.Kind {
	case Twice:
		m.repeat = &extra
		return []*message{m}
	case Forged:
		sign.secret = rand.Text()
		extra.parameters = sign.parameters()
	case Stale:
		delay := f.Delay
		if delay == 0 {
			delay = defaultStaleDelay
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
