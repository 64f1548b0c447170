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
	strict  bool      // [Strict] was chosen
	refused *refusal
}

func (p *params) refuse(code int, format string, args ...any) {
	if p.refused == nil {
		p.refused = refuse(code, format, args...)
	}
}

// refuseMissing refuses the call with RC's text for a missing field.
func (p *params) refuseMissing(name string) {
	p.refuse(codeParameter, "The parameter %s is required.", name)
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

// joinedUserIDs returns the ids of the required userId, which joins them with commas. Unless strict, it may also be
// repeated, as RC's PHP SDK does.
func (p *params) joinedUserIDs() []string {
	values := p.values["userId"]
	if p.strict && len(values) > 1 {
		p.refuse(codeParameter, "userId is given more than once; its ids must be joined with commas")
	}
	ids := strings.Split(strings.Join(values, ","), ",")
	p.checkIDs("userId", ids, maxJoinedIDs)
	return ids
}

func (p *params) checkIDs(name string, ids []string, limit int) {
	switch {
	case len(ids) == 0:
		p.refuseMissing(name)
	case len(ids) > limit:
		p.refuse(codeParameter, "%s has more than %d ids", name, limit)
	}
	for _, id := range ids {
		if p.refused != nil {
			return
		}
		p.checkID(name, id)
	}
}

func (p *params) checkID(name, id string) {
	switch {
	case id == "":
		p.refuseMissing(name)
	case len(id) > maxIDBytes:
		p.refuse(codeTooLong, "%s is longer than %d bytes", name, maxIDBytes)
	case !validCharacters(id):
		p.refuse(codeParameter, "%s has invalid characters", name)
	case p.strict:
		p.checkCharacters(name, id)
	}
}

// validCharacters reports whether an id has none of the characters that no server accepts.
func validCharacters(id string) bool {
	return utf8.ValidString(id) && !strings.ContainsFunc(id, unicode.IsControl)
}

// commas are the characters of most scripts that a person reads as a comma.
const commas = ",،、﹐﹑，､"

// checkCharacters refuses what ends up in an id by mistake: what separates or quotes the ids of a list, and what can't be
// seen.
func (p *params) checkCharacters(name, id string) {
	for _, r := range id {
		switch {
		case unicode.Is(unicode.Quotation_Mark, r), r == '`':
			p.refuse(codeParameter, "%s has a quotation mark, %U", name, r)
		case strings.ContainsRune(commas, r):
			p.refuse(codeParameter, "%s has a comma, %U", name, r)
		case unicode.Is(unicode.Cf, r):
			p.refuse(codeParameter, "%s has a zero-width or bidirectional character, %U", name, r)
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
		p.refuseMissing(name)
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
