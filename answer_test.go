package rcuser_test

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

const (
	foreign = "answered by a proxy or another server, not by RC: "
	notJSON = "invalid character '<' looking for beginning of value"
)

// answers lists answers to a ban and the expected errors; err is the text of Err.
var answers = []struct {
	name      string
	status    int
	body      string
	want      rcuser.Error
	err       string
	retryable bool
}{
	{"HTML 502", 502, html, rcuser.Error{Body: []byte(html)}, "broken answer: " + notJSON, true},
	{"empty 503", 503, "", rcuser.Error{Body: []byte{}}, "broken answer: it is empty", true},
	{"empty 200", 200, " \n", rcuser.Error{Body: []byte(" \n")}, "broken answer: it is empty", true},
	{"HTML 200", 200, html, rcuser.Error{Body: []byte(html)}, "broken answer: " + notJSON, true},
	{"HTML 404", 404, html, rcuser.Error{Body: []byte(html), Outcome: rcuser.NotApplied}, foreign + notJSON, false},
	{"redirect", 302, html, rcuser.Error{Body: []byte(html), Outcome: rcuser.NotApplied}, "a redirect, which is refused; is the base URL right?", false},
	{"success under 500", 500, success, rcuser.Error{}, "broken answer: code 200 under HTTP 500", true},
	{"success under 400", 400, success, rcuser.Error{}, "broken answer: code 200 under HTTP 400", false},
	{"success under 201", 201, success, rcuser.Error{}, "broken answer: code 200 under HTTP 201", true},
	{"empty 204", 204, "", rcuser.Error{Body: []byte{}}, "broken answer: it is empty", true},
	{"no code", 200, `{"result":{}}`, rcuser.Error{Body: []byte(`{"result":{}}`)}, "broken answer: it has no code", true},
	{"code 0", 200, `{"code":0}`, rcuser.Error{Body: []byte(`{"code":0}`)}, "broken answer: it has no code", true},
	{"null", 200, `null`, rcuser.Error{Body: []byte(`null`)}, "broken answer: it has no code", true},
	{"array", 200, `[{"code":200}]`, rcuser.Error{Body: []byte(`[{"code":200}]`)}, "broken answer: it is a JSON array, not an object", true},
	{"text as code", 200, `{"code":"ok"}`, rcuser.Error{Body: []byte(`{"code":"ok"}`)}, "broken answer: it has no code", true},
	{"fraction as code", 200, `{"code":200.5}`, rcuser.Error{Body: []byte(`{"code":200.5}`)}, "broken answer: it has no code", true},
	{"two documents", 200, success + success, rcuser.Error{Body: []byte(success + success)}, "broken answer: invalid character '{' after top-level value", true},
	{"refusal", 400, `{"url":"/x","code":1002,"errorMessage":"bad minute"}`, rcuser.Error{Code: 1002, Message: "bad minute", Outcome: rcuser.NotApplied}, "", false},
	{"refusal with msg", 400, `{"code":1002,"msg":"bad minute"}`, rcuser.Error{Code: 1002, Message: "bad minute", Outcome: rcuser.NotApplied}, "", false},
	{"refusal without text", 401, `{"code":1006}`, rcuser.Error{Code: 1006, Outcome: rcuser.NotApplied}, "", false},
	{"refusal with a strange text", 403, `{"code":2007,"errorMessage":{"a":1}}`, rcuser.Error{Code: 2007, Outcome: rcuser.NotApplied}, "", false},
	{"refusal under 200", 200, `{"code":1002,"errorMessage":"x"}`, rcuser.Error{Code: 1002, Message: "x", Outcome: rcuser.NotApplied}, "", false},
	{"unknown code", 200, `{"code":23410}`, rcuser.Error{Code: 23410, Outcome: rcuser.NotApplied}, "", false},
	{"negative code", 400, `{"code":-1}`, rcuser.Error{Code: -1, Outcome: rcuser.NotApplied}, "", false},
	{"unknown code under 500", 500, `{"code":23410}`, rcuser.Error{Code: 23410}, "", true},
	{"code 1000", 500, `{"code":1000,"errorMessage":"oops"}`, rcuser.Error{Code: 1000, Message: "oops"}, "", true},
	{"code 1000 under 200", 200, `{"code":1000}`, rcuser.Error{Code: 1000}, "", true},
	{"code 1050", 504, `{"code":1050}`, rcuser.Error{Code: 1050}, "", true},
	{"code 1050 under 400", 400, `{"code":1050}`, rcuser.Error{Code: 1050}, "", true},
	{"code 1008", 429, `{"code":1008}`, rcuser.Error{Code: 1008, Outcome: rcuser.NotApplied}, "", true},
	{"code 1008 under 200", 200, `{"code":1008}`, rcuser.Error{Code: 1008, Outcome: rcuser.NotApplied}, "", true},
	{"429 without code", 429, "slow down", rcuser.Error{Code: rcuser.ErrRateLimited, Outcome: rcuser.NotApplied, Body: []byte("slow down")}, foreign + "invalid character 's' looking for beginning of value", true},
	{"empty 429", 429, "", rcuser.Error{Code: rcuser.ErrRateLimited, Outcome: rcuser.NotApplied, Body: []byte{}}, foreign + "it is empty", true},
	{"429 with another code", 429, `{"code":1007}`, rcuser.Error{Code: rcuser.ErrForbidden, Outcome: rcuser.NotApplied}, "", true},
	{"401 without code", 401, html, rcuser.Error{Outcome: rcuser.NotApplied, Body: []byte(html)}, foreign + notJSON, false},
	{"empty 403", 403, "", rcuser.Error{Outcome: rcuser.NotApplied, Body: []byte{}}, foreign + "it is empty", false},
	{"407", 407, `{"message":"authenticate"}`, rcuser.Error{Outcome: rcuser.NotApplied, Body: []byte(`{"message":"authenticate"}`)}, foreign + "it has no code", false},
	{"408", 408, "", rcuser.Error{Body: []byte{}}, foreign + "it is empty", true},
	{"408 of RC", 408, `{"code":1002}`, rcuser.Error{Code: 1002, Outcome: rcuser.NotApplied}, "", false},
	{"421", 421, "", rcuser.Error{Outcome: rcuser.NotApplied, Body: []byte{}}, foreign + "it is empty", true},
	{"425", 425, "", rcuser.Error{Outcome: rcuser.NotApplied, Body: []byte{}}, foreign + "it is empty", true},
	{"404 of RC", 404, `{"code":404,"errorMessage":"no such path"}`, rcuser.Error{Code: 404, Message: "no such path", Outcome: rcuser.NotApplied}, "", false},
	{"300", 300, "", rcuser.Error{Outcome: rcuser.NotApplied, Body: []byte{}}, foreign + "it is empty", false},
	{"304", 304, "", rcuser.Error{Outcome: rcuser.NotApplied, Body: []byte{}}, foreign + "it is empty", false},
	{"101", 101, "", rcuser.Error{Body: []byte{}}, foreign + "it is empty", true},
	{"205", 205, "", rcuser.Error{Body: []byte{}}, "broken answer: it is empty", true},
	{"success under 206", 206, success, rcuser.Error{}, "broken answer: code 200 under HTTP 206", true},
	{"10000 under 201", 201, `{"code":10000}`, rcuser.Error{}, "broken answer: code 10000 under HTTP 201", true},
	{"success under 302", 302, success, rcuser.Error{}, "broken answer: code 200 under HTTP 302", false},
	{"success under 429", 429, success, rcuser.Error{}, "broken answer: code 200 under HTTP 429", true},
	{"refusal under 302", 302, `{"code":1002}`, rcuser.Error{Code: 1002, Outcome: rcuser.NotApplied}, "", false},
	{"999", 999, "", rcuser.Error{Body: []byte{}}, "broken answer: it is empty", true},
	{"refusal after a BOM", 400, "\ufeff" + `{"code":1002,"errorMessage":"x"}`, rcuser.Error{Code: 1002, Message: "x", Outcome: rcuser.NotApplied}, "", false},
	{"only a BOM", 200, "\ufeff", rcuser.Error{Body: []byte("\ufeff")}, "broken answer: it is empty", true},
	{"two BOMs", 400, "\ufeff\ufeff" + limited, rcuser.Error{Outcome: rcuser.NotApplied, Body: []byte("\ufeff\ufeff" + limited)}, foreign + "invalid character 'ï' looking for beginning of value", false},
	{"401 with another code", 401, `{"code":1001}`, rcuser.Error{Code: rcuser.ErrAppSecret, Outcome: rcuser.NotApplied}, "", false},
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, tc := range answers {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			client, _ := newClient(t, reply(tc.status, tc.body), once)
			rcErr := requireError(t, ban(rcuser.WithRequestID(t.Context(), "abc"), client))
			want := tc.want
			want.Endpoint, want.Host, want.RequestID = "/user/block.json", "api.rong-api.com", "abc"
			want.Attempts, want.StatusCode = 1, tc.status
			requireSameError(t, want, tc.err, rcErr)
			require.Equal(t, tc.retryable, rcErr.Retryable())
		})
	}
}

