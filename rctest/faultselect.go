package rctest

import (
	"math/rand/v2"
	"slices"
)

// newInjectedFault gives the fault the number faultCount.
func newInjectedFault(s *state, f Fault) *InjectedFault {
	injected := &InjectedFault{
		state: s, id: s.faultCount, fault: f, selector: newSelector(f.Times, f.Every, f.Probability, f.Seed),
	}
	if f.For > 0 {
		injected.until = s.now().Add(f.For)
		if f.Times == 0 {
			injected.left = Always
		}
	}
	return injected
}

func (f *InjectedFault) matches(c *arrival) bool {
	return (f.fault.Host == AnyHost || f.fault.Host == c.host) &&
		(f.fault.Endpoint == "" || f.fault.Endpoint == c.path) &&
		(f.fault.UserID == "" || c.userIDs[f.fault.UserID])
}

// arrival is what faults know about a call.
type arrival struct {
	host    Host
	path    string          // without doubled slashes
	userIDs map[string]bool // those of its user ids that faults depend on
}

// selector decides which of the matching calls or events a fault hits.
type selector struct {
	left        int // hits; negative = no limit
	hitCount    int
	seen        int // how many matching calls or events there were
	every       int
	probability float64
	random      *rand.Rand
}

func newSelector(times, every int, probability float64, seed uint64) selector {
	s := selector{left: times, every: every, probability: probability}
	if times == 0 {
		s.left = 1
	}
	if probability != 0 {
		s.random = rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // it must be reproducible
	}
	return s
}

// hits must be called exactly once for each matching call or event, as it counts them.
func (s *selector) hits() bool {
	s.seen++
	if s.every > 1 && s.seen%s.every != 0 {
		return false
	}
	return s.random == nil || s.random.Float64() < s.probability
}

// take counts a hit, and reports whether it was the last one.
func (s *selector) take() (usedUp bool) {
	s.hitCount++
	s.left--
	return s.left == 0
}

// pickFault returns the fault that hits an arriving call, or nil. It reads the body only if a fault depends on the ids in
// it.
func (s *Server) pickFault(host Host, in *received) *InjectedFault {
	call := &arrival{host: host, path: in.cleanPath}
	ids := s.state.faultUserIDs()
	if len(ids) > 0 {
		if content, err := in.body.read(); err == nil && len(content) <= maxBody {
			e := s.endpoints[call.path]
			call.userIDs = formUserIDs(string(content), ids, e != nil && e.perID)
		}
	}
	return s.state.pickFault(call)
}

// pickFault takes mu itself.
func (s *state) pickFault(call *arrival) *InjectedFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return nil
	}
	s.dropEndedFaults()
	at := slices.IndexFunc(s.faults, func(f *InjectedFault) bool { return f.matches(call) && f.hits() })
	if at < 0 {
		return nil
	}
	s.faultHits++
	found := s.faults[at]
	if found.take() {
		s.faults = slices.Delete(s.faults, at, at+1)
	}
	s.changed(FaultsChanged, "")
	return found
}

// faultUserIDs returns the ids that faults depend on. It takes mu itself.
func (s *state) faultUserIDs() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids map[string]bool
	for _, f := range s.faults {
		if f.fault.UserID != "" {
			if ids == nil {
				ids = make(map[string]bool)
			}
			ids[f.fault.UserID] = true
		}
	}
	return ids
}
