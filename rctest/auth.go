package rctest

import (
	"crypto/fips140"
	"crypto/sha1" //nolint:gosec // RC's protocol prescribes it
	"crypto/subtle"
	"encoding/hex"
	"strconv"
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

func (s *Server) authenticate(in *received) *refusal {
	key, nonce := s.credential(in, "App-Key"), s.credential(in, "Nonce")
	timestamp, signed := s.credential(in, "Timestamp"), s.credential(in, "Signature")
	switch {
	case key == "" || key != s.credentials.AppKey:
		return refuse(codeParameter, "invalid App-Key.")
	case nonce == "":
		return refuse(codeSignature, "Nonce is required")
	case s.settings.strict && utf8.RuneCountInString(nonce) > maxNonce:
		return refuse(codeSignature, "Nonce is longer than %d characters", maxNonce)
	case signed == "":
		return refuse(codeSignature, "Signature is required")
	}
	if refused := s.checkTimestamp(timestamp, in); refused != nil {
		return refused
	}
	if subtle.ConstantTimeCompare([]byte(signature(s.credentials.AppSecret, nonce, timestamp)), []byte(signed)) == 0 {
		return refuse(codeSignature, "Signature doesn't match")
	}
	return nil
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

// checkTimestamp checks the age only if the server is strict or a fault shifts its clock.
func (s *Server) checkTimestamp(text string, in *received) *refusal {
	if text == "" {
		return refuse(codeSignature, "Timestamp is required")
	}
	value, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return refuse(codeSignature, "Timestamp is not a number")
	}
	checked := s.settings.strict || in.fault.ClockOffset != 0
	if skew := in.serverTime().Sub(time.UnixMilli(int64(value))).Abs(); checked && skew > maxSkew {
		return refuse(codeSignature, "Timestamp is not within %v of now, in milliseconds", maxSkew)
	}
	return nil
}