// requireSameError compares all fields of an Error; Err is compared by its text.
func requireSameError(t *testing.T, want rcuser.Error, cause string, got *rcuser.Error) {
	t.Helper()
	without := *got
	without.Err = nil
	require.Equal(t, want, without)
	if cause == "" {
		require.NoError(t, got.Err)
	} else {
		require.EqualError(t, got.Err, cause)
	}
}

// TestDocumentedError answers a call with the error from the documentation.
//
// Source: official SDK/issue output (request not shown).
func TestDocumentedError(t *testing.T) {
	t.Parallel()
	mock := newMock(t)
	mock.RegisterResponder(http.MethodPost, "https://api.rong-api.com/user/getToken.json",
		httpmock.NewStringResponder(http.StatusBadRequest, `{"url":"/user/getToken.json","code":1002,"errorMessage":"invalid App-Key."}`))
	client, _ := newClient(t, mock.RoundTrip)
	ctx := rcuser.WithRequestID(t.Context(), "abc")
	token, err := client.Users.Register(ctx, rcuser.Registration{UserID: "u1", Name: "n"})
	require.Equal(t, rcuser.Token{}, token)
	require.Equal(t, &rcuser.Error{
		Endpoint: "/user/getToken.json", StatusCode: 400, Code: rcuser.ErrParameter, Message: "invalid App-Key.",
		RequestID: "abc", Host: "api.rong-api.com", Attempts: 1, Outcome: rcuser.NotApplied,
	}, err)
	require.EqualError(t, err, "rcuser: POST /user/getToken.json: 1002 invalid App-Key. (HTTP 400, request abc, 1 attempt)")
}

