package webhook

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/f0207b22/rcuser"
)

// Window says how far the time at which a request was signed may be from now. The zero value is the default.
type Window struct {
	// Past is how old a request may be; 0 = 10 minutes, as RC may be 5 minutes late and it is not known whether it signs
	// anew what it sends again.
	Past time.Duration
	// Future is how far RC's clock may be ahead; 0 = 5 minutes.
	Future time.Duration
}

// Unlimited turns one side of a [Window] off. Whoever has seen a request can then send it again at any time: a [Handler]
// lets its [ReplayGuard] remember it for 24 hours.
const Unlimited time.Duration = -1

const (
	defaultPast   = 10 * time.Minute
	defaultFuture = 5 * time.Minute
)

func (w Window) withDefaults() Window {
	if w.Past == 0 {
		w.Past = defaultPast
	}
	if w.Future == 0 {
		w.Future = defaultFuture
	}
	return w
}

func (w Window) check(name string) error {
	if w.Past < Unlimited {
		return &rcuser.ArgumentError{Name: name + ".Past", Reason: fmt.Sprintf("%v is negative", w.Past)}
	}
	if w.Future < Unlimited {
		return &rcuser.ArgumentError{Name: name + ".Future", Reason: fmt.Sprintf("%v is negative", w.Future)}
	}
	return nil
}

// judge refuses a time outside the window; exactly at its edges is inside.
func (w Window) judge(signedAt, now time.Time) error {
	age := now.Sub(signedAt)
	switch {
	case w.Past != Unlimited && age > w.Past:
		return &Error{Reason: ErrStale, Detail: fmt.Sprintf("signed %v ago, at most %v are allowed", age, w.Past)}
	case w.Future != Unlimited && -age > w.Future:
		return &Error{Reason: ErrFuture, Detail: fmt.Sprintf("signed %v ahead of now, at most %v are allowed", -age, w.Future)}
	}
	return nil
}

// Verified is what a request's signature says. It says nothing of the body, see the package's documentation.
type Verified struct {
	AppKey    string    // of the credentials whose secret it was signed with
	SignedAt  time.Time // to the second for the oldest generation of parameters
	ReplayKey string    // the same for every request with this signature; for a [ReplayGuard]
}

// Verify reports whether RC signed a request, with the secret of one of the credentials, within the window. It looks at
// the method and at the parameters in the URL's query alone: the body stays unread, its size unchecked, and the same
// request verifies again. A [Handler] does the rest too; Verify is for those who route and decode themselves.
//
// The parameters may be of any generation: nonce, timestamp, signature and mostly appKey; nonce, signTimestamp,
// signature; or rc-nonce, rc-timestamp, rc-signature. Other parameters of the URL are ignored. A timestamp may be
// milliseconds or seconds; RC sends seconds with the oldest names alone. Seconds are refused if the digits before them, at
// the end of the nonce, would make them milliseconds of the past, as somebody may then have moved the boundary: that is
// so for one in twelve nonces that end in digits.
//
// Errors: an [*Error] with one of the reasons from [ErrMethod] to [ErrFuture], but for ErrTooLarge; an
// [*rcuser.ArgumentError] for a window that can't be meant.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/onlinestatus.
func Verify(r *http.Request, window Window, credentials ...rcuser.Credentials) (Verified, error) {
	if err := window.check("window"); err != nil {
		return Verified{}, err
	}
	if r.Method != http.MethodPost {
		return Verified{}, &Error{Reason: ErrMethod}
	}
	signed, err := parse(r)
	if err != nil {
		return Verified{}, err
	}
	return signed.verify(window.withDefaults(), credentials)
}

// signed are the parameters of a signature, each of which could be RC's.
type signed struct {
	nonce, timestamp, signature string
	appKey                      string
	hasAppKey                   bool
	at                          time.Time
}

// parse checks the syntax before anything is hashed: RC's digest has neither separators nor a length, so that a nonce of
// any bytes would let whoever saw one signature extend it.
func parse(r *http.Request) (signed, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return signed{}, &Error{Reason: ErrParameters, Detail: "the query is malformed"} // the parser's text would repeat it
	}
	s, err := pick(query)
	if err != nil {
		return signed{}, err
	}
	switch {
	case len(s.nonce) > maxNonce || strings.ContainsFunc(s.nonce, notInNonce) || s.nonce == "":
		return signed{}, &Error{Reason: ErrSyntax, Name: "nonce", Detail: "isn't 1 to 64 letters, digits, dots, dashes and underscores"}
	case len(s.signature) != signatureDigits || strings.ContainsFunc(s.signature, notHex):
		return signed{}, &Error{Reason: ErrSyntax, Name: "signature", Detail: "isn't 40 lowercase hexadecimal digits"}
	}
	now := time.Now()
	if s.at, err = parseTimestamp(s.timestamp, now); err != nil {
		return signed{}, err
	}
	return s, s.checkUnit(now)
}

