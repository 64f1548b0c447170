package rctest

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// Host is one of a server's two hosts, or both.
type Host int

// What [Fault.Host] may be.
const (
	AnyHost     Host = iota
	PrimaryHost      // of [Server.Config], [Server.Listen], and any other name in [Server.ServeHTTP]
	BackupHost       // of [Server.Config], [Server.ListenBackup], and its name in [Server.ServeHTTP]
)

// FaultKind says how a call with a fault ends.
type FaultKind int

const (
	// Answer lets the call have an answer: that of the fault's Code, Status and Body if any of them is set, and then
	// the call isn't applied, unless Applied is set. Else it is applied and has its true answer, which the other fields change.
	Answer FaultKind = iota
	// Hang gives no answer until the client gives up or the server is closed. The call isn't applied, unless Applied is set.
	Hang
	// RefuseConnection lets nobody listen: the call isn't received. On a port it is like ResetBefore, as the system
	// accepts connections before the server is asked.
	RefuseConnection
	// ResetBefore breaks the connection before the request is read: the call isn't received.
	ResetBefore
	// LostAnswer applies the call, and then breaks the connection without an answer.
	LostAnswer
	// Cut is Answer, but the connection ends in the middle of the body.
	Cut
	// WrongLength is Answer, but the connection ends one byte before the end that Content-Length announces, after the whole body.
	WrongLength
)

// Always is a [Fault.Times] without an end.
const Always = -1

// Fault is what goes wrong, and with which calls. The zero value of a field is its default; RefuseConnection and
// ResetBefore have none of the fields from Code on, Hang has Applied, and LostAnswer has HeaderDelay.
type Fault struct {
	Endpoint    string  // a path such as "/user/block.json", whether it is served or not; "" = every path
	Host        Host    // that the call is sent to
	Times       int     // how many calls it hits; 0 = 1, Always = all
	Every       int     // 3 = only the third, sixth, ninth ... of the calls to Endpoint and Host
	Probability float64 // of hitting each of these; 0 = 1
	Seed        uint64  // of Probability: the same calls in the same order are hit every time

	Kind FaultKind // how the call ends

	Code    int    // RC's, with the body and HTTP status that belong to it; HTTP 400 if RC has no such code
	Status  int    // of HTTP, from 200 on, a redirect too; with neither Code nor Body the body is empty
	Body    string // instead of RC's, under HTTP 200 if neither Status nor Code says otherwise
	Applied bool   // the call is applied, if it is in order, before it gets this answer

	BodySize    int64         // the body is followed by spaces up to so many bytes, which are never held in memory
	Header      http.Header   // replaces the answer's; a name without values leaves it out
	RetryAfter  string        // the header, whatever it says
	HeaderDelay time.Duration // the call is received and applied at once, and answered so much later
	BodyDelay   time.Duration // the second half of the body comes so much later than the first
	ClockOffset time.Duration // the server's clock is wrong: so is Date, and a Timestamp that is 5 minutes off that is 1004
}

// Inject makes calls fail from now on, until the fault hit as many as it should or [Server.ClearFaults] was called.
// At most one fault hits a call: the one injected first. Those injected later don't count that call. A fault is chosen
// when a call arrives, before anything of it is checked. Inject panics if the fault's fields don't make sense together.
func (s *Server) Inject(f Fault) {
	if reason := f.nonsense(); reason != "" {
		panic("rctest: Inject: " + reason)
	}
	f.Endpoint, f.Header = singleSlashes(f.Endpoint), f.Header.Clone()
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.faults = append(s.state.faults, &injected{f, newOdds(f.Times, f.Every, f.Probability, f.Seed)})
}

// ClearFaults removes all faults, those of [Server.InjectDelivery] too. Calls and events that were hit before go on as
// they would have.
func (s *Server) ClearFaults() {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.faults, s.state.deliveryFaults = nil, nil
}

// FaultHits returns how many calls were hit by a fault so far, those included that weren't received and so are missing
// in [Server.Requests].
func (s *Server) FaultHits() int {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	return s.state.faultHits
}

// injected is a fault on its way through the calls.
type injected struct {
	Fault
	odds
}

func (i *injected) isFor(host Host, path string) bool {
	return (i.Host == AnyHost || i.Host == host) && (i.Endpoint == "" || i.Endpoint == path)
}

// odds choose among the calls, or the events, that a fault is for.
type odds struct {
	left        int // hits; negative = without an end
	seen        int // that it might have hit
	every       int
	probability float64
	dice        *rand.Rand
}

func newOdds(times, every int, probability float64, seed uint64) odds {
	o := odds{left: times, every: every, probability: probability}
	if times == 0 {
		o.left = 1
	}
	if probability != 0 {
		o.dice = rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // it must be reproducible
	}
	return o
}

// hits is asked once for each.
func (o *odds) hits() bool {
	o.seen++
	if o.every > 1 && o.seen%o.every != 0 {
		return false
	}
	return o.dice == nil || o.dice.Float64() < o.probability
}

// hit chooses the fault of a call that arrives. It takes mu itself.
func (s *state) hit(host Host, req *http.Request) (f Fault, hit bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return Fault{}, false
	}
	path := ""
	if req.URL != nil {
		path = singleSlashes(req.URL.Path)
	}
	at := slices.IndexFunc(s.faults, func(i *injected) bool { return i.isFor(host, path) && i.hits() })
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

// unheard reports whether the call isn't received at all.
func (f *Fault) unheard() bool { return f.Kind == RefuseConnection || f.Kind == ResetBefore }

// silent reports whether the call gets no answer.
func (f *Fault) silent() bool { return f.unheard() || f.Kind == Hang || f.Kind == LostAnswer }

// answers reports whether the fault has an answer of its own.
func (f *Fault) answers() bool { return f.Code != 0 || f.Status != 0 || f.Body != "" }

// applies reports whether the call is applied.
func (f *Fault) applies() bool {
	return f.Applied || f.Kind == LostAnswer || !f.silent() && !f.answers()
}

// delay is how long nothing is answered; negative is without an end.
func (f *Fault) delay() time.Duration {
	if f.Kind == Hang {
		return -1
	}
	return f.HeaderDelay
}
