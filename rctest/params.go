package rctest

import (
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The documented limits of ids.
const (
	maxIDBytes   = 64
	maxIDs       = 20  // of a repeated field
	maxJoinedIDs = 100 // of a field that joins ids with commas
)

// params reads the fields of a form. The first invalid field sets refused. A handler reads all its fields and then
// checks refused once.
type params struct {
	values  url.Values
	now     time.Time // of the server's clock
	fault   *Fault    // that hit the call
	refused *refusal
}

func (p *params) refuse(code int, format string, args ...any) {
	if p.refused == nil {
		p.refused = refuse(code, format, args...)
	}
}

// single returns a field that may be given at most once, and whether it was given.
func (p *params) single(name string) (string, bool) {
	values := p.values[name]
	switch len(values) {
	case 0:
		return "", false
	case 1:
		return values[0], true
	}
	p.refuse(codeParameter, "%s is given more than once", name)
	return "", false
}

// userID returns the single, required userId.
func (p *params) userID() string {
	value, _ := p.single("userId")
	p.checkIDs("userId", []string{value}, 1)
	return value
}

// ids returns the values of a required field that may be repeated.
func (p *params) ids(name string) []string {
	values := p.values[name]
	p.checkIDs(name, values, maxIDs)
	return values
}

// joinedUserIDs splits the single, required userId at its commas.
func (p *params) joinedUserIDs() []string {
	value, _ := p.single("userId")
	ids := strings.Split(value, ",")
	p.checkIDs("userId", ids, maxJoinedIDs)
	return ids
}

func (p *params) checkIDs(name string, ids []string, limit int) {
	switch {
	case len(ids) == 0:
		p.refuse(codeParameter, "%s is required", name)
	case len(ids) > limit:
		p.refuse(codeParameter, "%s has more than %d ids", name, limit)
	}
	for _, id := range ids {
		if p.refused != nil {
			return
		}
		switch {
		case id == "":
			p.refuse(codeParameter, "%s is required", name)
		case len(id) > maxIDBytes:
			p.refuse(codeTooLong, "%s is longer than %d bytes", name, maxIDBytes)
		case !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl):
			p.refuse(codeParameter, "%s has invalid characters", name)
		}
	}
}

// number returns a field of decimal digits, or absent if it isn't given.
func (p *params) number(name string, low, high, absent int64) int64 {
	text, given := p.single(name)
	if !given {
		return absent
	}
	value, err := strconv.ParseUint(text, 10, 63)
	switch {
	case err != nil:
		p.refuse(codeParameter, "%s is not a number", name)
		return 0
	case int64(value) < low || int64(value) > high:
		p.refuse(codeParameter, "%s is not between %d and %d", name, low, high)
		return 0
	}
	return int64(value)
}

func (p *params) requiredNumber(name string, low, high int64) int64 {
	if len(p.values[name]) == 0 {
		p.refuse(codeParameter, "%s is required", name)
	}
	return p.number(name, low, high, 0)
}

// text returns a field, and whether it was given. length measures it in the unit of limit.
func (p *params) text(name string, length func(string) int, limit int) (string, bool) {
	value, given := p.single(name)
	switch {
	case !utf8.ValidString(value):
		p.refuse(codeParameter, "%s has invalid characters", name)
	case length(value) > limit:
		p.refuse(codeTooLong, "%s is longer than %d", name, limit)
	}
	return value, given
}
