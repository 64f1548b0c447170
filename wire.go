package rcuser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// envelope is the part that all of RC's answers have in common; the wire structs of answers embed it.
type envelope struct {
	Code         looseInt    `json:"code"`
	ErrorMessage looseString `json:"errorMessage"`
	Msg          looseString `json:"msg"` // of newer endpoints, instead of errorMessage
}

func (e *envelope) common() *envelope { return e }

// enveloped is a pointer to a wire struct that embeds envelope.
type enveloped[A any] interface {
	*A
	common() *envelope
}

// voidAnswer is an answer that contains nothing but success.
type voidAnswer struct{ envelope }

// unreadableField is the error for a success without a value that the method needs.
func unreadableField(name string) error {
	return fmt.Errorf("its field %s is missing or can't be read", name)
}

// All fields of answers have one of the loose types below. Decoding them never fails, because encoding/json would stop
// there: an odd value must neither hide RC's code nor fail a call that doesn't need it. null counts as a missing field.

// looseInt is an integer that may be written as 200, 200.0, 2e2 or a string of these.
type looseInt struct {
	given bool // and readable
	value int64
}

// UnmarshalJSON never fails.
func (n *looseInt) UnmarshalJSON(data []byte) error {
	if isNull(data) {
		return nil
	}
	text, _ := scalar(data)
	value, ok := parseInteger(text)
	*n = looseInt{ok, value}
	return nil
}

// looseBool is a boolean that may be written as 0 or 1, as false or true, or as a string of these.
type looseBool struct {
	given bool // and readable
	value bool
}

// UnmarshalJSON never fails.
func (b *looseBool) UnmarshalJSON(data []byte) error {
	if isNull(data) {
		return nil
	}
	text, ok := scalar(data)
	if !ok {
		text = data
	}
	n, isInt := parseInteger(text)
	switch {
	case isInt && n == 0, bytes.EqualFold(text, []byte("false")):
		*b = looseBool{given: true}
	case isInt && n == 1, bytes.EqualFold(text, []byte("true")):
		*b = looseBool{given: true, value: true}
	default:
		*b = looseBool{}
	}
	return nil
}

// looseString is a string that may be written as a number, or "" if the answer has another type.
type looseString string

// UnmarshalJSON never fails.
func (s *looseString) UnmarshalJSON(data []byte) error {
	if isNull(data) {
		return nil
	}
	text, _ := scalar(data)
	*s = looseString(text)
	if data[0] == '"' || !bytes.ContainsAny(text, ".eE") {
		return nil
	}
	if n, ok := parseInteger(text); ok { // 12345678901 may be written as 1.2345678901E10
		*s = looseString(strconv.FormatInt(n, 10))
	}
	return nil
}

// looseCursor is the token of a list's next page, a string or a number.
type looseCursor struct {
	token      looseString // "" if there is none
	unreadable bool        // there is something else
}

// UnmarshalJSON never fails.
func (c *looseCursor) UnmarshalJSON(data []byte) error {
	if isNull(data) {
		return nil
	}
	_, ok := scalar(data)
	c.unreadable = !ok
	return c.token.UnmarshalJSON(data)
}

// looseList is a list of loose values or of structs of them. An entry of another type is its zero value.
type looseList[T any] struct {
	entries    []T
	unreadable bool // it is something else, and not empty
}

// UnmarshalJSON never fails. Some writers of JSON make {} or "" of an empty list.
func (l *looseList[T]) UnmarshalJSON(data []byte) error {
	if isNull(data) {
		return nil
	}
	*l = looseList[T]{}
	switch data[0] {
	case '[':
		_ = json.Unmarshal(data, &l.entries) // fails at most for entries of another type
	case '{', '"':
		l.unreadable = len(bytes.TrimSpace(data[1:len(data)-1])) > 0
	default:
		l.unreadable = true
	}
	return nil
}

// read returns the entries of the field with this name.
func (l looseList[T]) read(name string) ([]T, error) {
	if l.unreadable {
		return nil, fmt.Errorf("its field %s isn't a list", name)
	}
	return l.entries, nil
}

func isNull(data []byte) bool { return string(data) == "null" }

// scalar returns the text of a JSON string or number. ok is false for another value.
func scalar(data []byte) (text []byte, ok bool) {
	switch c := data[0]; {
	case c == '-' || '0' <= c && c <= '9':
		return data, true
	case c != '"':
		return nil, false
	}
	text = data[1 : len(data)-1]
	if bytes.IndexByte(text, '\\') < 0 && utf8.Valid(text) {
		return text, true
	}
	var value string
	_ = json.Unmarshal(data, &value) // it is a string, so it can't fail
	return []byte(value), true
}

const maxExactFloat = 1 << 53 // up to here a float64 holds every integer

// parseInteger accepts 200, and 200.0 and 2e2 if a float64 holds them exactly.
func parseInteger(text []byte) (int64, bool) {
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return n, true
	}
	if len(bytes.Trim(text, "+-.0123456789eE")) > 0 { // ParseFloat also accepts 0x10p1 and inf
		return 0, false
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > maxExactFloat {
		return 0, false
	}
	return int64(f), true
}

// timeLayouts are tried in this order. Parse also accepts fractions of a second in them.
var timeLayouts = []string{
	"2006-1-2 15:4:5", // as documented; an answer of 2016 had "2016-06-13 18:9:4"
	time.RFC3339,
	"2006-1-2T15:4:5",
}

const firstMillis = 100_000_000_000 // smaller numbers are seconds: as milliseconds they would be times before 1974

// parseTime parses a time that RC documents without its zone, which location is. A number counts the milliseconds, or
// seconds, since 1970. It returns the zero time for anything else.
func parseTime(value looseString, location *time.Location) time.Time {
	text := strings.TrimSpace(string(value))
	for _, layout := range timeLayouts {
		if t, err := time.ParseInLocation(layout, text, location); err == nil {
			return t.In(location)
		}
	}
	n, ok := parseInteger([]byte(text))
	if ok && n > 0 && n < firstMillis {
		n *= 1000
	}
	if t := time.UnixMilli(n).In(location); ok && n > 0 && t.Year() <= 9999 {
		return t
	}
	return time.Time{}
}

// listedIDs returns the users of an answer. An entry without an id is "".
func listedIDs(users looseList[looseString]) ([]string, error) {
	entries, err := users.read("users")
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(entries))
	for i, entry := range entries {
		ids[i] = string(entry)
	}
	return ids, nil
}

// idList is sent as one form value per id, all under the same key. It encodes itself because go-querystring would
// allocate three times an id.
type idList []string

// EncodeValues implements go-querystring's Encoder.
func (ids idList) EncodeValues(key string, form *url.Values) error {
	(*form)[key] = ids
	return nil
}

// formString is a string that encodes itself, because go-querystring would format it with fmt.Sprint.
type formString string

// EncodeValues implements go-querystring's Encoder.
func (s formString) EncodeValues(key string, form *url.Values) error {
	(*form)[key] = []string{string(s)}
	return nil
}

// userForm is the form of the endpoints that take one user and nothing else.
type userForm struct {
	UserID formString `url:"userId"`
}

// userIDsForm is the form of the endpoints that take several users and nothing else.
type userIDsForm struct {
	UserIDs idList `url:"userId"`
}
