package rcuser_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

func TestErrorTexts(t *testing.T) {
	t.Parallel()
	cause := errors.New("broken pipe")
	for want, err := range map[string]error{
		"rcuser: POST /user/block.json: 1002 userId is required (HTTP 400, request abc, 1 attempt)": &rcuser.Error{
			Endpoint: "/user/block.json", StatusCode: 400, Code: 1002, Message: "userId is required", RequestID: "abc", Attempts: 1,
		},
		"rcuser: POST /x.json: 1008 rate limit exceeded (HTTP 429, request abc, retry after 21s, 3 attempts)": &rcuser.Error{
			Endpoint: "/x.json", StatusCode: 429, Code: rcuser.ErrRateLimited, RequestID: "abc", Attempts: 3, RetryAfter: 21 * time.Second,
		},
		"rcuser: POST /x.json: 1000 oops: broken pipe (HTTP 500, 2 attempts)": &rcuser.Error{
			Endpoint: "/x.json", StatusCode: 500, Code: 1000, Message: "oops", Attempts: 2, Err: cause,
		},
		"rcuser: POST /x.json: 4711 unknown code (1 attempt)":     &rcuser.Error{Endpoint: "/x.json", Code: 4711, Attempts: 1},
		"rcuser: POST /x.json: no (HTTP 404, 1 attempt)":          &rcuser.Error{Endpoint: "/x.json", StatusCode: 404, Message: "no", Attempts: 1},
		"rcuser: POST /x.json: Bad Gateway (HTTP 502, 1 attempt)": &rcuser.Error{Endpoint: "/x.json", StatusCode: 502, Attempts: 1},
		"rcuser: POST /x.json: failed (HTTP 799, 0 attempts)":     &rcuser.Error{Endpoint: "/x.json", StatusCode: 799},
		"rcuser: POST /x.json: failed (2 attempts)":               &rcuser.Error{Endpoint: "/x.json", Attempts: 2, Err: errors.New("")},
		"rcuser: POST /x.json: broken pipe (0 attempts)":          &rcuser.Error{Endpoint: "/x.json", Err: cause},
		"rcuser: POST : failed (0 attempts)":                      &rcuser.Error{},
		"rcuser: userIDs: 21 ids, at most 20 are allowed":         &rcuser.ArgumentError{Name: "userIDs", Reason: "21 ids, at most 20 are allowed"},
		"rcuser: : ": &rcuser.ArgumentError{},
	} {
		require.EqualError(t, err, want)
	}
}

// TestZeroError covers an Error without fields, as a test of the SDK's user may build.
func TestZeroError(t *testing.T) {
	t.Parallel()
	err := &rcuser.Error{}
	require.Empty(t, err.Unwrap())
	require.True(t, err.Retryable(), "no answer came")
	require.Equal(t, rcuser.Unknown, err.Outcome)
	require.NotErrorIs(t, err, rcuser.ErrInternal)
	require.NotErrorIs(t, err, io.EOF)
	require.Equal(t, "rcuser: POST : failed (0 attempts)", fmt.Sprint(err))
}

// TestErrorUnwrapsToCodeAndCause covers the error alone, wrapped and joined.
func TestErrorUnwrapsToCodeAndCause(t *testing.T) {
	t.Parallel()
	op := &net.OpError{Op: "read", Err: io.ErrUnexpectedEOF}
	alone := &rcuser.Error{
		StatusCode: 503, Code: rcuser.ErrInternal, Attempts: 2,
		Err: fmt.Errorf("%w: %w", context.DeadlineExceeded, op),
	}
	for _, err := range []error{alone, fmt.Errorf("ban: %w", alone), errors.Join(errors.New("x"), fmt.Errorf("y: %w", alone))} {
		require.ErrorIs(t, err, rcuser.ErrInternal)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.NotErrorIs(t, err, rcuser.ErrTimeout)
		require.NotErrorIs(t, err, context.Canceled)
		var rcErr *rcuser.Error
		require.ErrorAs(t, err, &rcErr)
		require.Same(t, alone, rcErr)
		var code rcuser.ErrorCode
		require.ErrorAs(t, err, &code)
		require.Equal(t, rcuser.ErrInternal, code)
		var opErr *net.OpError
		require.ErrorAs(t, err, &opErr)
		require.Same(t, op, opErr)
	}
	require.ErrorIs(t, &rcuser.Error{Code: 4711}, rcuser.ErrorCode(4711), "unknown codes match")
	var code rcuser.ErrorCode
	require.False(t, errors.As(&rcuser.Error{Err: io.EOF}, &code), "code 0 doesn't match")
}

func TestNoVerbPrintsBody(t *testing.T) {
	t.Parallel()
	const want = "rcuser: POST /x.json: Bad Gateway (HTTP 502, 1 attempt)"
	err := &rcuser.Error{Endpoint: "/x.json", StatusCode: 502, Attempts: 1, Body: []byte("bOdY")}
	for _, verb := range []string{"%v", "%+v", "%s", "%#v", "%q", "%d", "%x", "%X", "% x"} {
		for _, v := range []any{err, fmt.Errorf("%w", err), []any{err}, map[string]any{"k": err}, struct{ E error }{err}} {
			printed := fmt.Sprintf(verb, v)
			require.NotContains(t, printed, "bOdY", verb)
			require.NotContains(t, printed, "624f6459", verb)
			require.NotContains(t, printed, "98 79 100 89", verb)
		}
	}
	require.Equal(t, want, fmt.Sprintf("%v", err))
	require.Equal(t, want, fmt.Sprintf("%+v", err))
	require.Equal(t, `"`+want+`"`, fmt.Sprintf("%q", err))
	require.Equal(t, "  "+want, fmt.Sprintf("%57s", err), "widths work")
}

