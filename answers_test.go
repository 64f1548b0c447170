package rcuser_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

const html = "<html><body>Bad Gateway</body></html>"

// answers are what may come back to a ban, and the error that it becomes: err is the text of Err.
var answers = []struct {
	name      string
	status    int
	body      string
	want      rcuser.Error
	err       string
	retryable bool
}{
	{"HTML 502", 502, html, rcuser.Error{Body: []byte(html)}, "broken answer: invalid character '<' looking for beginning of value", true},
	{"empty 503", 503, "", rcuser.Error{Body: []byte{}}, "broken answer: it is empty", true},
	{"empty 200", 200, " \n", rcuser.Error{Body: []byte(" \n")}, "broken answer: it is empty", true},
	{"HTML 200", 200, html, rcuser.Error{Body: []byte(html)}, "broken answer: invalid character '<' looking for beginning of value", true},
	{"HTML 404", 404, html, rcuser.Error{Body: []byte(html), Outcome: rcuser.NotApplied}, "broken answer: invalid character '<' looking for beginning of value", false},
	{"redirect", 302, html, rcuser.Error{Body: []byte(html), Outcome: rcuser.NotApplied}, "a redirect, which is refused; is the base URL right?", false},
	{"success under 500", 500, success, rcuser.Error{}, "broken answer: code 200 under HTTP 500", true},
	{"success under 400", 400, success, rcuser.Error{Outcome: rcuser.NotApplied}, "broken answer: code 200 under HTTP 400", false},
	{"success under 201", 201, success, rcuser.Error{}, "broken answer: code 200 under HTTP 201", true},
	{"empty 204", 204, "", rcuser.Error{Body: []byte{}}, "broken answer: it is empty", true},
	{"no code", 200, `{"result":{}}`, rcuser.Error{Body: []byte(`{"result":{}}`)}, "broken answer: it has no code", true},
	{"code 0", 200, `{"code":0}`, rcuser.Error{Body: []byte(`{"code":0}`)}, "broken answer: it has no code", true},
	{"null", 200, `null`, rcuser.Error{Body: []byte(`null`)}, "broken answer: it has no code", true},
	{"array", 200, `[{"code":200}]`, rcuser.Error{Body: []byte(`[{"code":200}]`)}, "broken answer: json: cannot unmarshal array into Go value of type rcuser.voidAnswer", true},
	{"text as code", 200, `{"code":"ok"}`, rcuser.Error{Body: []byte(`{"code":"ok"}`)}, "broken answer: a field that should be an integer isn't", true},
	{"fraction as code", 200, `{"code":200.5}`, rcuser.Error{Body: []byte(`{"code":200.5}`)}, "broken answer: a field that should be an integer isn't", true},
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
	{"429 without code", 429, "slow down", rcuser.Error{Code: rcuser.ErrRateLimited, Outcome: rcuser.NotApplied, Body: []byte("slow down")}, "broken answer: invalid character 's' looking for beginning of value", true},
	{"empty 429", 429, "", rcuser.Error{Code: rcuser.ErrRateLimited, Outcome: rcuser.NotApplied, Body: []byte{}}, "broken answer: it is empty", true},
	{"429 with another code", 429, `{"code":1007}`, rcuser.Error{Code: rcuser.ErrForbidden, Outcome: rcuser.NotApplied}, "", true},
	{"401 without code", 401, html, rcuser.Error{Code: rcuser.ErrSignature, Outcome: rcuser.NotApplied, Body: []byte(html)}, "broken answer: invalid character '<' looking for beginning of value", false},
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
			requireSame(t, want, tc.err, rcErr)
			require.Equal(t, tc.retryable, rcErr.Retryable())
		})
	}
}

