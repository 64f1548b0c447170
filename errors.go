package rcuser

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ArgumentError says that an argument was refused before anything was sent.
type ArgumentError struct {
	Name   string // the argument or field, as Go code names it
	Reason string // what is wrong with it, with the limit
}

// Error returns a text such as "rcuser: userIDs: 21 ids, at most 20 are allowed".
func (e *ArgumentError) Error() string { return "rcuser: " + e.Name + ": " + e.Reason }

func argumentErrorf(name, format string, args ...any) *ArgumentError {
	return &ArgumentError{name, fmt.Sprintf(format, args...)}
}

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

// ErrorCode is the code in RC's answers, and itself an error: errors.Is(err, rcuser.ErrRateLimited) is how to ask
// for one. Codes that have no constant here are kept as they came.
//
// Source: https://docs.rongcloud.io/platform-chat-api/status-code.
type ErrorCode int

// The codes that user management answers with, and the HTTP status that each comes with.
const (
	ErrInternal    ErrorCode = 1000 // internal error of RC's, it may have been applied (500)
	ErrAppSecret   ErrorCode = 1001 // the secret is not this app's (401)
	ErrParameter   ErrorCode = 1002 // a parameter is wrong or missing, or the app key is unknown (400)
	ErrNoData      ErrorCode = 1003 // the request had no form (400)
	ErrSignature   ErrorCode = 1004 // the signature doesn't verify: a wrong secret or clock (401)
	ErrTooLong     ErrorCode = 1005 // a parameter is too long (400)
	ErrAppLocked   ErrorCode = 1006 // the app is locked or deleted (401)
	ErrForbidden   ErrorCode = 1007 // the app may not make this call (401)
	ErrRateLimited ErrorCode = 1008 // more calls than the endpoint allows, or a service that is off was called again and again (429)
	ErrNotEnabled  ErrorCode = 1009 // the service is not switched on for the app (430)
	ErrTimeout     ErrorCode = 1050 // a timeout inside RC, it may have been applied (504)
	ErrUserLimit   ErrorCode = 2007 // no more users may be registered: 100 in a development environment (403)
)

var codeTexts = map[ErrorCode]string{
	ErrInternal:    "internal error",
	ErrAppSecret:   "wrong app secret",
	ErrParameter:   "wrong or missing parameter",
	ErrNoData:      "no form data",
	ErrSignature:   "signature doesn't verify",
	ErrTooLong:     "parameter too long",
	ErrAppLocked:   "app locked or deleted",
	ErrForbidden:   "call not permitted",
	ErrRateLimited: "rate limit exceeded",
	ErrNotEnabled:  "service not enabled",
	ErrTimeout:     "timeout inside RC",
	ErrUserLimit:   "limit of registered users reached",
}

// Error returns the number and what it means, such as "1008 rate limit exceeded".
func (c ErrorCode) Error() string {
	text, ok := codeTexts[c]
	if !ok {
		text = "unknown code"
	}
	return strconv.Itoa(int(c)) + " " + text
}

// transient reports whether the same request may succeed later.
func (c ErrorCode) transient() bool {
	return c == ErrInternal || c == ErrRateLimited || c == ErrTimeout
}
