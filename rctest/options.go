package rctest

import "github.com/f0207b22/rcuser"

// Option configures a server: what RC's console can switch, and how strictly requests are checked.
type Option func(*settings)

type settings struct {
	credentials     rcuser.Credentials
	development     bool
	allowlistForAll bool
	enforceRates    bool
	strict          bool
}

// WithCredentials sets the app's key and secret, which are random otherwise: for clients in other processes whose
// settings are fixed. It panics if one of them is empty.
func WithCredentials(c rcuser.Credentials) Option {
	if c.AppKey == "" || c.AppSecret == "" {
		panic("rctest: WithCredentials: the key or the secret is empty")
	}
	return func(s *settings) { s.credentials = c }
}

// Development makes the server an app's development environment: it registers at most 100 users and answers code 2007
// (HTTP 403) to further ones. Registered users still get tokens. The default is production, without a limit.
func Development() Option { return func(s *settings) { s.development = true } }

// AllowlistForAll turns the allowlist on for the whole app, as RC's console can: every user is in allowlist mode, and
// turning it off for single users is refused with code 1002.
func AllowlistForAll() Option { return func(s *settings) { s.allowlistForAll = true } }

// EnforceRateLimits makes the server count calls and answer code 1008 (HTTP 429) to those above RC's published rates:
// within any second of real time 200 calls of getToken, 100 ids of deactivate and of reactivate, 100 calls of every
// other endpoint. A call refused for its rate doesn't count. [Server.Config] then leaves the client its default limiter.
func EnforceRateLimits() Option { return func(s *settings) { s.enforceRates = true } }

// Strict makes the server refuse what the real service is known or likely to accept although this SDK never sends it
// and, mostly, the documentation doesn't allow it: a Timestamp that isn't in milliseconds or is more than 5 minutes off
// the real time, a Nonce of more than 18 characters (1004 both), an X-Request-ID of more than 36 (1005), RC- headers (as
// if the headers were missing), a path with doubled slashes or needless escapes (404), and a missing Content-Type on
// an empty body (1003).
func Strict() Option { return func(s *settings) { s.strict = true } }