// requireSame compares all fields, Err by its text.
func requireSame(t *testing.T, want rcuser.Error, cause string, got *rcuser.Error) {
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

// TestSuccessThatLacksSomething is for each method that returns something.
func TestSuccessThatLacksSomething(t *testing.T) {
	t.Parallel()
	get := func(ctx context.Context, c *rcuser.Client) error { return takeID["Get"].call(ctx, c, "a") }
	online := func(ctx context.Context, c *rcuser.Client) error { return takeID["Online"].call(ctx, c, "a") }
	enabled := func(ctx context.Context, c *rcuser.Client) error {
		return takeIDs["Enabled"].call(ctx, c, []string{"a"})
	}
	deactivate := func(ctx context.Context, c *rcuser.Client) error {
		return takeIDs["Deactivate"].call(ctx, c, []string{"a"})
	}
	reactivate := func(ctx context.Context, c *rcuser.Client) error {
		return takeIDs["Reactivate"].call(ctx, c, []string{"a"})
	}
	for _, tc := range []struct {
		call         func(context.Context, *rcuser.Client) error
		fields, text string
	}{
		{register("n", ""), `"userId":"a"`, "it has no field token"},
		{register("n", ""), `"userId":"a","token":""`, "it has no field token"},
		{register("n", ""), `"token":"t"`, "it has no field userId"},
		{register("n", ""), `"userId":"a","token":7`, "cannot unmarshal number"},
		{get, `"userPortrait":"","createTime":"2024-01-01 00:00:00"`, "it has no field userName"},
		{get, `"userName":"n","createTime":"2024-01-01 00:00:00"`, "it has no field userPortrait"},
		{get, `"userName":"n","userPortrait":""`, "it has no field createTime"},
		{get, `"userName":"n","userPortrait":"","createTime":"2024-13-01 00:00:00"`, "createTime: parsing time"},
		{get, `"userName":"n","userPortrait":"","createTime":1704067200000`, "cannot unmarshal number"},
		{get, `"userName":5,"userPortrait":"","createTime":"2024-01-01 00:00:00"`, "cannot unmarshal number"},
		{online, `"x":1`, "it has no field status"},
		{online, `"status":null`, "it has no field status"},
		{online, `"status":"2"`, `a field is "2", neither 0 nor 1`},
		{online, `"status":"yes"`, "neither 0 nor 1"},
		{online, `"status":true`, "neither 0 nor 1"},
		{enabled, `"x":1`, "it has no field users"},
		{enabled, `"users":[{"whiteSetting":"1"}]`, "it has no field userId"},
		{enabled, `"users":[{"userId":"a"}]`, "it has no field whiteSetting"},
		{enabled, `"users":[{"userId":"a","whiteSetting":"-1"}]`, `a field is "-1", neither 0 nor 1`},
		{enabled, `"users":["a"]`, "cannot unmarshal string"},
		{bans(rcuser.PageOptions{}), `"x":1`, "it has no field users"},
		{bans(rcuser.PageOptions{}), `"users":[{"blockEndTime":"2024-01-01 00:00:00"}]`, "it has no field userId"},
		{bans(rcuser.PageOptions{}), `"users":[{"userId":"a"}]`, "it has no field blockEndTime"},
		{bans(rcuser.PageOptions{}), `"users":[{"userId":"a","blockEndTime":"soon"}]`, "blockEndTime: parsing time"},
		{blocklist(rcuser.CursorOptions{}), `"next":"a"`, "it has no field users"},
		{allowlist(rcuser.CursorOptions{}), `"next":"a"`, "it has no field users"},
		{blocklist(rcuser.CursorOptions{}), `"users":[1]`, "cannot unmarshal number"},
		{deactivated(rcuser.PageOptions{}), `"x":1`, "it has no field users"},
		{deactivate, `"x":1`, "it has no field operateId"},
		{reactivate, `"operateId":""`, "it has no field operateId"},
		{other("/x.json", new(struct{ X int })), `"x":"text"`, "cannot unmarshal string"},
	} {
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

// TestFailuresReturnNothing is for results that a broken answer has half of.
func TestFailuresReturnNothing(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, inTurn(
		reply(http.StatusOK, `{"code":200,"token":"t"}`),
		reply(http.StatusOK, `{"code":200,"users":[{"userId":"a","whiteSetting":"1"},{"userId":"b"}]}`),
		reply(http.StatusOK, `{"code":200,"users":[{"userId":"a","blockEndTime":"2024-01-01 00:00:00"},{"userId":"b"}]}`),
	), once)
	token, err := client.Users.Register(t.Context(), rcuser.Registration{UserID: "a", Name: "n"})
	require.Error(t, err)
	require.Equal(t, rcuser.Token{}, token)
	enabled, err := client.Allowlist.Enabled(t.Context(), []string{"a", "b"})
	require.Error(t, err)
	require.Nil(t, enabled)
	bans, err := client.Bans.List(t.Context(), rcuser.PageOptions{})
	require.Error(t, err)
	require.Nil(t, bans)
}

// brokenBody breaks off after some text.
type brokenBody struct {
	io.Reader
	closed *bool
}

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (b brokenBody) Close() error {
	*b.closed = true
	return nil
}

func TestAnswerThatBreaksOff(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]rcuser.Outcome{200: rcuser.Unknown, 500: rcuser.Unknown, 400: rcuser.NotApplied} {
		var closed bool
		client, _ := newClient(t, func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: brokenBody{strings.NewReader(success), &closed}}, nil
		}, once)
		rcErr := requireError(t, ban(t.Context(), client))
		require.ErrorIs(t, rcErr, io.ErrUnexpectedEOF)
		require.EqualError(t, rcErr.Err, "the answer broke off: unexpected EOF")
		require.Equal(t, status, rcErr.StatusCode)
		require.Equal(t, want, rcErr.Outcome)
		require.True(t, closed)
	}
}

