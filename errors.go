package rcuser

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ArgumentError is the error for an invalid argument. Nothing was sent.
type ArgumentError struct {
	Name   string // the argument or field as it is called in Go, such as "userIDs[3]" or "Registration.Name"
	Reason string // what is wrong with it and, if it exceeds a limit, the limit
}

// Error returns a text such as "rcuser: userIDs: 21 ids, at most 20 are allowed".
func (e *ArgumentError) Error() string { return "rcuser: " + e.Name + ": " + e.Reason }

func argumentErrorf(name, format string, args ...any) *ArgumentError {
	return &ArgumentError{name, fmt.Sprintf(format, args...)}
}

// Outcome says whether RC may have applied a call that failed.
type Outcome int

const (
	// Unknown means that a request was sent and may have been applied: it timed out, its connection broke, or its answer
	// broke off or was an HTTP 5xx, [ErrInternal], [ErrTimeout], a success that isn't RC's or can't be decoded, RC's code
	// of a success under another HTTP status than 200, or an HTTP 408 that isn't RC's. With Config.WrapTransport, or if
	// Config.HTTPClient has a RoundTripper that isn't an *http.Transport, a failure without an answer counts as Unknown
	// unless no connection was seen and a dial, a TLS handshake or a proxy failed.
	Unknown Outcome = iota
	// NotApplied means that no request was sent, or that it was refused: by RC with any other code or, if something in
	// between answered, with an HTTP 3xx or 4xx other than 408.
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

// Error is the error of every call that failed after its arguments were accepted.
//
// errors.Is and errors.As find both the code and the cause: errors.Is(err, rcuser.ErrRateLimited), errors.Is(err,
// context.DeadlineExceeded).
//
// StatusCode, Code, Message, Body and Host describe the last answer that was received; Err says why the call ended.
// If the deadline passes while the call waits after an HTTP 503, for example, StatusCode is 503 and Err is the
// deadline's error. Tests may construct Errors of their own.
type Error struct {
	Endpoint   string        // the path, such as "/user/block.json"
	StatusCode int           // the HTTP status; 0 if there was no answer
	Code       ErrorCode     // RC's code; 0 if the answer had none, but ErrRateLimited for an HTTP 429
	Message    string        // RC's message, at most 1 KiB
	RequestID  string        // the X-Request-ID that was sent, the same in all attempts
	Host       string        // the host that answered last or, if none did, that was tried last; "" without an attempt
	Attempts   int           // the number of attempts; 0 if the call ended before the first
	RetryAfter time.Duration // the answer's Retry-After; 0 if it had none
	Outcome    Outcome       // whether any of the attempts may have been applied
	Body       []byte        // the first 2 KiB of an answer without RC's code; nil for Register and with Request.Secret; never printed
	Err        error         // the cause; nil if RC's code is the only one
}

// Error returns a text such as
//
//	rcuser: POST /user/block.json: 1002 userId is required (HTTP 400, request 6f1c…, 1 attempt)
//
// It never contains the secret, a signature, a token or a value that was sent, unless RC's own message repeats one.
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
	if e.Err != nil && e.Err.Error() != "" {
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

// Format prints the text of [Error.Error] for every verb, so that no verb prints Body.
func (e Error) Format(f fmt.State, verb rune) { formatText(f, verb, (&e).Error()) }

// MarshalText returns the text of [Error.Error], which keeps Body out of logs in JSON.
func (e Error) MarshalText() ([]byte, error) { return []byte((&e).Error()), nil }

// Unwrap returns the code and the cause, for errors.Is and errors.As.
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

// Retryable reports whether the same call may succeed later: after [ErrInternal], [ErrRateLimited], [ErrTimeout], HTTP
// 408, 421, 425, 429 or 5xx, and if there was no answer or an unreadable one. It is false if the caller cancelled the call
// (context.Canceled), and if no connection could be made for a reason that stays until the setup is changed, such as a bad
// certificate. It doesn't say whether repeating the call is harmless; for every method but [Client.Call] it is.
func (e *Error) Retryable() bool {
	switch {
	case errors.Is(e.Err, context.Canceled), e.StatusCode == 0 && permanent(e.Err):
		return false
	case e.Code.transient(), e.StatusCode == http.StatusTooManyRequests, e.StatusCode >= 500:
		return true
	case e.Code != 0:
		return false
	}
	switch e.StatusCode {
	case http.StatusRequestTimeout, http.StatusMisdirectedRequest, http.StatusTooEarly:
		return true
	}
	return e.StatusCode < 300
}

// ErrorCode is the code in RC's answers. It is an error itself, so that errors.Is(err, rcuser.ErrRateLimited) tests
// for one. A code without a constant here is kept as it was received.
//
// Source: https://docs.rongcloud.io/platform-chat-api/status-code.
type ErrorCode int

// The codes that user management answers with and, in parentheses, the HTTP status of each.
const (
	ErrInternal    ErrorCode = 1000 // an internal error of RC; the call may have been applied (500)
	ErrAppSecret   ErrorCode = 1001 // the app secret doesn't match the app key (401)
	ErrParameter   ErrorCode = 1002 // a parameter is wrong or missing, or the app key is unknown (400)
	ErrNoData      ErrorCode = 1003 // the request had no form (400)
	ErrSignature   ErrorCode = 1004 // the signature is wrong: a wrong secret or perhaps, which isn't documented, a wrong clock (401)
	ErrTooLong     ErrorCode = 1005 // a parameter is too long (400)
	ErrAppLocked   ErrorCode = 1006 // the app is locked or deleted (401)
	ErrForbidden   ErrorCode = 1007 // the app isn't allowed to make this call (401)
	ErrRateLimited ErrorCode = 1008 // the endpoint's rate was exceeded, or a disabled service was called repeatedly (429)
	ErrNotEnabled  ErrorCode = 1009 // the service isn't enabled for the app (430)
	ErrTimeout     ErrorCode = 1050 // a timeout inside RC; the call may have been applied (504)
	ErrUserLimit   ErrorCode = 2007 // the limit of registered users is reached: 100 in a development environment (403)
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

// Error returns the number and its meaning, such as "1008 rate limit exceeded".
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
