package webhook

import (
	"net/http"
	"strings"
)

// Reason is why a request was refused, and itself an error: errors.Is(err, webhook.ErrSignature) is how to ask for one.
type Reason int

// The reasons that [Verify] and [Decode] refuse a request for, and the HTTP status that a [Handler] answers each with.
const (
	ErrMethod      Reason = iota + 1 // the method isn't POST (405)
	ErrTooLarge                      // the body is larger than 1 MiB (413)
	ErrParameters                    // the URL's query is malformed, or doesn't have each parameter of the signature exactly once (401)
	ErrSyntax                        // a parameter isn't what RC could have sent, or is ambiguous, see [Verify] (401)
	ErrCredentials                   // there are none to verify with, or they have no key or no secret (500)
	ErrSignature                     // the signature was made with none of the secrets (401)
	ErrAppKey                        // the app key isn't the one that the secret belongs to (401)
	ErrStale                         // it was signed too long ago (401)
	ErrFuture                        // it was signed too far in the future (401)
	ErrBody                          // the body is broken, or an event in it lacks a field (400)
	errRead                          // the body didn't arrive
	errBusy                          // a request with the same signature is being handled
	errGuard                         // the replay guard failed
	errQueueFull
	errShutdown
	errTimeout  // the app's function, or what came before it, took too long
	errFunction // the app's function returned an error
	errPanic
)

var reasons = map[Reason]struct {
	status int
	text   string
}{
	ErrMethod:      {http.StatusMethodNotAllowed, "the method is not POST"},
	ErrTooLarge:    {http.StatusRequestEntityTooLarge, "the body is larger than 1 MiB"},
	ErrParameters:  {http.StatusUnauthorized, "a signature parameter is missing or ambiguous"},
	ErrSyntax:      {http.StatusUnauthorized, "a signature parameter is malformed"},
	ErrCredentials: {http.StatusInternalServerError, "no credentials to verify with"},
	ErrSignature:   {http.StatusUnauthorized, "the signature doesn't verify"},
	ErrAppKey:      {http.StatusUnauthorized, "the app key is another app's"},
	ErrStale:       {http.StatusUnauthorized, "the timestamp is too old"},
	ErrFuture:      {http.StatusUnauthorized, "the timestamp is in the future"},
	ErrBody:        {http.StatusBadRequest, "the body can't be understood"},
	errRead:        {http.StatusBadRequest, "the body didn't arrive"},
	errBusy:        {http.StatusServiceUnavailable, "the same request is being handled"},
	errGuard:       {http.StatusServiceUnavailable, "the replay guard failed"},
	errQueueFull:   {http.StatusServiceUnavailable, "the queue is full"},
	errShutdown:    {http.StatusServiceUnavailable, "shutting down"},
	errTimeout:     {http.StatusServiceUnavailable, "not handled in time"},
	errFunction:    {http.StatusInternalServerError, "the event was not handled"},
	errPanic:       {http.StatusInternalServerError, "a function panicked"},
}

// Error returns the reason in words.
func (r Reason) Error() string {
	if known, ok := reasons[r]; ok {
		return known.text
	}
	return "unknown reason"
}

// Error is what [Verify] and [Decode] return. Neither its text nor anything else in it holds a signature, whether
// received or expected, or a secret.
type Error struct {
	Reason Reason
	Name   string // the parameter or field at fault; may be empty
	Detail string // what is wrong with it; may be empty
	Err    error  // the cause; may be nil
}

// Error returns a text such as "webhook: a signature parameter is missing or ambiguous: nonce: is given 2 times".
func (e *Error) Error() string {
	text := "webhook: " + e.Reason.Error()
	if detail := e.detail(); detail != "" {
		text += ": " + detail
	}
	return text
}

// detail is what the reason alone doesn't say.
func (e *Error) detail() string {
	var parts []string
	for _, part := range []string{e.Name, e.Detail} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap gives errors.Is and errors.As both the reason and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Err}
}
