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

// Decode returns the events in the body of a request: one or, if RC sent a list, several. The documentation
// contradicts itself on the Content-Type of some events, so the body itself decides: JSON begins with a brace or a
// bracket, and everything else is a form. What is well-formed but none of the events that this package knows is an
// [UnknownEvent]; fields that it doesn't know are ignored.
//
// Errors: an [*Error] with [ErrBody], with the name of the field that is missing or wrong if it is one of those that
// the event can't do without. No event is returned then, also of a list. A list has at most 10,000 events.
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
			return nil, notAnEvent()
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
	var wrong error // of a field, which an event that isn't known may have as it likes
	for name, values := range form {
		switch {
		case len(values) > 1:
			wrong = fieldError(name, "is given more than once")
		case !utf8.ValidString(values[0]):
			wrong = fieldError(name, "is not valid UTF-8")
		}
		if o[name], err = json.Marshal(values[0]); err != nil {
			return nil, &Error{Reason: ErrBody, Name: name, Err: err}
		}
	}
	e, err := o.decode(body)
	if _, isUnknown := e.(UnknownEvent); !isUnknown && wrong != nil {
		err = wrong
	}
	if err != nil {
		return nil, err
	}
	return []Event{e}, nil
}

func unmarshal(raw []byte, into any) error {
	err := json.Unmarshal(raw, into)
	if _, isType := errors.AsType[*json.UnmarshalTypeError](err); isType {
		return notAnEvent()
	}
	if err != nil {
		return &Error{Reason: ErrBody, Err: err}
	}
	return nil
}

func notAnEvent() error {
	return &Error{Reason: ErrBody, Detail: "holds something other than an event"}
}

const maxEvents = 10_000 // far more than RC sends: small ones would take a hundred times the memory of their body

func checkCount(n int) error {
	if n > maxEvents {
		return &Error{Reason: ErrBody, Detail: fmt.Sprintf("has %d events, at most %d are allowed", n, maxEvents)}
	}
	return nil
}

const maxName = 64 // the sender's fields may have any name

func fieldError(name, detail string) error {
	return &Error{Reason: ErrBody, Name: strings.ToValidUTF8(name[:min(len(name), maxName)], ""), Detail: detail}
}

// object is an event's fields. encoding/json would take userid for userId; RC means different events by them.
type object map[string]json.RawMessage

// decode tells the events apart by the fields that only they have.
func (o object) decode(raw []byte) (Event, error) {
	r := reader{fields: o}
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
		return unknown(raw), nil
	}
	return e, r.err
}

func unknown(raw []byte) Event { return UnknownEvent{bytes.Clone(raw)} }

// has takes null for a field that isn't there.
func (o object) has(name string) bool {
	raw, ok := o[name]
	return ok && string(raw) != "null"
}

// isClearedProfile recognizes the one event that has no field of its own.
func (o object) isClearedProfile() bool {
	kind, isText := text(o["type"])
	return len(o) == 3 && o.has("userId") && o.has("time") && isText && ProfileChange(kind) == ProfileCleared
}

// text returns a string, or a number as it is written: RC's documentation gives some fields as either.
func text(raw json.RawMessage) (string, bool) {
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

// reader reads the fields of one event. After the first that is wrong it has an error.
type reader struct {
	fields object
	time   time.Time // of an event that has none; zero = it must have one
	err    error
}

func (r *reader) fail(name, detail string) {
	if r.err == nil {
		r.err = fieldError(name, detail)
	}
}

func (r *reader) optional(name string) string {
	if !r.fields.has(name) {
		return ""
	}
	value, ok := text(r.fields[name])
	if !ok {
		r.fail(name, "is neither a string nor a number")
	}
	return value
}

func (r *reader) required(name string) string {
	value := r.optional(name)
	if value == "" {
		r.fail(name, "is missing or empty")
	}
	return value
}

const maxMillis = 1 << 48 // some 8,900 years: no time of RC's, and time.Time's arithmetic is exact up to there

// instant reads milliseconds.
func (r *reader) instant() time.Time {
	if !r.fields.has("time") && !r.time.IsZero() {
		return r.time
	}
	value, err := strconv.ParseInt(r.required("time"), 10, 64)
	if err != nil || value <= 0 || value > maxMillis {
		r.fail("time", "is not a time in milliseconds")
		return time.Time{}
	}
	return time.UnixMilli(value).UTC()
}

// nested returns an object that is one, or that is the text of one.
func (r *reader) nested(name string) json.RawMessage {
	if !r.fields.has(name) {
		return nil
	}
	raw := r.fields[name]
	if value, isText := text(raw); isText {
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

func (r *reader) presence(userID string) Event {
	return PresenceEvent{
		UserID: r.required(userID), Status: Status(r.required("status")), OS: r.optional("os"), Time: r.instant(),
		ClientIP: r.optional("clientIp"), SessionID: r.optional("sessionId"),
	}
}

func (r *reader) deactivation(kind string) Event {
	return DeactivationEvent{
		UserID: r.required("userId"), OperationID: r.required("operateId"), Type: OperationType(r.required(kind)),
		Code: r.required("code"), Time: r.instant(),
	}
}

func (r *reader) profile(userID, change, ext string) Event {
	e := ProfileEvent{
		UserID: r.required(userID), Change: ProfileChange(r.optional(change)), Time: r.instant(),
		Profile: r.nested("userProfile"), ExtProfile: r.nested(ext),
	}
	if e.Change == "" {
		e.Change = ProfileModified
	}
	return e
}

func (r *reader) friendship(change, source string) Event {
	return FriendshipEvent{
		UserID: r.required("userId"), ToUserID: r.required("toUserId"), Change: FriendshipChange(r.required(change)),
		Source: r.optional(source), Extra: r.optional("extra"), Time: r.instant(),
	}
}
