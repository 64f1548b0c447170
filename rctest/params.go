package rctest

import (
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// RC's limits, as its documentation has them.
const (
	maxIDBytes        = 64
	maxIDs            = 20  // of most calls
	maxJoinedIDs      = 100 // of those that join them with commas
	maxNameCharacters = 64
	maxPortraitBytes  = 1024
	maxBanMinutes     = 43_200
	maxListPage       = 1000
	maxListLength     = 3000
)

// params reads the fields of a form. After the first one that is wrong it has a refusal and returns zero values, so
// that a handler reads all of its fields and then looks once.
type params struct {
	values  url.Values
	now     time.Time // of the server's clock
	refused *refusal
}

func (p *params) refuse(code int, format string, args ...any) {
	if p.refused == nil {
		p.refused = refuse(code, format, args...)
	}
}

// single returns a field that may be given once, and whether it was given.
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

// userID returns the one required userId.
func (p *params) userID() string {
	value, _ := p.single("userId")
	p.checkIDs("userId", []string{value}, 1)
	return value
}

// ids returns the values of a required key that is repeated.
func (p *params) ids(name string) []string {
	values := p.values[name]
	p.checkIDs(name, values, maxIDs)
	return values
}

// joinedUserIDs returns the ids that are joined with commas in the one required userId.
func (p *params) joinedUserIDs() []string {
	value, _ := p.single("userId")
	ids := strings.Split(value, ",")
	p.checkIDs("userId", ids, maxJoinedIDs)
	return ids
}

func (p *params) checkIDs(name string, ids []string, most int) {
	switch {
	case len(ids) == 0:
		p.refuse(codeParameter, "%s is required", name)
	case len(ids) > most:
		p.refuse(codeParameter, "%s has more than %d ids", name, most)
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

// number returns a field that holds digits, or absent where it isn't given.
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
		p.refuse(codeParameter, "%s is not within %d and %d", name, low, high)
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

// name returns a user's name, and whether it was given.
func (p *params) name() (string, bool) {
	return p.text("name", utf8.RuneCountInString, maxNameCharacters)
}

// portraitURI returns a user's portrait, and whether it was given.
func (p *params) portraitURI() (string, bool) {
	return p.text("portraitUri", func(text string) int { return len(text) }, maxPortraitBytes)
}

func (p *params) text(name string, length func(string) int, most int) (string, bool) {
	value, given := p.single(name)
	switch {
	case !utf8.ValidString(value):
		p.refuse(codeParameter, "%s has invalid characters", name)
	case length(value) > most:
		p.refuse(codeTooLong, "%s is longer than %d", name, most)
	}
	return value, given
}