// endless never ends, and counts what is read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.read += len(p)
	return len(p), nil
}

func (*endless) Close() error { return nil }

func TestAnswersTooLarge(t *testing.T) {
	t.Parallel()
	for status, limit := range map[int]int{200: 4 << 20, 500: 1 << 20, 400: 1 << 20} {
		body := &endless{}
		client, _ := newClient(t, func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: body}, nil
		}, once)
		rcErr := requireError(t, ban(t.Context(), client))
		require.LessOrEqual(t, body.read, limit+1)
		require.ErrorContains(t, rcErr.Err, "broken answer")
		require.LessOrEqual(t, len(rcErr.Body), 2<<10)
		require.Equal(t, status, rcErr.StatusCode)
		require.Equal(t, status == 400, rcErr.Outcome == rcuser.NotApplied)
	}
}

// TestLargestAnswers are those that are just allowed, or just not.
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

func TestBodyAndMessageAreBounded(t *testing.T) {
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

// TestGetTokensAnswerIsNeverKept looks at the error's Body, as half a token may be in it.
func TestGetTokensAnswerIsNeverKept(t *testing.T) {
	t.Parallel()
	for status, body := range map[int]string{502: html, 200: `{"token":"tOkEn"`, 201: `{"token":"tOkEn"}`, 404: "tOkEn"} {
		client, _ := newClient(t, reply(status, body), once)
		rcErr := requireError(t, register("n", "")(t.Context(), client))
		require.Nil(t, rcErr.Body)
		require.NotContains(t, rcErr.Error(), "tOkEn")
	}
}

func TestGetTokensAnswerIsNeverKeptByCall(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, reply(http.StatusOK, `{"token":"tOkEn"`), once)
	require.Nil(t, requireError(t, other("/user/getToken.json", nil)(t.Context(), client)).Body)
}

// TestTransportWithoutBody is about what net/http's own client forgives a transport.
func TestTransportWithoutBody(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, func(req *http.Request) (*http.Response, error) {
		resp, err := reply(http.StatusServiceUnavailable, "")(req)
		resp.Body = nil
		return resp, err
	}, once)
	rcErr := requireError(t, ban(t.Context(), client))
	require.Equal(t, http.StatusServiceUnavailable, rcErr.StatusCode)
	require.EqualError(t, rcErr.Err, "broken answer: it is empty")
}

// TestTransportWithoutAnswer is about what net/http's own client reports of a transport.
func TestTransportWithoutAnswer(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, func(*http.Request) (*http.Response, error) { return nil, nil }, once) //nolint:nilnil // a faulty transport
	rcErr := requireError(t, ban(t.Context(), client))
	require.Zero(t, rcErr.StatusCode)
	require.Error(t, rcErr.Err)
	require.Equal(t, rcuser.Unknown, rcErr.Outcome)
}
