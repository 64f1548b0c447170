package webhook

import (
	"fmt"
	"net/url"
	"strings"
)

// param is one parameter of a signature while a query is read.
type param struct {
	value    string
	count    int
	prefixed bool // its name begins with rc-
}

// The parameters of a signature, in the order in which errors name them.
const (
	nonceParam = iota
	timestampParam
	signatureParam
	appKeyParam
	paramCount
)

var paramNames = [paramCount]string{"nonce", "timestamp", "signature", "appKey"}

// paramIndex recognizes the names of all generations of RC's documentation.
func paramIndex(name string) (index int, prefixed, ok bool) {
	name, prefixed = strings.CutPrefix(name, "rc-")
	switch name {
	case "nonce":
		return nonceParam, prefixed, true
	case "timestamp":
		return timestampParam, prefixed, true
	case "signature":
		return signatureParam, prefixed, true
	case "signTimestamp":
		return timestampParam, false, !prefixed
	case "appKey":
		return appKeyParam, false, !prefixed
	}
	return 0, false, false
}

// findParams finds each parameter under any of its names. A parameter that occurs twice is refused, even under different
// names, because it would be unclear which value is signed. It does what url.ParseQuery does without making a map.
func findParams(query string) (signatureParams, error) {
	var found [paramCount]param
	for pair := range strings.SplitSeq(query, "&") {
		name, value, ok := unescapePair(pair)
		if !ok {
			return signatureParams{}, &Error{Reason: ErrParameters, Detail: "the query is malformed"} // without the query
		}
		if i, prefixed, known := paramIndex(name); known {
			found[i] = param{value, found[i].count + 1, prefixed}
		}
	}
	prefixed := 0
	for i := range appKeyParam {
		if found[i].prefixed {
			prefixed++
		}
		if count := found[i].count; count != 1 {
			return signatureParams{}, &Error{Reason: ErrParameters, Name: paramNames[i], Detail: fmt.Sprintf("is given %d times, it must be once", count)}
		}
	}
	if prefixed != 0 && prefixed != appKeyParam {
		return signatureParams{}, &Error{Reason: ErrParameters, Detail: "names with and without rc- are mixed"}
	}
	if count := found[appKeyParam].count; count > 1 {
		return signatureParams{}, &Error{Reason: ErrParameters, Name: "appKey", Detail: fmt.Sprintf("is given %d times, it must be once at most", count)}
	}
	return signatureParams{
		nonce: found[nonceParam].value, timestamp: found[timestampParam].value, signature: found[signatureParam].value,
		appKey: found[appKeyParam].value, hasAppKey: found[appKeyParam].count == 1,
	}, nil
}

// unescapePair returns the name and the value of a pair of a query, and false if the pair is malformed.
func unescapePair(pair string) (name, value string, ok bool) {
	name, value, _ = strings.Cut(pair, "=")
	if !strings.ContainsAny(pair, "%+;") {
		return name, value, true
	}
	if strings.Contains(pair, ";") {
		return "", "", false
	}
	name, nameErr := url.QueryUnescape(name)
	value, valueErr := url.QueryUnescape(value)
	return name, value, nameErr == nil && valueErr == nil
}
