package rcuser

import (
	"context"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/google/go-querystring/query"
)

// endpoint is what the shared code must know about one of RC's endpoints. Each stands beside its method.
type endpoint struct {
	path        string
	rate        int  // that RC accepts a second: of calls or, with maxUnits, of ids
	maxUnits    int  // ids that a call can count as; 0: RC counts calls
	secret      bool // its answer holds a token: no part of it may be kept
	notRepeated bool // repeating it after it may have been applied is not known to be harmless
}

// call makes one API call: it encodes the wire struct form, sends it, again where that is right, and converts the
// answer, a wire struct too. What can't be converted is a broken answer. Every failure is an *Error, or an
// *ArgumentError for what comes with ctx.
func call[A, T any, P enveloped[A]](ctx context.Context, s *service, ep endpoint, form any, convert func(A) (T, error)) (T, error) {
	var none T
	values, err := query.Values(form)
	if err != nil {
		return none, &ArgumentError{"form", err.Error()} // impossible with our own wire structs
	}
	units := 1
	if counted, ok := form.(interface{ units() int }); ok {
		units = counted.units()
	}
	result := &typedResult[A, T, P]{convert: convert}
	if err := s.do(ctx, ep, values, units, result); err != nil {
		return none, err
	}
	return result.value, nil
}

// callVoid is call for the endpoints that answer with nothing but success.
func callVoid(ctx context.Context, s *service, ep endpoint, form any) error {
	_, err := call(ctx, s, ep, form, func(voidAnswer) (struct{}, error) { return struct{}{}, nil })
	return err
}

const otherRate = 100 // calls a second of the endpoints that have no method, says RC of nearly all

// Call posts a form to any other of RC's form endpoints, through the same signing, retries and errors as every other
// call. The whole body of the answer is decoded into result, as by encoding/json; a nil result discards it.
//
// The path begins with one slash and has no query: "/user/tags/get.json". As nothing is known about the endpoint,
// an attempt is repeated only if nothing was sent or RC answered [ErrRateLimited]: an *Error whose Outcome is
// [Unknown] may have been applied.
//
// Source: https://docs.rongcloud.io/platform-chat-api/api-list.
func (c *Client) Call(ctx context.Context, path string, form url.Values, result any) error {
	if err := checkPath(path); err != nil {
		return err
	}
	if v := reflect.ValueOf(result); result != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		return &ArgumentError{"result", "is not a pointer to what the answer is decoded into"}
	}
	var s *service
	if c != nil {
		s = (*service)(c.Users)
	}
	ep := endpoint{path: path, rate: otherRate, secret: path == registerUser.path, notRepeated: true}
	return s.do(ctx, ep, form, 1, &rawResult{target: result})
}

func checkPath(path string) error {
	switch {
	case !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//"):
		return &ArgumentError{"path", "doesn't begin with one slash, as /user/block.json does"}
	case strings.ContainsAny(path, "?#"):
		return &ArgumentError{"path", "holds ? or #; parameters belong into the form"}
	case (&url.URL{Path: path}).EscapedPath() != path:
		return &ArgumentError{"path", "holds a character that would have to be escaped"}
	}
	return nil
}

// do is what every call goes through once its form is known.
func (s *service) do(ctx context.Context, ep endpoint, form url.Values, units int, result result) error {
	if s == nil || s.client == nil {
		return &ArgumentError{"Client", "was not made by NewClient"}
	}
	if ctx == nil {
		return &ArgumentError{"ctx", "is nil"}
	}
	requestID, err := requestID(ctx)
	if err != nil {
		return err
	}
	r := &repeater{
		client:    s.client,
		endpoint:  ep,
		units:     units,
		body:      encode(form),
		requestID: requestID,
		result:    result,
	}
	return r.run(ctx)
}

// encode is form.Encode without its growing buffers: half of a call's allocations were theirs.
func encode(form url.Values) []byte {
	var names [8]string
	keys := names[:0]
	size := 0
	for key, values := range form {
		keys = append(keys, key)
		for _, value := range values {
			size += len(key) + len(value) + len("=&")
		}
	}
	slices.Sort(keys)
	body := make([]byte, 0, size+size/4) // a little of it will need escaping
	for _, key := range keys {
		for _, value := range form[key] {
			if len(body) > 0 {
				body = append(body, '&')
			}
			body = append(append(body, url.QueryEscape(key)...), '=')
			body = append(body, url.QueryEscape(value)...)
		}
	}
	return body
}

type requestIDKey struct{}

const maxRequestID = 36 // characters, says RC

// WithRequestID returns a context whose calls carry id as X-Request-ID, by which RC's support finds a request. It
// is at most 36 printable ASCII characters without spaces, otherwise the call returns an [*ArgumentError]. Without
// it, or with an empty id, every call gets one of its own. All attempts of a call carry the same.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

func requestID(ctx context.Context) (string, error) {
	id, _ := ctx.Value(requestIDKey{}).(string)
	switch {
	case id == "":
		return randomHex(16), nil
	case len(id) > maxRequestID:
		return "", argumentErrorf("request ID", "%d characters, at most %d are allowed", len(id), maxRequestID)
	case strings.Contains(id, " ") || !isHeaderText(id):
		return "", &ArgumentError{"request ID", "holds a space, a line break or a character outside ASCII"}
	}
	return id, nil
}
