package rctest

import (
	"fmt"
	"math"
	"net/http"
	"strings"
)

// problem returns what is wrong with the fields, or "".
func (f *Fault) problem() string {
	for _, problem := range []string{
		f.selectionProblem(), f.numberProblem(), f.kindProblem(), f.bodyProblem(), f.pageProblem(), f.headerProblem(),
	} {
		if problem != "" {
			return problem
		}
	}
	return ""
}

func (f *Fault) selectionProblem() string {
	switch {
	case f.Endpoint != "" && f.Endpoint[0] != '/':
		return fmt.Sprintf("Endpoint %q doesn't start with a slash", f.Endpoint)
	case f.Host < AnyHost || f.Host > BackupHost:
		return fmt.Sprintf("Host %d is unknown", f.Host)
	case f.UserID != "" && f.preventsRequest():
		return "UserID is set, but this Kind doesn't read the request"
	case f.For < 0:
		return fmt.Sprintf("For %v is negative", f.For)
	}
	return selectorProblem("calls", f.Times, f.Every, f.Probability)
}

// selectorProblem checks the fields that faults of calls and of deliveries share. unit is "calls" or "events".
func selectorProblem(unit string, times, every int, probability float64) string {
	switch {
	case times < Always:
		return fmt.Sprintf("Times %d is neither Always nor a number of %s", times, unit)
	case every < 0:
		return fmt.Sprintf("Every %d is negative", every)
	case !(probability >= 0 && probability <= 1):
		return fmt.Sprintf("Probability %v is not between 0 and 1", probability)
	}
	return ""
}

func (f *Fault) numberProblem() string {
	switch {
	case f.Status != 0 && (f.Status < 200 || f.Status > 999):
		return fmt.Sprintf("Status %d is not between 200 and 999", f.Status)
	case f.BodySize < 0:
		return fmt.Sprintf("BodySize %d is negative", f.BodySize)
	case f.BodySize == math.MaxInt64 && f.Kind == WrongLength:
		return fmt.Sprintf("BodySize %d leaves no longer Content-Length", f.BodySize)
	case f.HeaderDelay < 0:
		return fmt.Sprintf("HeaderDelay %v is negative", f.HeaderDelay)
	case f.BodyDelay < 0:
		return fmt.Sprintf("BodyDelay %v is negative", f.BodyDelay)
	}
	return ""
}

func (f *Fault) kindProblem() string {
	changesAnswer := f.BodySize != 0 || len(f.Header) > 0 || f.RetryAfter != "" || f.BodyDelay != 0 || f.ClockOffset != 0 ||
		f.DateOffset != 0 || f.changesPage()
	switch {
	case f.Kind < Answer || f.Kind > WrongLength:
		return fmt.Sprintf("Kind %d is unknown", f.Kind)
	case f.hasNoAnswer() && (f.replacesAnswer() || changesAnswer),
		f.preventsRequest() && (f.HeaderDelay != 0 || f.Applied),
		f.Kind == Hang && f.HeaderDelay != 0,
		f.Kind == LostAnswer && f.Applied:
		return "a field is set that this Kind doesn't allow"
	case f.Kind == Answer && !f.replacesAnswer() && !changesAnswer && f.HeaderDelay == 0:
		return "the fault changes nothing"
	}
	return ""
}

func (f *Fault) bodyProblem() string {
	empty := f.Status != 0 && f.Code == 0 && f.Body == "" && f.BodySize == 0
	switch {
	case !bodyAllowed(f.Status) && (!empty || f.Kind == WrongLength):
		return fmt.Sprintf("Status %d never has a body", f.Status)
	case empty && f.Kind == Cut:
		return "there is no body to cut"
	case empty && f.BodyDelay != 0:
		return "there is no body for BodyDelay"
	}
	return ""
}

// bodyAllowed reports whether HTTP allows a body with the status. It returns true for 0, a status that isn't set.
func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// headerProblem also refuses headers that net/http would change or drop on a port, so that calls in memory get the same.
func (f *Fault) headerProblem() string {
	if !validHeaderValue(f.RetryAfter) {
		return fmt.Sprintf("RetryAfter %q can't be sent", f.RetryAfter)
	}
	for name, values := range f.Header {
		switch http.CanonicalHeaderKey(name) {
		case "Content-Length", "Transfer-Encoding", "Trailer", "Connection", "Upgrade":
			return fmt.Sprintf("Header %s is set by the transport", name)
		}
		if name == "" || strings.ContainsFunc(name, notInToken) {
			return fmt.Sprintf("Header name %q can't be sent", name)
		}
		for _, value := range values {
			if !validHeaderValue(value) {
				return fmt.Sprintf("Header %s: %q can't be sent", name, value)
			}
		}
	}
	return ""
}

// notInToken reports whether RFC 9110 doesn't allow the character in a header's name.
func notInToken(r rune) bool {
	isAlphanumeric := r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	return !isAlphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

func validHeaderValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return strings.Trim(value, " \t") == value
}
