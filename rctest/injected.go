package rctest

import (
	"slices"
	"time"
)

// InjectedFault is a fault that [Server.Inject] has put to work. Its methods are safe for concurrent use.
type InjectedFault struct {
	state *state
	id    uint64
	fault Fault
	until time.Time // zero = no limit
	selector
}

// ID returns the fault's number: 1 for the server's first fault, and one more for each further one. [Request.FaultID] is
// that of the fault that hit the request.
func (f *InjectedFault) ID() uint64 { return f.id }

// Fault returns a copy of what was injected.
func (f *InjectedFault) Fault() Fault {
	fault := f.fault
	fault.Header = fault.Header.Clone()
	return fault
}

// Hits returns how many calls the fault has hit so far. It can still be asked for once the fault is used up or removed.
func (f *InjectedFault) Hits() int {
	f.state.mu.Lock()
	defer f.state.mu.Unlock()
	return f.hitCount
}

// Remove ends the fault: it hits no further call. It does nothing if the fault is used up, has expired or was removed.
func (f *InjectedFault) Remove() {
	f.state.mu.Lock()
	defer f.state.mu.Unlock()
	f.state.faults = remove(f.state, f.state.faults, f)
}

// Faults returns the faults of calls that are at work, in the order in which they were injected: those that have hits left
// and whose For hasn't passed.
func (s *Server) Faults() []*InjectedFault {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.dropEndedFaults()
	return slices.Clone(s.state.faults)
}

func (s *state) dropEndedFaults() {
	now := s.now()
	s.faults = slices.DeleteFunc(s.faults, func(f *InjectedFault) bool { return !f.until.IsZero() && !now.Before(f.until) })
}

// InjectedDeliveryFault is a fault that [Server.InjectDelivery] has put to work. Its methods are safe for concurrent use.
type InjectedDeliveryFault struct {
	state *state
	fault DeliveryFault
	selector
}

// Fault returns a copy of what was injected.
func (f *InjectedDeliveryFault) Fault() DeliveryFault { return f.fault }

// Hits returns how many events the fault has hit so far. It can still be asked for once the fault is used up or removed.
func (f *InjectedDeliveryFault) Hits() int {
	f.state.mu.Lock()
	defer f.state.mu.Unlock()
	return f.hitCount
}

// Remove ends the fault: it hits no further event. It does nothing if the fault is used up or was removed.
func (f *InjectedDeliveryFault) Remove() {
	f.state.mu.Lock()
	defer f.state.mu.Unlock()
	f.state.runDue() // events that were due before must still be hit
	f.state.deliveryFaults = remove(f.state, f.state.deliveryFaults, f)
}

// DeliveryFaults returns the faults of deliveries that are at work, in the order in which they were injected: those that
// have hits left.
func (s *Server) DeliveryFaults() []*InjectedDeliveryFault {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.runDue()
	return slices.Clone(s.state.deliveryFaults)
}

// remove removes a fault from those at work, if it is among them.
func remove[F comparable](s *state, faults []F, fault F) []F {
	at := slices.Index(faults, fault)
	if at < 0 {
		return faults
	}
	s.changed(FaultsChanged, "")
	return slices.Delete(faults, at, at+1)
}

// ClearFaults removes all faults, including those of [Server.InjectDelivery]. Calls and events that a fault has already
// hit aren't affected.
func (s *Server) ClearFaults() {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	if len(s.state.faults)+len(s.state.deliveryFaults) > 0 {
		s.state.changed(FaultsChanged, "")
	}
	s.state.faults, s.state.deliveryFaults = nil, nil
}
