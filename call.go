package rcuser

import (
	"cmp"
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
	endpoint    endpoint
	contentType string
	body        []byte
	id          string // X-Request-ID
	units       int    // that the call counts as for the rate limit
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
	if err := c.do(ctx); err != nil {
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

// Request is a call of an endpoint of RC that has no method, see [Client.Call].
type Request struct {
	// Path begins with one slash and has no query: "/message/private/publish.json".
	Path string

	// Form is sent as a form, JSON as what encoding/json makes of it. One of the two may be set, or none.
	Form url.Values
	JSON any

	// PerSecond is how many units RC accepts a second at this endpoint, and Units how many this call counts as: for most
	// endpoints a call is a unit, for some each id is. Zero means 100 and 1. All calls of an endpoint should give the same
	// PerSecond.
	PerSecond, Units int

	// Idempotent says that repeating the call does no harm, so that it is repeated as the methods are. Otherwise an
	// attempt is repeated only if the call was certainly not applied: nothing was sent, or the answer says so and is
	// worth another attempt, such as [ErrRateLimited].
	Idempotent bool

	// Secret says that the answer contains a token or the like. No part of it is then kept in an [*Error].
	Secret bool
}

const (
	defaultPerSecond = 100 // RC documents it for nearly all endpoints
	defaultUnits     = 1
)

// Call posts a request to an endpoint of RC that has no method, with the same signing, rate limit, retries and errors as
// other calls. The whole body of the answer is decoded into result by encoding/json; with a nil result it is discarded.
//
// If the Outcome of the [*Error] is [Unknown], the call may have been applied. An [*ArgumentError] names the field of r
// that is invalid, or says that JSON can't be encoded; nothing was sent then.
//
// Source: https://docs.rongcloud.io/platform-chat-api/api-list.
func (c *Client) Call(ctx context.Context, r Request, result any) error {
	if err := r.check(); err != nil {
		return err
	}
	if v := reflect.ValueOf(result); result != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		return &ArgumentError{"result", "is not a pointer to what the answer is decoded into"}
	}
	var s *service
	if c != nil {
		s = (*service)(c.Users)
	}
	request, err := s.prepare(ctx, r.endpoint(), r.body())
	if err != nil {
		return err
	}
	request.units = cmp.Or(r.Units, defaultUnits)
	call := &retrier{caller: s.client.caller, request: request, result: &rawResult{target: result}}
	return call.do(ctx)
}

func (r *Request) check() error {
	switch {
	case r.Form != nil && r.JSON != nil:
		return &ArgumentError{"Request.JSON", "is set together with Form"}
	case r.PerSecond < 0:
		return argumentErrorf("Request.PerSecond", "%d is negative", r.PerSecond)
	case r.Units < 0:
		return argumentErrorf("Request.Units", "%d is negative", r.Units)
	}
	return checkPath(r.Path)
}

func (r *Request) endpoint() endpoint {
	return endpoint{
		path:        r.Path,
		rate:        cmp.Or(r.PerSecond, defaultPerSecond),
		maxUnits:    r.Units,
		secret:      r.Secret || r.Path == registerUser.path,
		notRepeated: !r.Idempotent,
	}
}

// body returns what prepare encodes.
func (r *Request) body() any {
	if r.JSON != nil {
		return jsonBody{r.JSON}
	}
	return r.Form
}

// jsonBody is a value to be sent as JSON in either dialect.
type jsonBody struct{ value any }

const jsonContentType = "application/json"

func checkPath(path string) error {
	switch {
	case !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//"):
		return &ArgumentError{"Request.Path", "doesn't begin with one slash, as /user/block.json does"}
	case strings.ContainsAny(path, "?#"):
		return &ArgumentError{"Request.Path", "holds ? or #; parameters belong into the form"}
	case (&url.URL{Path: path}).EscapedPath() != path:
		return &ArgumentError{"Request.Path", "holds a character that would have to be escaped"}
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
	contentType, body, err := s.client.caller.sender.dialect.encodeBody(form)
	if err != nil {
		return request{}, err
	}
	units := 1
	if counted, ok := form.(interface{ units() int }); ok {
		units = counted.units()
	}
	return request{ep, contentType, body, requestID(ctx), units}, nil
}

type requestIDKey struct{}

const maxRequestID = 36 // characters, documented

// WithRequestID returns a context whose calls send id as X-Request-ID, by which RC's support can find a request. RC accepts
// at most 36 characters: of a longer id the last 36 are sent, because ids often begin alike. A character that isn't
// printable ASCII, or is a space, becomes an underscore. Without it, or with an empty id, every call gets an id of its own.
// All attempts of a call send the same id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, headerID(id))
}

// headerID returns an id as it can be sent.
func headerID(id string) string {
	runes := []rune(id)
	runes = runes[max(0, len(runes)-maxRequestID):]
	for i, r := range runes {
		if r <= ' ' || r > '~' {
			runes[i] = '_'
		}
	}
	return string(runes)
}

// newRequestID returns an id that need only be unique, not secret.
func newRequestID() string {
	var random [16]byte
	binary.BigEndian.PutUint64(random[:8], rand.Uint64()) //nolint:gosec // see above
	binary.BigEndian.PutUint64(random[8:], rand.Uint64()) //nolint:gosec // see above
	var digits [2 * len(random)]byte
	return string(hex.AppendEncode(digits[:0], random[:]))
}

func requestID(ctx context.Context) string {
	if id, _ := ctx.Value(requestIDKey{}).(string); id != "" {
		return id
	}
	return newRequestID()
}