func TestMessageStaysOnItsLine(t *testing.T) {
	t.Parallel()
	err := &rcuser.Error{
		Endpoint: "/x.json", Code: 1002, Message: "bad\r\nlevel=INFO\tfake\u2028\x1b[31m 用户 😀", Attempts: 1,
	}
	require.EqualError(t, err, "rcuser: POST /x.json: 1002 bad  level=INFO fake  [31m 用户 😀 (1 attempt)")
	err.Code = 0
	require.EqualError(t, err, "rcuser: POST /x.json: bad  level=INFO fake  [31m 用户 😀 (1 attempt)")
}

func TestRetryable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  rcuser.Error
		want bool
	}{
		{rcuser.Error{Code: rcuser.ErrInternal, StatusCode: 500}, true},
		{rcuser.Error{Code: rcuser.ErrRateLimited, StatusCode: 429}, true},
		{rcuser.Error{Code: rcuser.ErrTimeout, StatusCode: 504}, true},
		{rcuser.Error{Code: rcuser.ErrInternal, StatusCode: 200}, true},
		{rcuser.Error{Code: rcuser.ErrTimeout}, true},
		{rcuser.Error{Code: rcuser.ErrRateLimited, StatusCode: 400}, true},
		{rcuser.Error{StatusCode: 429}, true},
		{rcuser.Error{StatusCode: 500}, true},
		{rcuser.Error{StatusCode: 503}, true},
		{rcuser.Error{Code: 4711, StatusCode: 502}, true},
		{rcuser.Error{Err: io.EOF}, true},
		{rcuser.Error{StatusCode: 200, Err: io.EOF}, true},
		{rcuser.Error{Code: rcuser.ErrParameter, StatusCode: 400}, false},
		{rcuser.Error{Code: rcuser.ErrParameter, StatusCode: 200}, false},
		{rcuser.Error{Code: rcuser.ErrAppSecret, StatusCode: 401}, false},
		{rcuser.Error{Code: rcuser.ErrSignature, StatusCode: 401}, false},
		{rcuser.Error{Code: rcuser.ErrNotEnabled, StatusCode: 430}, false},
		{rcuser.Error{Code: rcuser.ErrUserLimit, StatusCode: 403}, false},
		{rcuser.Error{Code: 4711, StatusCode: 200}, false},
		{rcuser.Error{StatusCode: 408}, true},
		{rcuser.Error{StatusCode: 421}, true},
		{rcuser.Error{StatusCode: 425}, true},
		{rcuser.Error{Code: rcuser.ErrParameter, StatusCode: 408}, false},
		{rcuser.Error{Err: context.DeadlineExceeded}, true},
		{rcuser.Error{Err: context.Canceled}, false},
		{rcuser.Error{Err: fmt.Errorf("%w: %w", context.DeadlineExceeded, context.Canceled)}, false},
		{rcuser.Error{StatusCode: 503, Code: rcuser.ErrInternal, Err: fmt.Errorf("stopped: %w", context.Canceled)}, false},
		{rcuser.Error{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h"}}, false},
		{rcuser.Error{StatusCode: 503, Err: x509.UnknownAuthorityError{}}, true}, // of the other host
		{rcuser.Error{StatusCode: 302}, false},
		{rcuser.Error{StatusCode: 404}, false},
		{rcuser.Error{StatusCode: 499}, false},
	} {
		require.Equal(t, tc.want, tc.err.Retryable(), "%d %d", tc.err.StatusCode, int(tc.err.Code))
	}
}

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	for code, want := range map[rcuser.ErrorCode]string{
		rcuser.ErrInternal:    "1000 internal error",
		rcuser.ErrAppSecret:   "1001 wrong app secret",
		rcuser.ErrParameter:   "1002 wrong or missing parameter",
		rcuser.ErrNoData:      "1003 no form data",
		rcuser.ErrSignature:   "1004 signature doesn't verify",
		rcuser.ErrTooLong:     "1005 parameter too long",
		rcuser.ErrAppLocked:   "1006 app locked or deleted",
		rcuser.ErrForbidden:   "1007 call not permitted",
		rcuser.ErrRateLimited: "1008 rate limit exceeded",
		rcuser.ErrNotEnabled:  "1009 service not enabled",
		rcuser.ErrTimeout:     "1050 timeout inside RC",
		rcuser.ErrUserLimit:   "2007 limit of registered users reached",
		23410:                 "23410 unknown code",
		-1:                    "-1 unknown code",
	} {
		require.EqualError(t, code, want)
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	require.Equal(t, rcuser.Outcome(0), rcuser.Unknown, "Unknown is the zero value")
	require.Equal(t, "unknown", rcuser.Unknown.String())
	require.Equal(t, "not applied", rcuser.NotApplied.String())
	require.Equal(t, "Outcome(7)", rcuser.Outcome(7).String())
	require.Equal(t, "Outcome(-1)", rcuser.Outcome(-1).String())
}

// TestBodyStaysOutOfJSON encodes an Error by pointer and by value, as logs do.
func TestBodyStaysOutOfJSON(t *testing.T) {
	t.Parallel()
	failure := &rcuser.Error{Endpoint: "/x", StatusCode: 502, Body: []byte(tokenMark)}
	for _, v := range append(nest(failure, failure), nest(*failure, failure)...) {
		requireHidden(t, v, tokenMark, true)
		data, err := json.Marshal(v)
		require.NoError(t, err)
		require.NotContains(t, string(data), "dE9rRW44Vzo", "base64")
	}
}
