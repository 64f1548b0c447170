package rctest

import (
	"math/rand/v2"
	"net/http"
	"slices"
)

// activeFault is an injected fault that has hits left.
type activeFault struct {
	Fault
	selector
}

func (a *activeFault) matches(host Host, path string) bool {
	return (a.Host == AnyHost || a.Host == host) && (a.Endpoint == "" || a.Endpoint == path)
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

// pickFault returns the fault that hits an arriving call, and whether there is one. It takes mu itself.
func (s *state) pickFault(host Host, req *http.Request) (f Fault, hit bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return Fault{}, false
	}
	path := ""
	if req.URL != nil {
		path = singleSlashes(req.URL.Path)
	}
	at := slices.IndexFunc(s.faults, func(a *activeFault) bool { return a.matches(host, path) && a.hits() })
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
