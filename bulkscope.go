package rcuser

import (
	"errors"
	"net/http"
)

// failureScope says which calls of bulk work the reason of a failed call concerns.
type failureScope int

const (
	someIDs     failureScope = iota // the refusal may lie in one of the ids
	oneCall                         // RC's answer to it can't be understood
	everyCall                       // RC refuses every call of the work for the same reason
	beforeRC                        // it was refused before RC saw it, as others may be
	unreachable                     // it wasn't answered, or the answer asks for another attempt
)

// scopeOf classifies the error of a call.
func scopeOf(err error) failureScope {
	failure, ok := errors.AsType[*Error](err)
	switch {
	case !ok: // an *ArgumentError: RC listed an id that no request may carry, all others were checked before
		return someIDs
	case hasType[credentialsError](err), failure.StatusCode == 0 && permanent(failure.Err):
		return beforeRC
	case failure.StatusCode == 0 || failure.StatusCode >= 500 || failure.StatusCode == http.StatusTooManyRequests:
		return unreachable
	case hasType[brokenSuccess](err):
		return oneCall
	case failure.Code == 0 && failure.StatusCode >= 300:
		return beforeRC
	case failure.Code == 0 || failure.Code.transient():
		return unreachable
	}
	return scopeOfCode(failure.Code)
}

func scopeOfCode(code ErrorCode) failureScope {
	switch code {
	case ErrAppSecret, ErrSignature, ErrAppLocked, ErrForbidden, ErrNotEnabled:
		return everyCall
	case ErrNoData:
		return beforeRC
	}
	return someIDs // assumed of unknown codes too
}
