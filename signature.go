package rcuser

import (
	"bytes"
	"context"
	"crypto/fips140"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RC's protocol prescribes it
	"encoding/hex"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Sign returns RC's signature: the SHA-1 of appSecret, nonce and timestamp, concatenated, in lowercase hex. RC
// prescribes it both for requests to RC and for RC's requests to the app's webhook.
//
// It also works with GODEBUG=fips140=only, which forbids SHA-1: the enforcement is suspended while a signature is computed,
// and for nothing else.
//
// Source: https://docs.rongcloud.io/platform-chat-api/auth.
func Sign(appSecret, nonce, timestamp string) string {
	var buf [2 * sha1.Size]byte
	return string(appendSignature(buf[:0], appSecret, nonce, timestamp))
}

// appendSignature appends the signature of what is signed together.
func appendSignature(to []byte, appSecret, nonce, timestamp string) []byte {
	var buf [128]byte // on the stack; longer inputs are possible, but not usual
	text := append(append(append(buf[:0], appSecret...), nonce...), timestamp...)
	sum := sumSHA1(text)
	return hex.AppendEncode(to, sum[:])
}

// sumSHA1 is sha1.Sum, and works where FIPS 140-3 is enforced too.
func sumSHA1(text []byte) (sum [sha1.Size]byte) {
	if fips140.Enforced() {
		return sumSHA1WithoutEnforcement(bytes.Clone(text)) // a clone, so that text itself stays on the stack
	}
	return sha1.Sum(text) //nolint:gosec // see above
}

func sumSHA1WithoutEnforcement(text []byte) (sum [sha1.Size]byte) {
	fips140.WithoutEnforcement(func() { sum = sha1.Sum(text) }) //nolint:gosec // see above
	return sum
}

// newSignature returns a new nonce and the time and signature that go with it. All three are parts of one string, to be
// allocated once.
func newSignature(appSecret string, at time.Time) (nonce, timestamp, signature string) {
	const nonceBytes = 8
	var random [nonceBytes]byte
	_, _ = rand.Read(random[:]) // it never returns an error
	var buf [2*nonceBytes + 20 + 2*sha1.Size]byte
	signed := strconv.AppendInt(hex.AppendEncode(buf[:0], random[:]), at.UnixMilli(), 10)
	n := len(signed)
	all := string(appendSignature(signed, appSecret, string(signed), ""))
	return all[:2*nonceBytes], all[2*nonceBytes : n], all[n:]
}

// Credentials are an app's key and secret. Printed, or encoded as JSON or XML, they show only the key.
type Credentials struct{ AppKey, AppSecret string }

// CredentialsFunc returns the credentials to sign with. It is called before every attempt, by many goroutines at once
// and with a context that ends with the attempt, so it should cache what is slow to fetch. If it returns an error,
// the call fails without another attempt.
type CredentialsFunc func(context.Context) (Credentials, error)

// credentialsError is the error of Config.Credentials, or of what it returned.
type credentialsError struct{ err error }

func (e credentialsError) Error() string { return "credentials: " + e.err.Error() }
func (e credentialsError) Unwrap() error { return e.err }

// String returns the credentials without the secret.
func (c Credentials) String() string {
	return fmt.Sprintf("{AppKey:%s AppSecret:%s}", c.AppKey, redacted)
}

// Format prints the credentials without the secret for every verb.
func (c Credentials) Format(f fmt.State, verb rune) { formatText(f, verb, c.String()) }

// LogValue returns the credentials without the secret, for slog.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns the credentials without the secret, for JSON and XML.
func (c Credentials) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// check refuses credentials that can't be correct. Its errors don't contain the values.
func (c Credentials) check() error {
	switch {
	case c.AppKey == "":
		return &ArgumentError{"AppKey", "is empty"}
	case c.AppSecret == "":
		return &ArgumentError{"AppSecret", "is empty"}
	case strings.ContainsFunc(c.AppKey, func(r rune) bool { return r <= ' ' || r > '~' }):
		return &ArgumentError{"AppKey", "holds a space, a line break or a character outside ASCII"}
	case strings.TrimSpace(c.AppSecret) != c.AppSecret:
		return &ArgumentError{"AppSecret", "begins or ends with a space or a line break"}
	}
	return nil
}
