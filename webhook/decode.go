package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Decode returns the events in the body of a request. RC's documentation contradicts itself about the Content-Type of
// some events, so Decode ignores it: a body that begins with a brace or a bracket is JSON, everything else must be a form.
// A byte order mark of UTF-8 before either is skipped. A well-formed event of a kind that this package doesn't know becomes
// an [UnknownEvent]. Unknown fields are ignored.
//
// If a field of a known event is missing or invalid, or an element of a list isn't an object, the event is unreadable. In
// a list with other, readable events it becomes an UnknownEvent whose Raw is its bytes, because refusing it would
// lose the others. A body without a readable event is refused: that loses nothing, as RC sends it again.
//
// A form of an unknown kind is accepted only if every pair has a name of 1 to 64 letters, digits and ".-_[]" and a value as
// forms encode it, and at least one value isn't empty. This is an assumption; it tells a form from other text.
//
// Errors: an [*Error] with [ErrBody] if the body is neither JSON nor a form, is malformed, isn't UTF-8, has more than 10,000
// events, or has only unreadable ones; its Name is the first invalid field. No event is returned then.
func Decode(body []byte) ([]Event, error) {
	d, err := decode(body)
	return d.events, err
}

// decoded is the content of a body.
type decoded struct {
	events     []Event
	unreadable int   // how many of the events are UnknownEvents because of an invalid field
	reason     error // why the first of these is unreadable
}

func decode(body []byte) (decoded, error) {
	if !utf8.Valid(body) {
		return decoded{}, &Error{Reason: ErrBody, Detail: "is not valid UTF-8"}
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	content := bytes.TrimLeft(body, " \t\r\n")
	if len(content) == 0 {
		return decoded{}, &Error{Reason: ErrBody, Detail: "is empty"}
	}
	if content[0] != '{' && content[0] != '[' {
		return decodeForm(body)
	}
	if !json.Valid(content) {
		var syntax json.RawMessage
		return decoded{}, &Error{Reason: ErrBody, Err: json.Unmarshal(content, &syntax)}
	}
	if content[0] == '[' {
		return decodeList(content, format{})
	}
	var fields [usualFields]field // on the stack
	o := parseObject(fields[:0], content)
	if o.isEnvelope() {
		return decodeEnvelope(o, content)
	}
	return decodeOne(o, content)
}

func decodeOne(o object, raw []byte) (decoded, error) {
	e, err := o.decode(raw, format{})
	if err != nil {
		return decoded{}, err
	}
	return decoded{events: []Event{e}}, nil
}

// decodeList decodes the elements of a valid JSON array. It returns an error if there are any and none of them is readable.
func decodeList(list []byte, f format) (decoded, error) {
	d := decoded{events: []Event{}}
	count := 0
	var fields [usualFields]field // on the stack
	for raw := range elements(list) {
		if count++; count > maxEvents {
			continue // only to count
		}
		e, err := decodeElement(fields[:0], raw, f)
		if err != nil {
			d.addUnreadable(raw, err)
			continue
		}
		d.events = append(d.events, e)
	}
	switch {
	case count > maxEvents:
		return decoded{}, &Error{Reason: ErrBody, Detail: fmt.Sprintf("has %d events, at most %d are allowed", count, maxEvents)}
	case count > 0 && d.unreadable == count:
		return decoded{}, d.reason
	}
	return d, nil
}

const (
	maxEvents   = 10_000 // far more than RC sends; a decoded event can take ten times the memory of its JSON
	usualFields = 12     // of an event; more are possible
)

func decodeElement(fields object, raw []byte, f format) (Event, error) {
	if raw[0] != '{' {
		return nil, &Error{Reason: ErrBody, Detail: "contains something other than an event"}
	}
	return parseObject(fields, raw).decode(raw, f)
}

func (d *decoded) addUnreadable(raw []byte, reason error) {
	if d.unreadable == 0 {
		d.reason = reason
	}
	d.unreadable++
	d.events = append(d.events, unknownEvent(raw))
}

func unknownEvent(raw []byte) Event { return UnknownEvent{bytes.Clone(raw)} }

const maxFieldName = 64 // bytes in an error; the body isn't signed, so that a name may have any length

func fieldError(name, detail string) error {
	return &Error{Reason: ErrBody, Name: strings.ToValidUTF8(name[:min(len(name), maxFieldName)], ""), Detail: detail}
}
