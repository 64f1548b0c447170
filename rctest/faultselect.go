package rctest

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// activeFault is an injected fault that has hits left.
type activeFault struct {
	Fault
	selector
	until time.Time // zero = no limit
}

func newActiveFault(f Fault, now time.Time) *activeFault {
	a := &activeFault{Fault: f, selector: newSelector(f.Times, f.Every, f.Probability, f.Seed)}
	if f.For > 0 {
		a.until = now.Add(f.For)
		if f.Times == 0 {
			a.left = Always
		}
	}
	return a
}

func (a *activeFault) ended(now time.Time) bool { return !a.until.IsZero() && !now.Before(a.until) }

func (a *activeFault) matches(c arrival) bool {
	return (a.Host == AnyHost || a.Host == c.host) && (a.Endpoint == "" || a.Endpoint == c.path) &&
		(a.UserID == "" || slices.Contains(c.userIDs, a.UserID))
}

// arrival is what faults know about a call.
type arrival struct {
	host    Host
	path    string   // without doubled slashes
	userIDs []string // nil if no fault needs them
}

// selector decides which of the matching calls or events a fault hits.
type selector struct {
	left        int // hits; negative = no limit
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

// pickFault returns the fault that hits an arriving call, and whether there is one. It reads the body only if a fault
// depends on the ids in it.
func (s *Server) pickFault(host Host, req *http.Request, body *requestBody) (f Fault, hit bool) {
	call := arrival{host: host}
	if req.URL != nil {
		call.path = singleSlashes(req.URL.Path)
	}
	if s.state.faultsNeedUserIDs() {
		e := s.endpoints[call.path]
		call.userIDs = body.userIDs(e != nil && e.perID)
	}
	return s.state.pickFault(call)
}

// faultsNeedUserIDs takes mu itself.
func (s *state) faultsNeedUserIDs() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.faults, func(a *activeFault) bool { return a.UserID != "" })
}

// pickFault takes mu itself.
func (s *state) pickFault(call arrival) (f Fault, hit bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return Fault{}, false
	}
	now := s.now()
	s.faults = slices.DeleteFunc(s.faults, func(a *activeFault) bool { return a.ended(now) })
	at := slices.IndexFunc(s.faults, func(a *activeFault) bool { return a.matches(call) && a.hits() })
	if at < 0 {
		return Fault{}, false
	}
	s.faultHits++
	found := s.faults[at]
	if found.left--; found.left == 0 {
		s.faults = slices.Delete(s.faults, at, at+1)
	}
	return found.Fault, true
}
