package rcuser

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"
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

// missingField is the error for a success without a field that the method returns.
func missingField(name string) error { return fmt.Errorf("it has no field %s", name) }

// looseInt is an integer that some of RC's answers write as a string.
type looseInt struct {
	given bool
	value int
}

// UnmarshalJSON accepts 200 and "200", and takes null for a missing field.
func (n *looseInt) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	digits := bytes.TrimSuffix(bytes.TrimPrefix(data, []byte(`"`)), []byte(`"`))
	value, err := strconv.Atoi(string(digits))
	if err != nil {
		return errors.New("a field that should be an integer isn't")
	}
	*n = looseInt{given: true, value: value}
	return nil
}

// looseBool is a boolean that RC writes as 0 or 1, as a number or a string.
type looseBool struct{ given, value bool }

// UnmarshalJSON accepts 0, 1, "0" and "1", and takes null for a missing field.
func (b *looseBool) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var n looseInt
	if err := n.UnmarshalJSON(data); err != nil || n.value < 0 || n.value > 1 {
		return fmt.Errorf("a field is %s, neither 0 nor 1", truncate(string(data), 20))
	}
	*b = looseBool{given: true, value: n.value == 1}
	return nil
}

// looseString is a string, or "" if the answer has another type: an unreadable message must not hide the code.
type looseString string

// UnmarshalJSON never fails.
func (s *looseString) UnmarshalJSON(data []byte) error {
	var value string
	if json.Unmarshal(data, &value) == nil {
		*s = looseString(value)
	}
	return nil
}

// parseWallClock parses a time that RC writes without its zone.
func parseWallClock(field, value string, location *time.Location) (time.Time, error) {
	if value == "" {
		return time.Time{}, missingField(field)
	}
	t, err := time.ParseInLocation(time.DateTime, value, location)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", field, err)
	}
	return t, nil
}

// listedIDs returns the users of an answer. Iterators yield an empty id together with an error, so none is allowed.
func listedIDs(ids *[]string) ([]string, error) {
	switch {
	case ids == nil:
		return nil, missingField("users")
	case slices.Contains(*ids, ""):
		return nil, errors.New("one of its users has no id")
	}
	return *ids, nil
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
