package rcuser

import (
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RC's protocol prescribes it
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
)

// Sign returns RC's signature: the lowercase hex SHA-1 of secret, nonce and timestamp, concatenated. The same
// digest signs requests to RC and the calls that RC makes to the app's server.
//
// SHA-1 is RC's choice; a process that runs with GODEBUG=fips140=only can't compute it.
//
// Source: https://docs.rongcloud.io/platform-chat-api/api-auth.
func Sign(appSecret, nonce, timestamp string) string {
	var buf [128]byte // large enough for what is signed in practice, so that it stays on the stack
	text := append(append(append(buf[:0], appSecret...), nonce...), timestamp...)
	sum := sha1.Sum(text) //nolint:gosec // see above
	var digits [2 * sha1.Size]byte
	hex.Encode(digits[:], sum[:])
	return string(digits[:])
}

// Credentials are an app's key and secret. Printing them, and encoding them as JSON or XML, shows the key alone.
type Credentials struct{ AppKey, AppSecret string }

// CredentialsFunc returns the credentials to sign with. It is asked before every attempt, with a context that ends
// with the attempt, and from many goroutines at once: cache what is slow to fetch. Its error ends the call.
type CredentialsFunc func(context.Context) (Credentials, error)

// String returns the credentials without the secret.
func (c Credentials) String() string {
	return fmt.Sprintf("{AppKey:%s AppSecret:%s}", c.AppKey, redacted)
}

// Format prints the credentials without the secret for every verb.
func (c Credentials) Format(f fmt.State, verb rune) { formatText(f, verb, c.String()) }

// LogValue is what slog writes: the credentials without the secret.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText keeps the secret out of JSON and XML.
func (c Credentials) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// check refuses what can't be sent in a header or signed with; its texts hold no value.
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

// randomHex returns n random bytes as 2n lowercase hex characters.
func randomHex(n int) string {
	var random [16]byte
	_, _ = rand.Read(random[:n]) // never fails, says its documentation
	var digits [2 * len(random)]byte
	return string(digits[:hex.Encode(digits[:], random[:n])])
}
