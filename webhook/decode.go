package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Decode returns the events in the body of a request. RC's documentation contradicts itself about the Content-Type of
// some events, so Decode ignores it: a body that begins with a brace or a bracket is JSON, everything else is a form. A
// well-formed event of a kind that this package doesn't know becomes an [UnknownEvent]. Unknown fields are ignored.
//
// Errors: an [*Error] with [ErrBody] if the body is malformed, has more than 10,000 events, or a field of a known event is
// missing or invalid; its Name is that field. No event is returned then, even if others in the list are valid.
func Decode(body []byte) ([]Event, error) {
	if !utf8.Valid(body) {
		return nil, &Error{Reason: ErrBody, Detail: "is not valid UTF-8"}
	}
	content := bytes.TrimLeft(body, " \t\r\n")
	if len(content) == 0 {
		return nil, &Error{Reason: ErrBody, Detail: "is empty"}
	}
	switch content[0] {
	case '{':
		return decodeObject(content)
	case '[':
		return decodeList(content)
	}
	return decodeForm(body)
}

func decodeObject(body []byte) ([]Event, error) {
	var o object
	if err := unmarshal(body, &o); err != nil {
		return nil, err
	}
	if o.isEnvelope() {
		return decodeEnvelope(o, body)
	}
	e, err := o.decode(body)
	if err != nil {
		return nil, err
	}
	return []Event{e}, nil
}

