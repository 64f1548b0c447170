package webhook

import (
	"fmt"
	"net/http"
	"strings"
)

// Reason says why a request was refused. It is an error itself, so that errors.Is(err, webhook.ErrSignature) matches it.
type Reason int

// The reasons why [Verify] and [Decode] refuse a request, with the HTTP status that a [Handler] answers.
const (
	ErrMethod      Reason = iota + 1 // the method isn't POST (405)
	ErrTooLarge                      // the body is larger than 1 MiB (413)
	ErrParameters                    // the URL's query is malformed, or doesn't have each parameter of the signature exactly once (401)
	ErrSyntax                        // a parameter has a form that RC never sends, or is ambiguous, see [Verify] (401)
	ErrCredentials                   // no credentials to verify with, or some have an empty key or secret (500)
	ErrSignature                     // the signature matches none of the secrets (401)
	ErrAppKey                        // the app key isn't the one that the secret belongs to (401)
	ErrStale                         // it was signed too long ago (401)
	ErrFuture                        // it was signed too far in the future (401)
	ErrBody                          // the body is neither JSON nor a form, or no event in it can be read (400)
	errRead                          // the body couldn't be read
	errBusy                          // a request with the same signature is being handled
	errGuard                         // the replay guard failed
	errQueueFull
	errShutdown
	errTimeout  // the callbacks, the guard, or reading and verifying the request took too long
	errCallback // a callback returned an error
	errPanic    // code of the app panicked
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
	ErrAppKey:      {http.StatusUnauthorized, "the app key doesn't belong to the secret"},
	ErrStale:       {http.StatusUnauthorized, "the timestamp is too old"},
	ErrFuture:      {http.StatusUnauthorized, "the timestamp is in the future"},
	ErrBody:        {http.StatusBadRequest, "the body can't be decoded"},
	errRead:        {http.StatusBadRequest, "the body couldn't be read"},
	errBusy:        {http.StatusServiceUnavailable, "the same request is being handled"},
	errGuard:       {http.StatusServiceUnavailable, "the replay guard failed"},
	errQueueFull:   {http.StatusServiceUnavailable, "the queue is full"},
	errShutdown:    {http.StatusServiceUnavailable, "shutting down"},
	errTimeout:     {http.StatusServiceUnavailable, "not handled in time"},
	errCallback:    {http.StatusInternalServerError, "a callback returned an error"},
	errPanic:       {http.StatusInternalServerError, "the handler panicked"},
}

// Error returns the reason as text, such as "the signature doesn't verify".
func (r Reason) Error() string {
	if reason, ok := reasons[r]; ok {
		return reason.text
	}
	return "unknown reason"
}

// Error is the error of [Verify] and [Decode]. No field contains a secret, or the received or the expected signature.
type Error struct {
	Reason Reason
	Name   string // the invalid parameter or field; may be empty
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

// detail returns everything but the reason.
func (e *Error) detail() string {
	var parts []string
	for _, part := range []string{e.Name, e.Detail} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if e.Err != nil {
		parts = append(parts, textOf(e.Err))
	}
	return strings.Join(parts, ": ")
}

// textOf is err.Error() for an error of the app's code, which may panic: the usual case is a nil pointer in a non-nil error.
func textOf(err error) string { return fmt.Sprint(err) }

// Unwrap returns the reason and, if there is one, the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Err}
}
