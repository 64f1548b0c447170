package rcuser

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
)

// permanent reports whether a failure without an answer would be the same in another attempt at the same host: a bad
// certificate, a failed TLS negotiation, a port or URL of the wrong kind.
func permanent(err error) bool {
	if err == nil {
		return false
	}
	return isCertificateError(err) || isProtocolMismatch(err)
}

func isCertificateError(err error) bool {
	return hasType[*tls.CertificateVerificationError](err) ||
		hasType[x509.UnknownAuthorityError](err) || hasType[x509.HostnameError](err) || hasType[x509.CertificateInvalidError](err) ||
		hasType[x509.SystemRootsError](err) || hasType[x509.InsecureAlgorithmError](err) ||
		hasType[x509.ConstraintViolationError](err) || hasType[x509.UnhandledCriticalExtension](err)
}

func hasType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// isProtocolMismatch goes by the text where the standard library has no type. crypto/tls begins all of its texts with
// "tls: ", also those of the alerts that it receives.
func isProtocolMismatch(err error) bool {
	if hasType[tls.RecordHeaderError](err) || errors.Is(err, http.ErrSchemeMismatch) {
		return true
	}
	text := err.Error()
	if strings.Contains(text, "tls: ") && !containsAny(text, transientTLSErrors) {
		return true
	}
	return containsAny(text, mismatchTexts)
}

// transientTLSErrors may not occur in the next attempt.
var transientTLSErrors = []string{
	"tls: internal error", "tls: user canceled", "tls: bad record MAC", "tls: use of closed connection",
}

var mismatchTexts = []string{
	"x509: ", // an error whose type was lost when it was wrapped
	http.ErrSchemeMismatch.Error(),
	`malformed HTTP response "\x15\x03`, // a TLS alert, from a port that speaks TLS
	"unsupported protocol scheme",
	"invalid proxy address",
}

func containsAny(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}
