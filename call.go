package rcuser

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/f0207b22/rcuser/internal/budget"
	"github.com/f0207b22/rcuser/internal/failover"
)

// endpoint is what a call needs to know about one of RC's endpoints. Each is declared beside its method.
type endpoint struct {
	path        string
	rate        int  // calls a second that RC accepts or, with maxUnits, ids
	maxUnits    int  // ids that a call can count as; 0: RC counts calls
	secret      bool // its answer contains a token, so no part of it may be kept
	notRepeated bool // repeating it after it may have been applied is not known to be harmless
}

// request is what all attempts of a call send. It doesn't change.
type request struct {
	endpoint endpoint
	body     []byte
	id       string // X-Request-ID
	units    int    // that the call counts as for the rate limit
}

// caller makes calls. All calls of a client share one.
type caller struct {
	sender   *sender
	hosts    *failover.Hosts
	budget   *budget.Budget
	retry    RetryPolicy
	limiter  Limiter
	observer observer
	location *time.Location // of the times in RC's answers
}

// call makes one API call: it encodes the wire struct form, sends it, repeats it as [RetryPolicy] says, and converts the
// answer, which is decoded into the wire struct A. If convert fails, the answer counts as broken. Every failure is an
// *Error, or an *ArgumentError if the client or ctx is invalid.
func call[A, T any, P enveloped[A]](ctx context.Context, s *service, ep endpoint, form any, convert func(A) (T, error)) (T, error) {
	var none T
	request, err := s.prepare(ctx, ep, form)
	if err != nil {
		return none, err
	}
	c := &typedCall[A, T, P]{retrier{caller: s.client.caller, request: request}, typedResult[A, T, P]{convert: convert}}
	c.retrier.result = &c.result
	if err := c.run(ctx); err != nil {
		return none, err
	}
	return c.result.value, nil
}

// typedCall is the state of a call and its result in one allocation.
type typedCall[A, T any, P enveloped[A]] struct {
	retrier
	result typedResult[A, T, P]
}

// callVoid is call for the endpoints that answer with nothing but success.
func callVoid(ctx context.Context, s *service, ep endpoint, form any) error {
	_, err := call(ctx, s, ep, form, func(voidAnswer) (struct{}, error) { return struct{}{}, nil })
	return err
}

const otherRate = 100 // calls a second of the endpoints without a method; RC documents it for nearly all of them

// Call posts a form to an endpoint of RC that has no method, with the same signing, retries and errors as other calls.
// The whole body of the answer is decoded into result by encoding/json; with a nil result it is discarded.
//
// The path begins with one slash and has no query: "/user/tags/get.json". Whether the endpoint is safe to repeat is not
// known, so an attempt is repeated only if nothing was sent or RC answered [ErrRateLimited]. If the Outcome of the *Error
// is [Unknown], the call may have been applied.
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
	request, err := s.prepare(ctx, ep, form)
	if err != nil {
		return err
	}
	r := &retrier{caller: s.client.caller, request: request, result: &rawResult{target: result}}
	return r.run(ctx)
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

// prepare returns the request of a call. Every call goes through it.
func (s *service) prepare(ctx context.Context, ep endpoint, form any) (request, error) {
	if s == nil || s.client == nil {
		return request{}, &ArgumentError{"Client", "was not made by NewClient"}
	}
	if ctx == nil {
		return request{}, &ArgumentError{"ctx", "is nil"}
	}
	id, err := requestID(ctx)
	if err != nil {
		return request{}, err
	}
	body, err := s.client.caller.sender.dialect.encode(form)
	if err != nil {
		return request{}, &ArgumentError{"form", err.Error()} // impossible with our own wire structs
	}
	units := 1
	if counted, ok := form.(interface{ units() int }); ok {
		units = counted.units()
	}
	return request{ep, body, id, units}, nil
}

type requestIDKey struct{}

const maxRequestID = 36 // characters, documented

// WithRequestID returns a context whose calls send id as X-Request-ID, by which RC's support can find a request. It is at
// most 36 printable ASCII characters without spaces; otherwise the call returns an [*ArgumentError]. Without it, or with
// an empty id, every call gets an id of its own. All attempts of a call send the same id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// newRequestID returns an id that need only be unique, not secret.
func newRequestID() string {
	var random [16]byte
	binary.BigEndian.PutUint64(random[:8], rand.Uint64()) //nolint:gosec // see above
	binary.BigEndian.PutUint64(random[8:], rand.Uint64()) //nolint:gosec // see above
	var digits [2 * len(random)]byte
	return string(hex.AppendEncode(digits[:0], random[:]))
}

func requestID(ctx context.Context) (string, error) {
	id, _ := ctx.Value(requestIDKey{}).(string)
	switch {
	case id == "":
		return newRequestID(), nil
	case len(id) > maxRequestID:
		return "", argumentErrorf("request ID", "%d characters, at most %d are allowed", len(id), maxRequestID)
	case strings.Contains(id, " ") || !isHeaderText(id):
		return "", &ArgumentError{"request ID", "holds a space, a line break or a character outside ASCII"}
	}
	return id, nil
}
