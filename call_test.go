package rcuser_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

func other(path string, result any) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error { return c.Call(ctx, path, url.Values{}, result) }
}

func withRequestID(id string) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error { return ban(rcuser.WithRequestID(ctx, id), c) }
}

func TestCallArguments(t *testing.T) {
	t.Parallel()
	requireArgumentErrors(t, []badArgument{
		{other("", nil), "path", "one slash"},
		{other("user/x.json", nil), "path", "one slash"},
		{other("//evil.io/x.json", nil), "path", "one slash"},
		{other("https://evil.io/x.json", nil), "path", "one slash"},
		{other("/x.json?a=b", nil), "path", "? or #"},
		{other("/x.json#a", nil), "path", "? or #"},
		{other("/x y.json", nil), "path", "escaped"},
		{other("/x%20y.json", nil), "path", "escaped"},
		{other("/用户.json", nil), "path", "escaped"},
		{other("/x\r\nA: b", nil), "path", "escaped"},
		{other("/x.json", map[string]any{}), "result", "pointer"},
		{other("/x.json", struct{}{}), "result", "pointer"},
		{other("/x.json", (*int)(nil)), "result", "pointer"},
	}...)
	requireAccepted(t, success, other("/v4/auth/access-token/issue", nil))
	client, tap := newClient(t, unexpected(t))
	requireArgumentError(t, client.Call(nil, "/x.json", nil, nil), "ctx", "is nil", tap) //nolint:staticcheck // tests the nil context
}

func TestWithRequestIDArguments(t *testing.T) {
	t.Parallel()
	requireArgumentErrors(t, []badArgument{
		{withRequestID(strings.Repeat("r", 37)), "request ID", "37 characters, at most 36"},
		{withRequestID("a b"), "request ID", "space"},
		{withRequestID("a\r\nX: y"), "request ID", "line break"},
		{withRequestID("é"), "request ID", "ASCII"},
	}...)
	requireAccepted(t, success, withRequestID(strings.Repeat("r", 36)), withRequestID(""))
}

// TestClientNotMadeByNewClient covers Call and CloseIdleConnections; TestMisuse covers the methods of the services.
func TestClientNotMadeByNewClient(t *testing.T) {
	t.Parallel()
	var none *rcuser.Client
	for _, client := range []*rcuser.Client{none, {}} {
		client.CloseIdleConnections()
		requireArgumentError(t, other("/x.json", nil)(t.Context(), client), "Client", "NewClient", &wiretap{})
	}
}

func TestCallBodies(t *testing.T) {
	t.Parallel()
	requireBodies(t, success, []sentBody{
		{
			name: "a form",
			call: func(ctx context.Context, c *rcuser.Client) error {
				return c.Call(ctx, "/x.json", url.Values{"b": {"2", "=&"}, "a": {""}, "ü": {"+"}}, nil)
			},
			body: "a=&b=2&b=%3D%26&%C3%BC=%2B",
			form: url.Values{"b": {"2", "=&"}, "a": {""}, "ü": {"+"}},
		},
		{
			name: "no form",
			call: func(ctx context.Context, c *rcuser.Client) error { return c.Call(ctx, "/x.json", nil, nil) },
			form: url.Values{},
		},
	}...)
}

func TestCallDecodesTheWholeAnswer(t *testing.T) {
	t.Parallel()
	client, tap := newClient(t, reply(http.StatusOK, `{"code":200,"result":{"u01":["tag4","tag3"]}}`))
	var result struct {
		Code   int                 `json:"code"`
		Result map[string][]string `json:"result"`
	}
	require.NoError(t, client.Call(t.Context(), "/user/tags/get.json", url.Values{"userIds": {"u01"}}, &result))
	require.Equal(t, 200, result.Code)
	require.Equal(t, map[string][]string{"u01": {"tag4", "tag3"}}, result.Result)
	require.Equal(t, "https://api.rong-api.com/user/tags/get.json", tap.requests()[0].URL)
}

func TestCallBrokenAnswers(t *testing.T) {
	t.Parallel()
	requireBrokenAnswers(t, brokenAnswer{other("/x.json", new(struct{ X int })), `"x":"text"`, "cannot unmarshal string"})
}

func TestCallKeepsNoTokenInErrors(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, reply(http.StatusOK, `{"token":"tOkEn"`), once)
	require.Nil(t, requireError(t, other("/user/getToken.json", nil)(t.Context(), client)).Body)
}

// TestCallIsNotRepeatedIfItMayHaveBeenApplied covers answers that signal a rate limit without saying that the call was
// refused.
func TestCallIsNotRepeatedIfItMayHaveBeenApplied(t *testing.T) {
	t.Parallel()
	for status, body := range map[int]string{429: `{"code":1000}`, 500: `{"code":1008}`} {
		client, tap := newClient(t, reply(status, body))
		rcErr := requireError(t, client.Call(t.Context(), "/x.json", nil, nil))
		require.Equal(t, rcuser.Unknown, rcErr.Outcome)
		require.Len(t, tap.requests(), 1)
	}
}

func TestRequestIDsDiffer(t *testing.T) {
	t.Parallel()
	client, tap := newClient(t, reply(http.StatusOK, success))
	seen := map[string]bool{}
	for range 1000 {
		require.NoError(t, ban(t.Context(), client))
	}
	for _, request := range tap.requests() {
		id := request.Header.Get("X-Request-ID")
		require.Regexp(t, "^[0-9a-f]{32}$", id)
		seen[id] = true
	}
	require.Len(t, seen, 1000)
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	client, tap := newClient(t, reply(http.StatusBadRequest, `{"code":1002}`))
	own := requireError(t, ban(rcuser.WithRequestID(t.Context(), "order-17"), client))
	require.Equal(t, "order-17", own.RequestID)
	first, second := requireError(t, ban(t.Context(), client)), requireError(t, ban(t.Context(), client))
	require.NotEqual(t, first.RequestID, second.RequestID)
	for i, want := range []string{"order-17", first.RequestID, second.RequestID} {
		require.Equal(t, want, tap.requests()[i].Header.Get("X-Request-ID"))
	}
}
