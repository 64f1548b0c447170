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
// and, mostly, the documentation doesn't allow it. Otherwise it is accepted, since RC's SDKs for other languages and
// ordinary HTTP clients send most of it. [Request.Reason] says what was refused:
//
//   - credentials (1004): a Timestamp in seconds or more than 5 minutes off the real time, a Nonce of more than 18
//     characters, upper-case digits in the Signature;
//   - RC- headers, as if the headers were missing (1002, the key's code);
//   - a path with doubled slashes or needless escapes (404);
//   - a Content-Type that is missing, even for an empty body, can't be parsed or has a charset other than UTF-8 (1003);
//   - a body with a byte order mark, characters outside of ASCII or semicolons that aren't escaped, or empty parameters, as
//     a & at its end makes one (1002);
//   - several userId in a call that joins its ids with commas (1002);
//   - ids with characters that belong to a list or can't be seen (1002): quotation marks (Unicode's property
//     Quotation_Mark, and the backtick), commas of any script (, ، 、 ﹐ ﹑ ， ､), and format characters (category Cf), which
//     are the zero-width and the bidirectional ones, the byte order mark and the soft hyphen;
//   - an X-Request-ID of more than 36 characters (1005).
func Strict() Option { return func(s *settings) { s.strict = true } }
