package rctest

import (
	"net/http"
	"time"
)

// Host is one of a server's two hosts, or both.
type Host int

// The values of [Fault.Host].
const (
	AnyHost     Host = iota
	PrimaryHost      // of [Server.Config], [Server.Listen], and every host but BackupHost in [Server.ServeHTTP]
	BackupHost       // of [Server.Config], [Server.ListenBackup], and its name in [Server.ServeHTTP]
)

// FaultKind is how a call with a fault ends.
type FaultKind int

const (
	// Answer answers the call. If any of Code, Status and Body is set, the answer is made of them and the call isn't
	// applied, unless Applied is set. Otherwise the call is applied and gets its normal answer, changed by the other fields.
	Answer FaultKind = iota
	// Hang sends no answer until the client gives up or the server is closed. The call isn't applied, unless Applied is set.
	Hang
	// RefuseConnection refuses the connection: the call isn't received. On a port it acts like ResetBefore, because
	// the operating system has already accepted the connection.
	RefuseConnection
	// ResetBefore resets the connection before the request is read: the call isn't received.
	ResetBefore
	// LostAnswer applies the call, and then resets the connection without an answer.
	LostAnswer
	// Cut is Answer, but the connection breaks in the middle of the body.
	Cut
	// WrongLength is Answer, but Content-Length is one byte too long: the connection breaks after the whole body.
	WrongLength
)

// Always is the value of [Fault.Times] and [DeliveryFault.Times] for no limit.
const Always = -1

// Fault is what fails, and which calls it hits. The zero value of a field is its default. RefuseConnection and
// ResetBefore allow none of the fields from Code on and no UserID, Hang only Applied, and LostAnswer only HeaderDelay.
//
// A proxy's answer, such as an HTML page with status 407, is Status, Body and Header: the call isn't applied and doesn't
// count for RC's rate. [Server.Requests] includes it, with Fault set.
type Fault struct {
	Endpoint    string  // hits only this path, such as "/user/block.json", known or not; "" = every path
	Host        Host    // hits only calls to this host
	UserID      string  // hits only calls with this id in a field for user ids, alone or among others; "" = every call
	Times       int     // how many calls it hits; 0 = 1 or, with For, all; Always = all
	Every       int     // 3 = only every third call to Endpoint and Host with UserID; 0 and 1 = every call
	Probability float64 // of hitting each of these; 0 = 1
	Seed        uint64  // for Probability: the same seed and order of calls give the same hits

	For time.Duration // hits only calls that arrive within this time of the server's clock after Inject; 0 = no limit

	Kind FaultKind // how the call ends

	Code    int    // RC's code, with its body and HTTP status; HTTP 400 if RC has no such code
	Status  int    // HTTP status, 200 to 999; the body is empty if neither Code nor Body is set
	Body    string // replaces RC's; the status is 200 if neither Status nor Code is set
	Applied bool   // the call is applied, if it is valid, before it gets this answer

	BodySize    int64         // pads the body with spaces up to this many bytes, without holding them in memory
	Header      http.Header   // replaces headers of the answer; a name without values removes one
	RetryAfter  string        // the Retry-After header, sent as it is
	HeaderDelay time.Duration // delays the answer; the call is received and applied at once
	BodyDelay   time.Duration // delays the second half of the body
	ClockOffset time.Duration // shifts the clock of Date and of the check of Timestamp, which gives 1004 beyond 5 minutes
	DateOffset  time.Duration // shifts only Date, in addition to ClockOffset, like a proxy whose clock is wrong
	PageSize    int           // a list's page has at most so many items, whatever was asked for; 0 = no limit
	PageOmits   int           // a list's page lacks so many of its last items; other pages and the page token are as without it
}

// Inject makes calls fail from now on, until the fault has hit as many as it should, its For has passed, or it is removed
// by [InjectedFault.Remove] or [Server.ClearFaults]. At most one fault hits a call: the one injected first. Those injected
// later don't count that call. The fault is chosen when a call arrives, before anything is checked. Inject panics if the
// fault's fields are invalid.
func (s *Server) Inject(f Fault) *InjectedFault {
	if problem := f.problem(); problem != "" {
		panic("rctest: Inject: " + problem)
	}
	f.Endpoint, f.Header = singleSlashes(f.Endpoint), f.Header.Clone()
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.faultCount++
	injected := newInjectedFault(s.state, f)
	s.state.faults = append(s.state.faults, injected)
	s.state.changed(FaultsChanged, "")
	return injected
}

// FaultHits returns how many calls faults have hit so far, including those that weren't received and so aren't in
// [Server.Requests].
func (s *Server) FaultHits() int {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	return s.state.faultHits
}

// preventsRequest reports whether the server doesn't receive the call.
func (f *Fault) preventsRequest() bool { return f.Kind == RefuseConnection || f.Kind == ResetBefore }

// hasNoAnswer reports whether the client gets no answer.
func (f *Fault) hasNoAnswer() bool {
	return f.preventsRequest() || f.Kind == Hang || f.Kind == LostAnswer
}

// replacesAnswer reports whether the answer is the fault's and not the call's.
func (f *Fault) replacesAnswer() bool { return f.Code != 0 || f.Status != 0 || f.Body != "" }

// appliesCall reports whether the call is checked and, if it is valid, applied.
func (f *Fault) appliesCall() bool {
	return f.Applied || f.Kind == LostAnswer || !f.hasNoAnswer() && !f.replacesAnswer()
}

// answerDelay returns the time before the answer; negative is forever.
func (f *Fault) answerDelay() time.Duration {
	if f.Kind == Hang {
		return -1
	}
	return f.HeaderDelay
}
