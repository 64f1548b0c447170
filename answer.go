package rcuser

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxAnswer      = 4 << 20 // bytes of a success that are read
	maxErrorAnswer = 1 << 20 // bytes of anything else that are read
	maxExcerpt     = 2 << 10 // bytes kept in Error.Body
)

// answer is what an attempt received.
type answer struct {
	status     int       // of HTTP; 0 if no answer came
	code       ErrorCode // RC's; 0 if it says success or gave none
	message    string
	valid      bool          // RC's JSON with the code of a success
	excerpt    []byte        // for Error.Body
	retryAfter time.Duration // 0 if the answer doesn't ask to wait
	problem    error         // why it can't be understood
}

type verdict int

const (
	succeeded verdict = iota
	refused           // the call was not applied
	undecided         // the call may have been applied or not
)

// verdict lets the HTTP status and the body's code decide together.
func (a *answer) verdict() verdict {
	switch {
	case a.status >= 500, a.code == ErrInternal, a.code == ErrTimeout:
		return undecided
	case a.code != 0, a.status >= 300:
		return refused
	case a.problem != nil:
		return undecided
	}
	return succeeded
}

// rateLimited reports whether RC asks to slow down.
func (a *answer) rateLimited() bool {
	return a.code == ErrRateLimited || a.status == http.StatusTooManyRequests
}

// result is where the answer of a call is decoded.
type result interface {
	// parse reads a body. The envelope has what could be read, even if there is an error.
	parse(d *dialect, body []byte) (*envelope, error)
	// accept converts what was parsed from a success, while the body is still there.
	accept() error
}

// typedResult parses a wire struct and converts it.
type typedResult[A, T any, P enveloped[A]] struct {
	answer  A
	convert func(A) (T, error)
	value   T
}

func (r *typedResult[A, T, P]) parse(d *dialect, body []byte) (*envelope, error) {
	var empty A // drops what an earlier attempt's answer may have left
	r.answer = empty
	err := d.decode(body, &r.answer)
	return P(&r.answer).common(), err
}

func (r *typedResult[A, T, P]) accept() (err error) {
	r.value, err = r.convert(r.answer)
	return err
}

// rawResult decodes the whole body into what the caller of [Client.Call] gave.
type rawResult struct {
	target any
	body   []byte
}

func (r *rawResult) parse(d *dialect, body []byte) (*envelope, error) {
	r.body = body
	e := new(envelope)
	return e, d.decode(body, e)
}

func (r *rawResult) accept() error {
	if r.target == nil {
		return nil
	}
	return json.Unmarshal(r.body, r.target)
}

// bodyBuffer is a buffer into which an answer is read, and which is reused.
type bodyBuffer struct {
	bytes   bytes.Buffer
	limited io.LimitedReader
}

var bodies = sync.Pool{New: func() any { return new(bodyBuffer) }}

const maxKeptBody = 64 << 10

// read reads as much of an answer as is allowed, and closes it. An error is a failure to read.
func (b *bodyBuffer) read(resp *http.Response) ([]byte, error) {
	limit := maxErrorAnswer
	if resp.StatusCode == http.StatusOK {
		limit = maxAnswer
	}
	tooLarge := func(n int64) bool { return n > int64(limit) && resp.StatusCode == http.StatusOK }
	if tooLarge(resp.ContentLength) { // its Content-Length says so
		_ = resp.Body.Close()
		return nil, errTooLarge
	}
	b.limited = io.LimitedReader{R: resp.Body, N: int64(limit) + 1}
	_, err := b.bytes.ReadFrom(&b.limited)
	_ = resp.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	if tooLarge(int64(b.bytes.Len())) {
		return nil, errTooLarge
	}
	return b.bytes.Bytes(), nil
}

var errTooLarge = fmt.Errorf("broken answer: larger than %d MiB", maxAnswer>>20)

func (b *bodyBuffer) release() {
	if b.bytes.Cap() <= maxKeptBody {
		b.bytes.Reset()
		b.limited.R = nil
		bodies.Put(b)
	}
}

// open reads the envelope and, of a success, the result.
func (a *answer) open(d *dialect, data []byte, contentType string, result result, secret bool) {
	e, err := result.parse(d, data)
	given := d.given(e.Code)
	success := d.succeeds(e.Code)
	switch {
	case !given && a.status >= 300 && a.status < 400:
		a.problem = errors.New("a redirect, which is refused; is the base URL right?")
	case len(bytes.TrimSpace(data)) == 0:
		a.problem = errors.New("broken answer: it is empty")
	case !given && err == nil:
		a.problem = errors.New("broken answer: it has no code")
	case !given && contentType != "" && !strings.Contains(contentType, "json"):
		a.problem = fmt.Errorf("broken answer: it is %s, not JSON", printable(truncate(contentType, 60)))
	case success && a.status != http.StatusOK:
		a.problem = fmt.Errorf("broken answer: code %d under HTTP %d", e.Code.value, a.status)
	case given && !success:
		a.code = ErrorCode(e.Code.value)
		a.message = truncate(string(cmp.Or(e.ErrorMessage, e.Msg)), maxMessage)
	default:
		a.valid = success
		if err == nil {
			err = result.accept()
		}
		if err != nil {
			a.problem = fmt.Errorf("broken answer: %w", err)
		}
	}
	if !given && !secret {
		a.excerpt = bytes.Clone(data[:min(len(data), maxExcerpt)])
	}
}

// assumeCode gives statuses that have one meaning the code that goes with it, where the body gave none. A proxy may have
// answered.
func (a *answer) assumeCode() {
	if a.code != 0 {
		return
	}
	switch a.status {
	case http.StatusTooManyRequests:
		a.code = ErrRateLimited
	case http.StatusUnauthorized:
		a.code = ErrSignature
	}
}

// retryAfter returns how long the header asks to wait, 0 if it doesn't. A date is compared with the answer's own Date, so
// that this machine's clock doesn't matter.
func retryAfter(header http.Header) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, maxRetryAfterSeconds)) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	from, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		from = time.Now()
	}
	return max(0, at.Sub(from))
}

const maxRetryAfterSeconds = 1 << 32 // longer than anybody waits, and safe from overflow
