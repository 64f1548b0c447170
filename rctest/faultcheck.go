package rctest

import (
	"fmt"
	"net/http"
	"strings"
)

// nonsense returns what is wrong with a fault, or nothing.
func (f *Fault) nonsense() string {
	for _, reason := range []string{f.wrongSelection(), f.wrongNumber(), f.wrongKind(), f.wrongBody(), f.wrongHeader()} {
		if reason != "" {
			return reason
		}
	}
	return ""
}

func (f *Fault) wrongSelection() string {
	switch {
	case f.Endpoint != "" && f.Endpoint[0] != '/':
		return fmt.Sprintf("Endpoint %q doesn't start with a slash", f.Endpoint)
	case f.Host < AnyHost || f.Host > BackupHost:
		return fmt.Sprintf("Host %d is unknown", f.Host)
	}
	return wrongOdds("calls", f.Times, f.Every, f.Probability)
}

// wrongOdds is for faults of calls and of events alike.
func wrongOdds(counted string, times, every int, probability float64) string {
	switch {
	case times < Always:
		return fmt.Sprintf("Times %d is neither Always nor a number of %s", times, counted)
	case every < 0:
		return fmt.Sprintf("Every %d is negative", every)
	case !(probability >= 0 && probability <= 1):
		return fmt.Sprintf("Probability %v is not within 0 and 1", probability)
	}
	return ""
}

func (f *Fault) wrongNumber() string {
	switch {
	case f.Status != 0 && (f.Status < 200 || f.Status > 999):
		return fmt.Sprintf("Status %d is not within 200 and 999", f.Status)
	case f.BodySize < 0:
		return fmt.Sprintf("BodySize %d is negative", f.BodySize)
	case f.HeaderDelay < 0:
		return fmt.Sprintf("HeaderDelay %v is negative", f.HeaderDelay)
	case f.BodyDelay < 0:
		return fmt.Sprintf("BodyDelay %v is negative", f.BodyDelay)
	}
	return ""
}

func (f *Fault) wrongKind() string {
	shaped := f.BodySize != 0 || len(f.Header) > 0 || f.RetryAfter != "" || f.BodyDelay != 0 || f.ClockOffset != 0
	switch {
	case f.Kind < Answer || f.Kind > WrongLength:
		return fmt.Sprintf("Kind %d is unknown", f.Kind)
	case f.silent() && (f.answers() || shaped),
		f.unheard() && (f.HeaderDelay != 0 || f.Applied),
		f.Kind == Hang && f.HeaderDelay != 0,
		f.Kind == LostAnswer && f.Applied:
		return "Kind doesn't go with a field that only an answer has"
	case f.Kind == Answer && !f.answers() && !shaped && f.HeaderDelay == 0:
		return "nothing is wrong in this fault"
	}
	return ""
}

func (f *Fault) wrongBody() string {
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

// bodyAllowed takes 0 for a status that isn't set.
func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// wrongHeader refuses what would arrive in memory and not over a port, or the other way round.
func (f *Fault) wrongHeader() string {
	if !validHeaderValue(f.RetryAfter) {
		return fmt.Sprintf("RetryAfter %q can't be sent", f.RetryAfter)
	}
	for name, values := range f.Header {
		switch http.CanonicalHeaderKey(name) {
		case "Content-Length", "Transfer-Encoding", "Trailer", "Connection", "Upgrade":
			return fmt.Sprintf("Header %s is up to the transport", name)
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
