package webhook

import (
	"bytes"
	"net/url"
	"unicode/utf8"
)

// decodeForm decodes a form, which has one event.
func decodeForm(body []byte) (decoded, error) {
	text := bytes.TrimRight(body, "\r\n") // a line's end after the form isn't a part of the last value
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return decoded{}, notAFormError()
	}
	o := make(object, 0, len(form))
	var invalid error // ignored for an unknown event, whose fields may repeat or have any encoding
	for name, values := range form {
		switch {
		case len(values) > 1:
			invalid = fieldError(name, "is given more than once")
		case !utf8.ValidString(values[0]):
			invalid = fieldError(name, "is not valid UTF-8")
		}
		o = append(o, field{[]byte(name), value{[]byte(values[0]), true}})
	}
	d, err := decodeOne(o, body)
	if err != nil {
		return decoded{}, err
	}
	if _, unknown := d.events[0].(UnknownEvent); unknown {
		if !looksLikeForm(text) {
			return decoded{}, notAFormError()
		}
		return d, nil
	}
	if invalid != nil {
		return decoded{}, invalid
	}
	return d, nil
}

func notAFormError() error { return &Error{Reason: ErrBody, Detail: "is neither JSON nor a form"} }

// looksLikeForm tells a form from other text, such as a page of HTML, base64 or JSON after a prefix: it has only pairs of a
// plausible name and an encoded value, and at least one value isn't empty. Forms of known kinds aren't held to it, because
// their fields identify them.
func looksLikeForm(text []byte) bool {
	hasValue := false
	for pair := range bytes.SplitSeq(text, []byte("&")) {
		if len(pair) == 0 {
			continue
		}
		name, value, found := bytes.Cut(pair, []byte("="))
		if !found || len(name) == 0 || len(name) > maxFieldName || bytes.ContainsFunc(name, notInFieldName) || bytes.ContainsFunc(value, notInFormValue) {
			return false
		}
		hasValue = hasValue || len(value) > 0
	}
	return hasValue
}

func notInFieldName(r rune) bool { return notInNonce(r) && r != '[' && r != ']' && r != '%' }

// notInFormValue reports characters that every encoder of forms escapes. Other ASCII punctuation and letters of any script
// are tolerated.
func notInFormValue(r rune) bool {
	switch r {
	case '=', '"', '<', '>', '\\', '^', '`', '{', '|', '}', 0x7f:
		return true
	}
	return r <= ' '
}
