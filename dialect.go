package rcuser

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"

	"github.com/google/go-querystring/query"
)

// dialect is how one generation of RC's API writes requests and answers. No other code depends on the generation.
type dialect struct {
	contentType string
	success     []int64                             // the codes of an answer that says success
	encode      func(form any) ([]byte, error)      // of a wire struct
	decode      func(body []byte, answer any) error // into a wire struct, wherever the body has the payload
}

// classic is the form generation: the payload of an answer stands beside its code.
var classic = dialect{
	contentType: "application/x-www-form-urlencoded",
	success:     []int64{classicSuccess, 10000}, // some endpoints answer 10000, as RC's own Go SDK knows
	encode:      encodeForm,
	decode:      decodeTop,
}

const classicSuccess = 200

// given reports whether an answer has a code. 0 is one only where it means success, and a number that doesn't fit an
// ErrorCode on every machine is none.
func (d *dialect) given(code looseInt) bool {
	fits := math.MinInt32 <= code.value && code.value <= math.MaxInt32
	return d.succeeds(code) || code.given && code.value != 0 && fits
}

// succeeds reports whether the code of an answer says success.
func (d *dialect) succeeds(code looseInt) bool {
	return code.given && slices.Contains(d.success, code.value)
}

// encodeBody encodes what a call sends, and returns its content type. The error is an *ArgumentError.
func (d *dialect) encodeBody(form any) (contentType string, body []byte, err error) {
	if j, ok := form.(jsonBody); ok {
		if body, err = json.Marshal(j.value); err != nil {
			return "", nil, &ArgumentError{"Request.JSON", err.Error()}
		}
		return jsonContentType, body, nil
	}
	if body, err = d.encode(form); err != nil {
		return "", nil, &ArgumentError{"form", err.Error()} // impossible with our own wire structs
	}
	return d.contentType, body, nil
}

// encodeForm encodes a wire struct, or the url.Values that a caller of [Client.Call] gave.
func encodeForm(form any) ([]byte, error) {
	values, ok := form.(url.Values)
	if !ok {
		var err error
		if values, err = query.Values(form); err != nil {
			return nil, err
		}
	}
	return encodeValues(values), nil
}

// encodeValues returns what values.Encode does. It escapes into a buffer on the stack, which saves half of a call's
// allocations.
func encodeValues(values url.Values) []byte {
	if len(values) == 0 {
		return nil
	}
	var names [8]string
	keys := names[:0]
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var buffer [512]byte
	body := buffer[:0]
	for _, key := range keys {
		for _, value := range values[key] {
			if len(body) > 0 {
				body = append(body, '&')
			}
			body = append(appendEscaped(body, key), '=')
			body = appendEscaped(body, value)
		}
	}
	return slices.Clone(body)
}

// appendEscaped appends text as url.QueryEscape writes it.
func appendEscaped(to []byte, text string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~':
			to = append(to, c)
		case c == ' ':
			to = append(to, '+')
		default:
			to = append(to, '%', digits[c>>4], digits[c&15])
		}
	}
	return to
}

// decodeTop decodes a body whose payload stands at the top. The shortest success, which most changes get, needs no JSON
// decoder.
func decodeTop(body []byte, answer any) error {
	if e, ok := answer.(interface{ common() *envelope }); ok && string(body) == `{"code":200}` {
		e.common().Code = looseInt{given: true, value: classicSuccess}
		return nil
	}
	err := json.Unmarshal(body, answer)
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok { // not of a field: those have loose types
		return fmt.Errorf("it is a JSON %s, not an object", mismatch.Value)
	}
	return err
}