func decodeList(body []byte) ([]Event, error) {
	var list []json.RawMessage
	if err := unmarshal(body, &list); err != nil {
		return nil, err
	}
	if err := checkCount(len(list)); err != nil {
		return nil, err
	}
	events := make([]Event, 0, len(list))
	for _, raw := range list {
		var o object
		if err := unmarshal(raw, &o); err != nil {
			return nil, err
		}
		if o == nil { // null
			return nil, notAnEventError()
		}
		e, err := o.decode(raw)
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

func decodeForm(body []byte) ([]Event, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, &Error{Reason: ErrBody, Detail: "is neither JSON nor a form"}
	}
	o := make(object, len(form))
	var invalid error // ignored for an unknown event, whose fields may repeat or have any encoding
	for name, values := range form {
		switch {
		case len(values) > 1:
			invalid = fieldError(name, "is given more than once")
		case !utf8.ValidString(values[0]):
			invalid = fieldError(name, "is not valid UTF-8")
		}
		if o[name], err = json.Marshal(values[0]); err != nil {
			return nil, &Error{Reason: ErrBody, Name: name, Err: err}
		}
	}
	e, err := o.decode(body)
	if _, isUnknown := e.(UnknownEvent); !isUnknown && invalid != nil {
		err = invalid
	}
	if err != nil {
		return nil, err
	}
	return []Event{e}, nil
}

func unmarshal(raw []byte, into any) error {
	err := json.Unmarshal(raw, into)
	if _, isType := errors.AsType[*json.UnmarshalTypeError](err); isType {
		return notAnEventError()
	}
	if err != nil {
		return &Error{Reason: ErrBody, Err: err}
	}
	return nil
}

func notAnEventError() error {
	return &Error{Reason: ErrBody, Detail: "contains something other than an event"}
}

const maxEvents = 10_000 // far more than RC sends; a decoded event can take a hundred times the memory of its JSON

func checkCount(n int) error {
	if n > maxEvents {
		return &Error{Reason: ErrBody, Detail: fmt.Sprintf("has %d events, at most %d are allowed", n, maxEvents)}
	}
	return nil
}

const maxFieldName = 64 // bytes in an error; the body isn't signed, so that a name may have any length

func fieldError(name, detail string) error {
	return &Error{Reason: ErrBody, Name: strings.ToValidUTF8(name[:min(len(name), maxFieldName)], ""), Detail: detail}
}

// object has an event's fields. A struct wouldn't do: encoding/json matches userid and userId alike, but these two tell
// RC's events apart.
type object map[string]json.RawMessage

// decode recognizes each kind of event by fields that no other kind has.
func (o object) decode(raw []byte) (Event, error) {
	r := fieldReader{fields: o}
	var e Event
	switch {
	case o.has("operateId"):
		e = r.deactivation("type")
	case o.has("userid") && o.has("status"):
		e = r.presence("userid")
	case o.has("eventType") && o.has("toUserId"):
		e = r.friendship("eventType", "source")
	case o.has("userProfile") || o.has("userExtProfile") || o.isClearedProfile():
		e = r.profile("userId", "type", "userExtProfile")
	default:
		return unknownEvent(raw), nil
	}
	return e, r.err
}

func unknownEvent(raw []byte) Event { return UnknownEvent{bytes.Clone(raw)} }

// has reports whether the field exists and isn't null.
func (o object) has(name string) bool {
	raw, ok := o[name]
	return ok && string(raw) != "null"
}

// isClearedProfile recognizes the only event without a field of its own, by its exact set of fields.
func (o object) isClearedProfile() bool {
	change, ok := looseString(o["type"])
	return len(o) == 3 && o.has("userId") && o.has("time") && ok && ProfileChange(change) == ProfileCleared
}

// looseString returns a JSON string, or a number in its JSON form: RC's documentation shows some fields as both.
func looseString(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 {
		return "", false
	}
	switch c := raw[0]; {
	case c == '"':
		var value string
		err := json.Unmarshal(raw, &value)
		return value, err == nil
	case c == '-' || c >= '0' && c <= '9':
		return string(raw), true
	}
	return "", false
}

// fieldReader reads the fields of one event and keeps the first error.
type fieldReader struct {
	fields      object
	defaultTime time.Time // for an event without a time; zero = the time is required
	err         error
}

func (r *fieldReader) fail(name, detail string) {
	if r.err == nil {
		r.err = fieldError(name, detail)
	}
}

func (r *fieldReader) optional(name string) string {
	if !r.fields.has(name) {
		return ""
	}
	value, ok := looseString(r.fields[name])
	if !ok {
		r.fail(name, "is neither a string nor a number")
	}
	return value
}

func (r *fieldReader) required(name string) string {
	value := r.optional(name)
	if value == "" {
		r.fail(name, "is missing or empty")
	}
	return value
}

const maxMillis = 1 << 48 // in the year 10889: later than any event, and time.Time's arithmetic is exact up to it

// timestamp reads the field time, in milliseconds.
func (r *fieldReader) timestamp() time.Time {
	if !r.fields.has("time") && !r.defaultTime.IsZero() {
		return r.defaultTime
	}
	value, err := strconv.ParseInt(r.required("time"), 10, 64)
	if err != nil || value <= 0 || value > maxMillis {
		r.fail("time", "is not a time in milliseconds")
		return time.Time{}
	}
	return time.UnixMilli(value).UTC()
}

// jsonObject reads a field that is a JSON object or a string with one.
func (r *fieldReader) jsonObject(name string) json.RawMessage {
	if !r.fields.has(name) {
		return nil
	}
	raw := r.fields[name]
	if value, ok := looseString(raw); ok {
		if raw = []byte(value); value == "" {
			return nil
		}
	}
	var o object
	if err := json.Unmarshal(raw, &o); err != nil || o == nil {
		r.fail(name, "is not an object")
		return nil
	}
	return raw
}

func (r *fieldReader) presence(userIDField string) Event {
	return PresenceEvent{
		UserID: r.required(userIDField), Status: Status(r.required("status")), OS: r.optional("os"), Time: r.timestamp(),
		ClientIP: r.optional("clientIp"), SessionID: r.optional("sessionId"),
	}
}

func (r *fieldReader) deactivation(typeField string) Event {
	return DeactivationEvent{
		UserID: r.required("userId"), OperationID: r.required("operateId"), Type: OperationType(r.required(typeField)),
		Code: r.required("code"), Time: r.timestamp(),
	}
}

func (r *fieldReader) profile(userIDField, changeField, extField string) Event {
	e := ProfileEvent{
		UserID: r.required(userIDField), Change: ProfileChange(r.optional(changeField)), Time: r.timestamp(),
		Profile: r.jsonObject("userProfile"), ExtProfile: r.jsonObject(extField),
	}
	if e.Change == "" {
		e.Change = ProfileModified
	}
	return e
}

func (r *fieldReader) friendship(changeField, sourceField string) Event {
	return FriendshipEvent{
		UserID: r.required("userId"), ToUserID: r.required("toUserId"), Change: FriendshipChange(r.required(changeField)),
		Source: r.optional(sourceField), Extra: r.optional("extra"), Time: r.timestamp(),
	}
}
