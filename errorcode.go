package rcuser

import "strconv"

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
