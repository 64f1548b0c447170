package rcuser

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
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
	code       ErrorCode // RC's, or the one that HTTP 429 stands for; 0 if it says success or gave none
	message    string
	fromRC     bool          // RC's JSON: an object with a code
	incomplete bool          // its body couldn't be read to the end
	excerpt    []byte        // for Error.Body
	retryAfter time.Duration // 0 if the answer doesn't ask to wait
	problem    error         // why it is neither a success nor a refusal of RC's
}

type verdict int

const (
	succeeded verdict = iota
	refused           // the call was not applied
	undecided         // the call may have been applied or not
)

// verdict follows from the HTTP status and the body's code together.
func (a *answer) verdict() verdict {
	switch {
	case a.status >= 500, a.code == ErrInternal, a.code == ErrTimeout:
		return undecided
	case a.saysSuccess():
		if a.problem == nil {
			return succeeded
		}
		return undecided
	case isRedirect(a.status):
		return refused
	case a.incomplete, a.status == http.StatusRequestTimeout && !a.fromRC:
		return undecided
	case a.code != 0, a.status >= 300:
		return refused
	}
	return undecided
}

// saysSuccess reports whether it is RC's JSON with the code of a success. The HTTP status may say something else.
func (a *answer) saysSuccess() bool { return a.fromRC && a.code == 0 }

// foreign reports whether something between this machine and RC answered, which another host or attempt may avoid. A
// redirect is a mistake in the base URL, and HTTP 429 is the app's own.
func (a *answer) foreign() bool {
	return a.status != 0 && !a.fromRC && !isRedirect(a.status) && a.status != http.StatusTooManyRequests
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
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

// byteOrderMark is skipped before the JSON.
var byteOrderMark = []byte("\xef\xbb\xbf")

// decode decodes the envelope and, of a success, the result.
func (a *answer) decode(d *dialect, data []byte, header http.Header, result result, secret bool) {
	body := bytes.TrimPrefix(data, byteOrderMark)
	e, err := result.parse(d, body)
	a.fromRC = d.given(e.Code)
	success := d.succeeds(e.Code)
	switch {
	case !a.fromRC && isRedirect(a.status):
		a.problem = redirectError(header.Get("Location"))
	case !a.fromRC:
		a.problem = a.foreignError(body, header.Get("Content-Type"), err)
	case success && a.status != http.StatusOK:
		a.problem = brokenSuccess{fmt.Errorf("code %d under HTTP %d", e.Code.value, a.status)}
	case !success:
		a.code = ErrorCode(e.Code.value)
		a.message = truncate(string(cmp.Or(e.ErrorMessage, e.Msg)), maxMessage)
	default:
		if err == nil {
			err = result.accept()
		}
		if err != nil {
			a.problem = brokenSuccess{err}
		}
	}
	if !a.fromRC && !secret {
		a.excerpt = bytes.Clone(data[:min(len(data), maxExcerpt)])
	}
}

// brokenSuccess is the error for a success of RC's that can't be decoded. It concerns that call alone.
type brokenSuccess struct{ err error }

func (e brokenSuccess) Error() string { return "broken answer: " + e.err.Error() }
func (e brokenSuccess) Unwrap() error { return e.err }

// foreignError says what is wrong with an answer without RC's code. A success and a 5xx may be RC's own, cut off or empty,
// unless their type says otherwise.
func (a *answer) foreignError(body []byte, contentType string, err error) error {
	const foreign = "answered by a proxy or another server, not by RC"
	isJSON := contentType == "" || strings.Contains(contentType, "json")
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		err = errors.New("it is empty")
	case err == nil:
		err = errors.New("it has no code")
	case !isJSON && (!isHeaderText(contentType) || strings.TrimSpace(contentType) == ""):
		return errors.New(foreign + ": it is not JSON, and its Content-Type is unreadable")
	case !isJSON:
		return fmt.Errorf("%s: it is %s, not JSON", foreign, truncate(contentType, 60))
	}
	if a.status >= 500 || a.status >= 200 && a.status < 300 {
		return fmt.Errorf("broken answer: %w", err)
	}
	return fmt.Errorf("%s: %w", foreign, err)
}

// redirectError names the host that a redirect leads to, but not the path or the query, which may hold a secret.
func redirectError(location string) error {
	const refused = ", which is refused; is the base URL right?"
	target, err := url.Parse(location)
	switch {
	case err != nil || location == "":
		return errors.New("a redirect" + refused)
	case target.Host == "":
		return errors.New("a redirect to another path" + refused)
	}
	return errors.New("a redirect to " + printable(truncate(target.Host, 100)) + refused)
}

// assumeCode gives HTTP 429 without RC's JSON, which a proxy may have sent, the code of the same meaning.
func (a *answer) assumeCode() {
	if a.status == http.StatusTooManyRequests && !a.fromRC {
		a.code = ErrRateLimited
	}
}

// retryAfter returns how long the header asks to wait, 0 if it doesn't, and at most 2^32 s. A date is compared with the
// answer's own Date, so that this machine's clock doesn't matter.
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
	return min(max(0, at.Sub(from)), maxRetryAfterSeconds*time.Second)
}

const maxRetryAfterSeconds = 1 << 32 // longer than anybody waits, and safe from overflow
