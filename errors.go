package rcuser

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// ArgumentError says that an argument was refused before anything was sent.
type ArgumentError struct {
	Name   string // the argument or field, as Go code names it
	Reason string // what is wrong with it, with the limit
}

// Error returns a text such as "rcuser: userIDs: 21 ids, at most 20 are allowed".
func (e *ArgumentError) Error() string { return "rcuser: " + e.Name + ": " + e.Reason }

// Outcome says whether a failed call may have taken effect.
type Outcome int

const (
	// Unknown means that a request was sent and no verdict was read: a timeout, a reset, any HTTP 5xx, the codes
	// [ErrInternal] and [ErrTimeout], or an answer that can't be understood. It may have been applied. Through a
	// RoundTripper without a net/http Transport below it, only a failed dial is known to have sent nothing.
	Unknown Outcome = iota
	// NotApplied means that nothing left this machine, or that RC refused: any other code, or an HTTP 3xx or 4xx.
	NotApplied
)

// String returns "unknown" or "not applied".
func (o Outcome) String() string {
	switch o {
	case Unknown:
		return "unknown"
	case NotApplied:
		return "not applied"
	}
	return fmt.Sprintf("Outcome(%d)", int(o))
}

// Error is what every call returns that failed after its arguments were accepted, whatever the reason.
//
// errors.Is and errors.As reach both the code and the cause: errors.Is(err, rcuser.ErrRateLimited),
// errors.Is(err, context.DeadlineExceeded).
//
// StatusCode, Code, Message, Body and Host are those of the last answer received, Err is the last attempt's cause:
// a deadline that passes while waiting after an HTTP 503 shows both. Tests may build their own values.
type Error struct {
	Endpoint   string        // the path, such as "/user/block.json"
	StatusCode int           // of HTTP; 0 if no answer came
	Code       ErrorCode     // RC's; 0 if it gave none
	Message    string        // RC's, at most 1 KiB
	RequestID  string        // the X-Request-ID that was sent, the same for all attempts
	Host       string        // that answered or, if none did, was tried last
	Attempts   int           // how many were made; 0 if the call ended before the first
	RetryAfter time.Duration // what RC asked for; 0 if it didn't
	Outcome    Outcome       // whether it may have been applied, over all attempts
	Body       []byte        // at most 2 KiB of an answer that wasn't RC's JSON; never of getToken; never printed
	Err        error         // the cause, if it isn't RC's code alone
}

// Error returns a text such as
// "rcuser: POST /user/block.json: 1002 userId is required (HTTP 400, request 6f1c…, 1 attempt)".
// It never holds the secret, a signature, a token or a value that was sent, unless RC's own message repeats one.
func (e *Error) Error() string {
	return fmt.Sprintf("rcuser: POST %s: %s (%s)", e.Endpoint, e.reason(), e.circumstances())
}

func (e *Error) reason() string {
	var parts []string
	switch {
	case e.Code != 0 && e.Message != "":
		parts = append(parts, fmt.Sprintf("%d %s", int(e.Code), printable(e.Message)))
	case e.Code != 0:
		parts = append(parts, e.Code.Error())
	case e.Message != "":
		parts = append(parts, printable(e.Message))
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	if len(parts) == 0 {
		if text := http.StatusText(e.StatusCode); text != "" {
			return text
		}
		return "failed"
	}
	return strings.Join(parts, ": ")
}

func (e *Error) circumstances() string {
	var parts []string
	if e.StatusCode != 0 {
		parts = append(parts, fmt.Sprintf("HTTP %d", e.StatusCode))
	}
	if e.RequestID != "" {
		parts = append(parts, "request "+e.RequestID)
	}
	if e.RetryAfter > 0 {
		parts = append(parts, "retry after "+e.RetryAfter.String())
	}
	plural := "s"
	if e.Attempts == 1 {
		plural = ""
	}
	return strings.Join(append(parts, fmt.Sprintf("%d attempt%s", e.Attempts, plural)), ", ")
}

// Format prints the text of Error for every verb, so that no verb prints Body.
func (e Error) Format(f fmt.State, verb rune) { formatText(f, verb, (&e).Error()) }

// MarshalText keeps Body out of logs that are JSON.
func (e Error) MarshalText() ([]byte, error) { return []byte((&e).Error()), nil }

// Unwrap gives errors.Is and errors.As both the code and the cause.
func (e *Error) Unwrap() []error {
	var errs []error
	if e.Code != 0 {
		errs = append(errs, e.Code)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// Retryable reports whether the same call may succeed later: after [ErrInternal], [ErrRateLimited], [ErrTimeout],
// HTTP 429 or 5xx, and where no answer came or none that could be understood. Whether repeating it is harmless is
// another question; for every method but [Client.Call] it is.
func (e *Error) Retryable() bool {
	switch {
	case e.Code.transient(), e.StatusCode == http.StatusTooManyRequests, e.StatusCode >= 500:
		return true
	case e.Code != 0:
		return false
	}
	return e.StatusCode < 300
}

// formatText prints text as if the value printed were that string.
func formatText(f fmt.State, verb rune, text string) {
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), text)
}

// printable keeps what a server wrote from breaking a line of a log.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}
