package webhook

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/f0207b22/rcuser"
)

// Verified is what a valid signature says about a request. It says nothing about the body, see the package documentation.
type Verified struct {
	AppKey    string    // of the credentials whose secret signed it
	SignedAt  time.Time // to the second if the timestamp is in seconds
	ReplayKey string    // the same for every request with this signature, for a [ReplayGuard]; at most 64 bytes, all its own
}

// Verify checks that a request was signed with the secret of one of the credentials, within the window. It looks only at
// the method and the query: it neither reads the body nor checks its size, and the same request verifies again. Use it in
// a handler of your own; a [Handler] calls it and does the rest.
//
// It accepts all three generations of RC's parameter names: nonce, timestamp, signature and usually appKey; nonce,
// signTimestamp, signature; and rc-nonce, rc-timestamp, rc-signature. Other parameters are ignored. A timestamp may be in
// milliseconds or seconds; RC sends seconds only with the oldest names. A timestamp in seconds is refused if it forms a
// past time in milliseconds together with the last digits of the nonce, because an attacker may have moved these digits.
// This affects one in twelve nonces that end in digits.
//
// Errors: an [*Error] with [ErrMethod], [ErrParameters], [ErrSyntax], [ErrCredentials], [ErrSignature], [ErrAppKey],
// [ErrStale] or [ErrFuture]; an [*rcuser.ArgumentError] for an invalid window.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/onlinestatus.
func Verify(r *http.Request, window Window, credentials ...rcuser.Credentials) (Verified, error) {
	if err := window.check("window"); err != nil {
		return Verified{}, err
	}
	if r.Method != http.MethodPost {
		return Verified{}, &Error{Reason: ErrMethod}
	}
	params, err := parseParams(r)
	if err != nil {
		return Verified{}, err
	}
	return params.verify(window.withDefaults(), credentials)
}

// signatureParams are the parameters of a signature, with valid syntax.
type signatureParams struct {
	nonce, timestamp, signature string
	appKey                      string
	hasAppKey                   bool
	signedAt                    time.Time
}

// parseParams checks the syntax before anything is hashed. RC's digest has neither separators nor lengths, so a nonce
// with arbitrary bytes would permit a length extension of any signature.
func parseParams(r *http.Request) (signatureParams, error) {
	p, err := findParams(r.URL.RawQuery)
	if err != nil {
		return signatureParams{}, err
	}
	switch {
	case len(p.nonce) > maxNonce || strings.ContainsFunc(p.nonce, notInNonce) || p.nonce == "":
		return signatureParams{}, &Error{Reason: ErrSyntax, Name: "nonce", Detail: "isn't 1 to 64 letters, digits, dots, dashes and underscores"}
	case len(p.signature) != signatureDigits || strings.ContainsFunc(p.signature, notHex):
		return signatureParams{}, &Error{Reason: ErrSyntax, Name: "signature", Detail: "isn't 40 lowercase hexadecimal digits"}
	}
	now := time.Now()
	if p.signedAt, err = parseTimestamp(p.timestamp, now); err != nil {
		return signatureParams{}, err
	}
	return p, p.checkTimeUnit(now)
}

// checkTimeUnit refuses a timestamp in seconds that forms a plausible time in milliseconds together with the last digits
// of the nonce: RC may have signed those milliseconds months ago, and no guard remembers that. The opposite case, seconds
// that RC signed and that were turned into milliseconds, can't be detected.
func (p signatureParams) checkTimeUnit(now time.Time) error {
	digits := countDigits(now.UnixMilli())
	if len(p.timestamp) == digits || len(p.nonce)+len(p.timestamp) < digits {
		return nil
	}
	text := p.nonce + p.timestamp
	signedAt, err := parseTimestamp(text[len(text)-digits:], now)
	if err != nil || signedAt.After(now.Add(24*time.Hour)) {
		return nil
	}
	return &Error{Reason: ErrSyntax, Name: "timestamp", Detail: "could be milliseconds that begin in the nonce"}
}

const (
	maxNonce        = 64 // RC documents 18 characters; one of its SDKs sends a long decimal
	signatureDigits = 40
)

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func notHex(r rune) bool { return !isDigit(r) && (r < 'a' || r > 'f') }

func notInNonce(r rune) bool {
	return !isDigit(r) && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '.' && r != '_' && r != '-'
}

// parseTimestamp accepts seconds or milliseconds with as many digits as the current time has, and no leading zero. With
// any other number of digits, an attacker could move digits between nonce and timestamp under the same signature.
func parseTimestamp(text string, now time.Time) (time.Time, error) {
	seconds, millis := countDigits(now.Unix()), countDigits(now.UnixMilli())
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

// countDigits returns the number of decimal digits of a positive number.
func countDigits(n int64) int {
	digits := 1
	for ; n >= 10; n /= 10 {
		digits++
	}
	return digits
}

// verify compares the signature in constant time, and always with all secrets, so that its duration doesn't show which
// secret matches.
func (p signatureParams) verify(window Window, credentials []rcuser.Credentials) (Verified, error) {
	if len(credentials) == 0 {
		return Verified{}, &Error{Reason: ErrCredentials, Detail: "the list is empty"}
	}
	var received [signatureDigits]byte
	copy(received[:], p.signature) // has this length, see parseParams
	signer, matching := -1, 0
	for i, c := range credentials {
		if c.AppKey == "" || c.AppSecret == "" { // with an empty secret, anyone could sign
			return Verified{}, &Error{Reason: ErrCredentials, Detail: fmt.Sprintf("credentials[%d] has an empty key or secret", i)}
		}
		var expected [signatureDigits]byte
		copy(expected[:], rcuser.Sign(c.AppSecret, p.nonce, p.timestamp))
		equal := subtle.ConstantTimeCompare(expected[:], received[:])
		matching |= equal
		if equal == 1 && (!p.hasAppKey || subtle.ConstantTimeCompare([]byte(c.AppKey), []byte(p.appKey)) == 1) {
			signer = i
		}
	}
	switch {
	case matching == 0:
		return Verified{}, &Error{Reason: ErrSignature}
	case signer < 0:
		return Verified{}, &Error{Reason: ErrAppKey}
	}
	if err := window.checkTime(p.signedAt, time.Now()); err != nil {
		return Verified{}, err
	}
	key := strings.Clone(p.signature) // otherwise it would keep the whole query in memory
	return Verified{AppKey: credentials[signer].AppKey, SignedAt: p.signedAt, ReplayKey: key}, nil
}

// Sign adds RC's signature parameters to the URL of a request, with the given signing time. It is for tests of code that
// receives webhooks. It replaces the parameters of an earlier Sign, and keeps all others.
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
