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
	"time"
	"unicode/utf8"
)

const (
	maxAnswer      = 4 << 20 // bytes of a success that are read
	maxErrorAnswer = 1 << 20 // bytes of anything else that are read
	maxExcerpt     = 2 << 10 // bytes kept in Error.Body
	maxMessage     = 1 << 10 // bytes kept in Error.Message
)

// answer is what came back to an attempt.
type answer struct {
	status     int
	code       ErrorCode // 0: success, or none given
	message    string
	body       []byte
	excerpt    []byte        // for Error.Body
	retryAfter time.Duration // 0: not asked for
	fault      error         // why it can't be understood
}

type verdict int

const (
	succeeded verdict = iota
	refused           // by RC, before it did anything
	undecided         // it may have been applied or not
)

// verdict lets the HTTP status and the body's code decide together.
func (a *answer) verdict() verdict {
	switch {
	case a.status >= 500, a.code == ErrInternal, a.code == ErrTimeout:
		return undecided
	case a.code != 0, a.status >= 300:
		return refused
	case a.fault != nil:
		return undecided
	}
	return succeeded
}

// rateLimited reports whether RC asks to slow down.
func (a *answer) rateLimited() bool {
	return a.code == ErrRateLimited || a.status == http.StatusTooManyRequests
}

// envelope is what all of RC's answers have in common. Its newer endpoints say msg where the others say errorMessage.
type envelope struct {
	Code         number `json:"code"`
	ErrorMessage text   `json:"errorMessage"`
	Msg          text   `json:"msg"`
}

const codeSuccess = 200

// readAnswer reads and closes the body, as much of it as is allowed. An error is a failure to read; the answer then
// has what is known without it.
func readAnswer(resp *http.Response, secret bool) (*answer, error) {
	a := &answer{status: resp.StatusCode, retryAfter: retryAfter(resp.Header)}
	limit := maxErrorAnswer
	if a.status == http.StatusOK {
		limit = maxAnswer
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(limit)+1))
	_ = resp.Body.Close()
	switch {
	case err != nil:
		err = fmt.Errorf("the answer broke off: %w", err)
	case len(body) > limit && a.status == http.StatusOK:
		a.fault = fmt.Errorf("broken answer: larger than %d MiB", limit>>20)
	default:
		a.open(body, secret)
	}
	a.assumeCode()
	return a, err
}

// open reads the envelope.
func (a *answer) open(body []byte, secret bool) {
	var e envelope
	err := json.Unmarshal(body, &e)
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		a.fault = errors.New("broken answer: it is empty")
	case err != nil:
		a.fault = brokenAnswer(err)
	case e.Code == 0:
		a.fault = errors.New("broken answer: it has no code")
	case e.Code == codeSuccess && a.status != http.StatusOK:
		a.fault = fmt.Errorf("broken answer: code %d under HTTP %d", codeSuccess, a.status)
	case e.Code == codeSuccess:
		a.body = body
	default:
		a.code = ErrorCode(e.Code)
		a.message = cut(strings.ToValidUTF8(string(cmp.Or(e.ErrorMessage, e.Msg)), "?"), maxMessage)
	}
	if notRC := err != nil || e.Code == 0; notRC && !secret {
		a.excerpt = bytes.Clone(body[:min(len(body), maxExcerpt)])
	}
}

// assumeCode gives the statuses that have one meaning their code, where the body didn't: a proxy may have answered.
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

func brokenAnswer(err error) error { return fmt.Errorf("broken answer: %w", err) }

// missingField is the error for a success that lacks what its method returns.
func missingField(name string) error { return fmt.Errorf("it has no field %s", name) }

// cut shortens text to at most n bytes without splitting a character.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// retryAfter returns how long the header asks to wait, 0 if it doesn't. A date counts from the answer's own Date, so
// that a clock that is off doesn't matter.
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

const maxRetryAfterSeconds = 1 << 32 // far beyond any use, and safe from overflow

// number is an integer that some of RC's answers give as a string.
type number int

func (n *number) UnmarshalJSON(data []byte) error {
	digits := bytes.TrimSuffix(bytes.TrimPrefix(data, []byte(`"`)), []byte(`"`))
	value, err := strconv.Atoi(string(digits))
	if err != nil {
		return errors.New("a field that should be an integer isn't")
	}
	*n = number(value)
	return nil
}

// text is a string, or "" where the answer has something else: a message that can't be read mustn't hide the code.
type text string

func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*t = text(s)
	}
	return nil
}