func TestCodeMayBeAString(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, reply(http.StatusBadRequest, `{"code":"1005","errorMessage":"long"}`))
	require.ErrorIs(t, ban(t.Context(), client), rcuser.ErrTooLong)
}

// TestErrorNamesASetupMistake covers a base URL that leads to a web page.
func TestErrorNamesASetupMistake(t *testing.T) {
	t.Parallel()
	for status, name := range map[int]string{200: "a portal", 404: "a web server", 502: "a gateway"} {
		client, _ := newClient(t, replyWith(status, "<html>", "Content-Type", "text/html; charset=utf-8"), once)
		require.ErrorContains(t, ban(t.Context(), client),
			"/user/block.json: answered by a proxy or another server, not by RC: it is text/html; charset=utf-8, not JSON (HTTP "+strconv.Itoa(status), name)
	}
}

// TestRedirectNamesItsHost must not repeat what else is in the Location.
func TestRedirectNamesItsHost(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"https://login.example.com:8443/start?token=qXz#f": "a redirect to login.example.com:8443, which is refused; is the base URL right?",
		"//user:pqXz@other.example/qXz":                    "a redirect to other.example, which is refused; is the base URL right?",
		"/login?qXz":                                       "a redirect to another path, which is refused; is the base URL right?",
		"http://[qXz":                                      "a redirect, which is refused; is the base URL right?",
		"":                                                 "a redirect, which is refused; is the base URL right?",
		"https://" + strings.Repeat("h", 200) + ".example": "a redirect to " + strings.Repeat("h", 100) + ", which is refused; is the base URL right?",
	} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			client, tap := newClient(t, replyWith(status, html, "Location", location), bothHosts)
			rcErr := requireError(t, ban(t.Context(), client))
			require.EqualError(t, rcErr.Err, want)
			require.Equal(t, []any{1, rcuser.NotApplied, false}, []any{rcErr.Attempts, rcErr.Outcome, rcErr.Retryable()})
			require.Equal(t, "p", hostSequence(tap))
		}
	}
}

// TestByteOrderMark is about successes, decoded into a type of the SDK's and one of the caller's.
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, reply(http.StatusOK, "\ufeff"+`{"code":200,"status":"1"}`), once)
	online, err := client.Presence.Online(t.Context(), "u1")
	require.NoError(t, err)
	require.True(t, online)
	var result struct{ Status string }
	require.NoError(t, client.Call(t.Context(), rcuser.Request{Path: "/x.json"}, &result))
	require.Equal(t, "1", result.Status)
}

