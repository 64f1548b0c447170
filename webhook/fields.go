package webhook

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// value is the value of a field: JSON, or the text of a form. The zero value is a field that is missing.
type value struct {
	raw    []byte
	isText bool // of a form
}

// exists reports whether there is a value, other than null.
func (v value) exists() bool { return v.isText || len(v.raw) > 0 && string(v.raw) != "null" }

// looseString returns a text, a JSON string, or a number in its JSON form: RC's documentation shows some fields as both.
func (v value) looseString() (string, bool) {
	switch {
	case v.isText:
		return string(v.raw), true
	case len(v.raw) == 0:
		return "", false
	}
	switch c := v.raw[0]; {
	case c == '"':
		return unquote(v.raw), true
	case c == '-' || c >= '0' && c <= '9':
		return string(v.raw), true
	}
	return "", false
}

// fieldReader reads the fields of one event and keeps the first error. What it returns doesn't refer to the body. Its err is
// a pointer and its time a number so that the compiler keeps the fields on the stack.
type fieldReader struct {
	fields object
	sentAt int64 // milliseconds, for an event without a time; 0 = the time is required
	err    *error
}

func (r *fieldReader) fail(name, detail string) {
	if *r.err == nil {
		*r.err = fieldError(name, detail)
	}
}

func (r *fieldReader) optional(name string) string {
	v := r.fields.get(name)
	if !v.exists() {
		return ""
	}
	text, ok := v.looseString()
	if !ok {
		r.fail(name, "is neither a string nor a number")
	}
	return text
}

func (r *fieldReader) required(name string) string {
	text := r.optional(name)
	if text == "" {
		r.fail(name, "is missing or empty")
	}
	return text
}

const maxMillis = 1 << 48 // in the year 10889: later than any event, and time.Time's arithmetic is exact up to it

// timestamp reads the field time.
func (r *fieldReader) timestamp() time.Time {
	if millis := r.millis(); millis != 0 {
		return time.UnixMilli(millis).UTC()
	}
	return time.Time{}
}

// millis reads the field time. It returns 0 if it is invalid.
func (r *fieldReader) millis() int64 {
	if !r.fields.has("time") && r.sentAt != 0 {
		return r.sentAt
	}
	millis, err := strconv.ParseInt(r.required("time"), 10, 64)
	if err != nil || millis <= 0 || millis > maxMillis {
		r.fail("time", "is not a time in milliseconds")
		return 0
	}
	return millis
}

// jsonObject reads a field that is a JSON object or a string with one.
func (r *fieldReader) jsonObject(name string) json.RawMessage {
	v := r.fields.get(name)
	if !v.exists() {
		return nil
	}
	raw := bytes.Clone(v.raw)
	if text, ok := v.looseString(); ok {
		if raw = []byte(text); text == "" {
			return nil
		}
	}
	if content := bytes.TrimLeft(raw, " \t\r\n"); len(content) == 0 || content[0] != '{' || !json.Valid(raw) {
		r.fail(name, "is not an object")
		return nil
	}
	return raw
}
