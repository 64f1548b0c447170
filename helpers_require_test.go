package rcuser_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// requireError requires err to be an *Error and returns it.
func requireError(t *testing.T, err error) *rcuser.Error {
	t.Helper()
	var rcErr *rcuser.Error
	require.ErrorAs(t, err, &rcErr)
	return rcErr
}

// requireArgumentError requires an *ArgumentError that names the argument and says what is wrong, and that nothing was sent.
func requireArgumentError(t *testing.T, err error, name, text string, tap *wiretap) {
	t.Helper()
	var argErr *rcuser.ArgumentError
	require.ErrorAs(t, err, &argErr)
	require.Equal(t, name, argErr.Name)
	require.Contains(t, argErr.Reason, text)
	require.Equal(t, "rcuser: "+name+": "+argErr.Reason, err.Error())
	require.Empty(t, tap.requests())
}

// badArgument is a call that must fail with an *ArgumentError.
type badArgument struct {
	call       func(context.Context, *rcuser.Client) error
	name, text string
}

func requireArgumentErrors(t *testing.T, cases ...badArgument) {
	t.Helper()
	client, tap := newClient(t, unexpected(t))
	for _, tc := range cases {
		t.Run(tc.name+" "+tc.text, func(t *testing.T) {
			requireArgumentError(t, tc.call(t.Context(), client), tc.name, tc.text, tap)
		})
	}
}

// requireAccepted requires each call to be sent and to succeed.
func requireAccepted(t *testing.T, answer string, calls ...func(context.Context, *rcuser.Client) error) {
	t.Helper()
	for i, call := range calls {
		client, tap := newClient(t, reply(http.StatusOK, answer))
		require.NoError(t, call(t.Context(), client), i)
		require.Len(t, tap.requests(), 1, i)
	}
}

// badIDs lists ids that every method refuses, and the text of the error.
var badIDs = []struct{ id, text string }{
	{"", "is empty"},
	{strings.Repeat("x", 65), "65 bytes, at most 64"},
	{strings.Repeat("用", 22), "66 bytes, at most 64"},
	{"a\nb", "control character"},
	{"a\x00", "control character"},
	{"\u007f", "control character"},
	{"a\u0085", "control character"},
	{badUTF8, "UTF-8"},
}

// requireIDChecked requires a method to refuse bad ids in its argument name.
func requireIDChecked(t *testing.T, name string, call func(ctx context.Context, c *rcuser.Client, id string) error) {
	t.Helper()
	client, tap := newClient(t, unexpected(t))
	for _, bad := range badIDs {
		requireArgumentError(t, call(t.Context(), client, bad.id), name, bad.text, tap)
	}
}

// requireIDsChecked requires a method to refuse no ids, bad ids and more than limit ids, the last with the text tooMany, and
// to accept limit ids and the longest id. Accepted calls are answered with answer.
func requireIDsChecked(
	t *testing.T, limit int, tooMany, answer string, call func(ctx context.Context, c *rcuser.Client, ids []string) error,
) {
	t.Helper()
	ctx := t.Context()
	client, tap := newClient(t, unexpected(t))
	requireArgumentError(t, call(ctx, client, nil), "userIDs", "no ids, at least 1", tap)
	requireArgumentError(t, call(ctx, client, []string{}), "userIDs", "no ids, at least 1", tap)
	requireArgumentError(t, call(ctx, client, manyIDs(limit+1)), "userIDs", tooMany, tap)
	for _, bad := range badIDs {
		requireArgumentError(t, call(ctx, client, []string{"a", bad.id}), "userIDs[1]", bad.text, tap)
	}
	client, tap = newClient(t, reply(http.StatusOK, answer))
	require.NoError(t, call(ctx, client, manyIDs(limit)))
	require.NoError(t, call(ctx, client, []string{strings.Repeat("x", 64)}))
	require.Len(t, tap.requests(), 2)
}

// sentBody is a call, the body that it must send, and what that body decodes to.
type sentBody struct {
	name string
	call func(context.Context, *rcuser.Client) error
	body string
	form url.Values
}

func requireBodies(t *testing.T, answer string, cases ...sentBody) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			client, tap := newClient(t, reply(http.StatusOK, answer))
			require.NoError(t, tc.call(t.Context(), client))
			require.Equal(t, []string{tc.body}, tap.bodies())
			form, err := url.ParseQuery(tap.bodies()[0])
			require.NoError(t, err)
			require.Equal(t, tc.form, form)
		})
	}
}

// brokenAnswer is a call whose answer has code 200 and these fields, and the text of the error for it.
type brokenAnswer struct {
	call         func(context.Context, *rcuser.Client) error
	fields, text string
}

// requireBrokenAnswers requires success answers without the fields that the method returns to be broken answers.
func requireBrokenAnswers(t *testing.T, cases ...brokenAnswer) {
	t.Helper()
	for _, tc := range cases {
		client, _ := newClient(t, reply(http.StatusOK, `{"code":200,`+tc.fields+`}`), once)
		rcErr := requireError(t, tc.call(t.Context(), client))
		require.Equal(t, rcuser.Unknown, rcErr.Outcome, tc.fields)
		require.Equal(t, []int{200, 0, 1}, []int{rcErr.StatusCode, int(rcErr.Code), rcErr.Attempts}, tc.fields)
		require.ErrorContains(t, rcErr.Err, "broken answer: ", tc.fields)
		require.ErrorContains(t, rcErr.Err, tc.text, tc.fields)
		require.True(t, rcErr.Retryable())
		require.Nil(t, rcErr.Body, "it was RC's JSON")
	}
}

// requireRefused requires RC to have refused the first attempt with the code.
func requireRefused(t require.TestingT, err error, code rcuser.ErrorCode) {
	var failure *rcuser.Error
	require.ErrorIs(t, err, code)
	require.ErrorAs(t, err, &failure)
	require.Equal(t, rcuser.NotApplied, failure.Outcome)
	require.Equal(t, 1, failure.Attempts)
}

// requireSigned checks a request's method and headers. before is the start of the call in milliseconds.
func requireSigned(t *testing.T, request exchange, before int64) {
	t.Helper()
	require.Equal(t, http.MethodPost, request.Method)
	require.Equal(t, "application/x-www-form-urlencoded", request.Header.Get("Content-Type"))
	require.Equal(t, testKey, request.Header.Get("App-Key"))
	nonce, timestamp := request.Header.Get("Nonce"), request.Header.Get("Timestamp")
	require.Regexp(t, `^[0-9a-f]{16}$`, nonce)
	require.Regexp(t, `^[0-9]{13}$`, timestamp)
	at, err := strconv.ParseInt(timestamp, 10, 64)
	require.NoError(t, err)
	require.GreaterOrEqual(t, at, before)
	require.LessOrEqual(t, at, time.Now().UnixMilli())
	sum := sha1.Sum([]byte(testSecret + nonce + timestamp))
	require.Equal(t, hex.EncodeToString(sum[:]), request.Header.Get("Signature"))
	require.Regexp(t, `^[!-~]{1,36}$`, request.Header.Get("X-Request-ID"))
	require.Regexp(t, `^rcuser/\S+ \(go1\.[^)]+\)$`, request.Header.Get("User-Agent"))
	require.Len(t, request.Header, 7, "no header but those above")
}