// truncatedReader returns io.ErrUnexpectedEOF where its Reader ends.
type truncatedReader struct {
	io.Reader
	closed *bool
}

func (b truncatedReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (b truncatedReader) Close() error {
	*b.closed = true
	return nil
}

func TestTruncatedAnswer(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]rcuser.Outcome{
		200: rcuser.Unknown, 500: rcuser.Unknown, 400: rcuser.Unknown, 403: rcuser.Unknown, 429: rcuser.Unknown, 302: rcuser.NotApplied,
	} {
		var closed bool
		client, _ := newClient(t, func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: truncatedReader{strings.NewReader(success), &closed}}, nil
		}, once)
		rcErr := requireError(t, ban(t.Context(), client))
		require.ErrorIs(t, rcErr, io.ErrUnexpectedEOF)
		require.EqualError(t, rcErr.Err, "the answer broke off: unexpected EOF")
		require.Equal(t, status, rcErr.StatusCode)
		require.Equal(t, want, rcErr.Outcome)
		require.True(t, closed)
	}
}

// endlessBody never ends and counts the bytes read.
type endlessBody struct{ read int }

func (e *endlessBody) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.read += len(p)
	return len(p), nil
}

func (*endlessBody) Close() error { return nil }

func TestAnswersTooLarge(t *testing.T) {
	t.Parallel()
	for status, limit := range map[int]int{200: 4 << 20, 500: 1 << 20, 400: 1 << 20} {
		body := &endlessBody{}
		client, _ := newClient(t, func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: body}, nil
		}, once)
		rcErr := requireError(t, ban(t.Context(), client))
		require.LessOrEqual(t, body.read, limit+1)
		require.Error(t, rcErr.Err)
		require.LessOrEqual(t, len(rcErr.Body), 2<<10)
		require.Equal(t, status, rcErr.StatusCode)
		require.Equal(t, status == 400, rcErr.Outcome == rcuser.NotApplied)
	}
}

// TestLargestAnswers covers answers of exactly the maximum size and one that is a byte larger.
func TestLargestAnswers(t *testing.T) {
	t.Parallel()
	padded := func(body string, size int) string { return body + strings.Repeat(" ", size-len(body)) }
	refusal := `{"code":1002,"errorMessage":"x"}`
	client, _ := newClient(t, inTurn(
		reply(http.StatusOK, padded(success, 4<<20)),
		reply(http.StatusOK, padded(success, 4<<20+1)),
		reply(http.StatusBadRequest, padded(refusal, 1<<20)),
	), once)
	require.NoError(t, ban(t.Context(), client))
	require.EqualError(t, requireError(t, ban(t.Context(), client)).Err, "broken answer: larger than 4 MiB")
	require.Equal(t, rcuser.ErrParameter, requireError(t, ban(t.Context(), client)).Code)
}

func TestBodyAndMessageAreTruncated(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, inTurn(
		reply(http.StatusBadGateway, strings.Repeat("<", 2047)+"yz"),
		reply(http.StatusBadRequest, `{"code":1002,"errorMessage":"`+strings.Repeat("用", 400)+`"}`),
		reply(http.StatusBadRequest, "{\"code\":1002,\"errorMessage\":\"a\xffb\"}"),
	), once)
	require.Equal(t, strings.Repeat("<", 2047)+"y", string(requireError(t, ban(t.Context(), client)).Body))
	require.Equal(t, strings.Repeat("用", 341), requireError(t, ban(t.Context(), client)).Message, "at most 1024 bytes, no half character")
	require.NotContains(t, requireError(t, ban(t.Context(), client)).Message, "\xff")
}

// TestUnreadableContentType sends types that would not show in a text.
func TestUnreadableContentType(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{strings.Repeat("\x80", 61), "\x80", " ", "text/\nhtml", strings.Repeat("\u2028", 30)} {
		client, _ := newClient(t, replyWith(http.StatusBadGateway, html, "Content-Type", contentType), once)
		rcErr := requireError(t, ban(t.Context(), client))
		require.EqualError(t, rcErr.Err, "answered by a proxy or another server, not by RC: it is not JSON, and its Content-Type is unreadable")
		require.Equal(t, []any{502, html, rcuser.Unknown}, []any{rcErr.StatusCode, string(rcErr.Body), rcErr.Outcome})
	}
}