// checkUnit refuses seconds that could be the end of milliseconds whose first digits are at the end of the nonce: RC may
// have signed those months ago, when no guard remembers. It is wrong about one in twelve nonces that end in digits; RC
// signs in seconds for the oldest generation alone. The other way round nothing can be told.
func (s signed) checkUnit(now time.Time) error {
	digits := len(strconv.FormatInt(now.UnixMilli(), 10))
	text := s.nonce + s.timestamp
	if len(s.timestamp) == digits || len(text) < digits {
		return nil
	}
	at, err := parseTimestamp(text[len(text)-digits:], now)
	if err != nil || at.After(now.Add(24*time.Hour)) {
		return nil
	}
	return &Error{Reason: ErrSyntax, Name: "timestamp", Detail: "could be milliseconds that begin in the nonce"}
}

const (
	maxNonce        = 64 // RC documents 18 characters; one of its SDKs sends a long decimal
	signatureDigits = 40
)

// The names of each parameter in the generations of RC's documentation.
var (
	nonceNames     = []string{"nonce", "rc-nonce"}
	timestampNames = []string{"timestamp", "signTimestamp", "rc-timestamp"}
	signatureNames = []string{"signature", "rc-signature"}
)

// pick takes every parameter by whichever of its names it has. A second value, under whatever name, would leave open
// which one is meant.
func pick(query url.Values) (signed, error) {
	var s signed
	var old [3]bool
	for i, p := range []struct {
		names []string
		value *string
	}{{nonceNames, &s.nonce}, {timestampNames, &s.timestamp}, {signatureNames, &s.signature}} {
		count := 0
		for _, name := range p.names {
			if values := query[name]; len(values) > 0 {
				count += len(values)
				*p.value, old[i] = values[0], strings.HasPrefix(name, "rc-")
			}
		}
		if count != 1 {
			return signed{}, &Error{Reason: ErrParameters, Name: p.names[0], Detail: fmt.Sprintf("is given %d times, it must be once", count)}
		}
	}
	if old[0] != old[1] || old[1] != old[2] {
		return signed{}, &Error{Reason: ErrParameters, Detail: "names with and without rc- are mixed"}
	}
	keys := query["appKey"]
	if len(keys) > 1 {
		return signed{}, &Error{Reason: ErrParameters, Name: "appKey", Detail: fmt.Sprintf("is given %d times, it must be once at most", len(keys))}
	}
	if s.hasAppKey = len(keys) == 1; s.hasAppKey {
		s.appKey = keys[0]
	}
	return s, nil
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func notHex(r rune) bool { return !isDigit(r) && (r < 'a' || r > 'f') }

func notInNonce(r rune) bool {
	return !isDigit(r) && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '.' && r != '_' && r != '-'
}

// parseTimestamp takes seconds or milliseconds, told apart by their digits, which are as many as those of now. With
// fewer or more, or a zero in front, digits could wander between the nonce and the timestamp under the same signature.
func parseTimestamp(text string, now time.Time) (time.Time, error) {
	seconds, millis := len(strconv.FormatInt(now.Unix(), 10)), len(strconv.FormatInt(now.UnixMilli(), 10))
	value, err := strconv.ParseUint(text, 10, 63)
	switch {
	case err != nil || text[0] == '0':
	case len(text) == seconds:
		return time.Unix(int64(value), 0), nil
	case len(text) == millis:
		return time.UnixMilli(int64(value)), nil
	}
	return time.Time{}, &Error{Reason: ErrSyntax, Name: "timestamp", Detail: fmt.Sprintf("isn't %d or %d digits", seconds, millis)}
}

// verify compares with every secret, and always with all of them, so that the time it takes tells nothing.
func (s signed) verify(window Window, credentials []rcuser.Credentials) (Verified, error) {
	if len(credentials) == 0 {
		return Verified{}, &Error{Reason: ErrCredentials, Detail: "the list is empty"}
	}
	signer, matching := -1, 0
	for i, c := range credentials {
		if c.AppKey == "" || c.AppSecret == "" { // an empty secret would let anybody sign
			return Verified{}, &Error{Reason: ErrCredentials, Detail: fmt.Sprintf("number %d has no key or no secret", i)}
		}
		expected := rcuser.Sign(c.AppSecret, s.nonce, s.timestamp)
		good := subtle.ConstantTimeCompare([]byte(expected), []byte(s.signature))
		matching |= good
		if good == 1 && (!s.hasAppKey || subtle.ConstantTimeCompare([]byte(c.AppKey), []byte(s.appKey)) == 1) {
			signer = i
		}
	}
	switch {
	case matching == 0:
		return Verified{}, &Error{Reason: ErrSignature}
	case signer < 0:
		return Verified{}, &Error{Reason: ErrAppKey}
	}
	if err := window.judge(s.at, time.Now()); err != nil {
		return Verified{}, err
	}
	return Verified{AppKey: credentials[signer].AppKey, SignedAt: s.at, ReplayKey: s.signature}, nil
}

// Sign adds the parameters to the URL of a request that RC would, signed at a time: for tests of the code that receives
// webhooks. The URL's other parameters stay; those of an earlier Sign are replaced.
func Sign(r *http.Request, credentials rcuser.Credentials, at time.Time) {
	query := r.URL.Query()
	nonce := rand.Text()[:18]
	timestamp := strconv.FormatInt(at.UnixMilli(), 10)
	query.Set("appKey", credentials.AppKey)
	query.Set("nonce", nonce)
	query.Set("timestamp", timestamp)
	query.Set("signature", rcuser.Sign(credentials.AppSecret, nonce, timestamp))
	r.URL.RawQuery = query.Encode()
}
