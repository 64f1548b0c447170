package rctest

import (
	"crypto/fips140"
	"crypto/sha1" //nolint:gosec // RC's protocol prescribes it
	"crypto/subtle"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxNonce = 18 // characters
	maxSkew  = 5 * time.Minute
)

// signature returns the SHA-1 signature that both requests and events have, also where FIPS 140-3 is enforced.
func signature(secret, nonce, timestamp string) string {
	var sum [sha1.Size]byte
	fips140.WithoutEnforcement(func() {
		sum = sha1.Sum([]byte(secret + nonce + timestamp)) //nolint:gosec // see above
	})
	return hex.EncodeToString(sum[:])
}

// authenticate checks the key and the signature, and then, since the sender knows the secret, what else is wrong with the
// credentials.
func (s *Server) authenticate(in *received) *refusal {
	key, nonce := s.credential(in, "App-Key"), s.credential(in, "Nonce")
	timestamp, signed := s.credential(in, "Timestamp"), s.credential(in, "Signature")
	switch {
	case key == "":
		return refuse(codeParameter, wrongKey).because(s.missing(in, "App-Key"))
	case key != s.credentials.AppKey:
		return refuse(codeParameter, wrongKey).because("App-Key isn't the server's")
	case nonce == "":
		return refuse(codeSignature, "%s", s.missing(in, "Nonce"))
	case timestamp == "":
		return refuse(codeSignature, "%s", s.missing(in, "Timestamp"))
	case signed == "":
		return refuse(codeSignature, "%s", s.missing(in, "Signature"))
	case !s.verify(nonce, timestamp, signed):
		return refuse(codeSignature, wrongSignature).because(
			"the signature doesn't match: is this the app's secret, and the SHA-1 of secret, nonce and timestamp?")
	}
	in.signed = true
	return s.checkCredentials(in, nonce, timestamp, signed)
}

// The texts that were recorded from RC.
const (
	wrongKey       = "invalid App-Key."
	wrongSignature = "签名错误，请检查。" // "The signature is wrong, please check."
)

// verify compares in constant time. Both cases of hexadecimal digits are accepted.
func (s *Server) verify(nonce, timestamp, signed string) bool {
	got, err := hex.DecodeString(signed)
	want, _ := hex.DecodeString(signature(s.credentials.AppSecret, nonce, timestamp))
	return err == nil && subtle.ConstantTimeCompare(want, got) == 1
}

// credential returns a header. Unless strict, the server also accepts it with the prefix RC-, which RC offers for
// hosting platforms that drop custom headers.
func (s *Server) credential(in *received, name string) string {
	value := in.header.Get(name)
	if value == "" && !s.settings.strict {
		value = in.header.Get("RC-" + name)
	}
	return value
}

// missing says that a header is missing.
func (s *Server) missing(in *received, name string) string {
	if s.settings.strict && in.header.Get("RC-"+name) != "" {
		return name + " is required; RC-" + name + " doesn't count"
	}
	return name + " is required"
}

// checkCredentials checks what a sender who knows the secret can do wrong. The age of the timestamp is only checked if the
// server is strict or a fault shifts its clock.
func (s *Server) checkCredentials(in *received, nonce, timestamp, signed string) *refusal {
	strict := s.settings.strict
	value, err := strconv.ParseUint(timestamp, 10, 63)
	switch {
	case err != nil:
		return refuse(codeSignature, "Timestamp is not a number")
	case strict && utf8.RuneCountInString(nonce) > maxNonce:
		return refuse(codeSignature, "Nonce is longer than %d characters", maxNonce)
	case strict && strings.ToLower(signed) != signed:
		return refuse(codeSignature, "Signature has upper-case digits")
	case !strict && in.fault.ClockOffset == 0:
		return nil
	}
	return checkAge(int64(value), in.serverTime(), strict)
}

// maxSeconds is far above every time in seconds, and far below every time in milliseconds.
const maxSeconds = 100_000_000_000

func checkAge(timestamp int64, now time.Time, strict bool) *refusal {
	isNear := func(t time.Time) bool { return now.Sub(t).Abs() <= maxSkew }
	inSeconds := timestamp < maxSeconds && isNear(time.Unix(timestamp, 0))
	switch {
	case isNear(time.UnixMilli(timestamp)), inSeconds && !strict:
		return nil
	case inSeconds:
		return refuse(codeSignature, "Timestamp is in seconds, not in milliseconds")
	}
	return refuse(codeSignature, "Timestamp is not within %v of now, in milliseconds", maxSkew)
}
