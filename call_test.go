package rcuser_test

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

func other(path string, result any) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error {
		return c.Call(ctx, rcuser.Request{Path: path, Form: url.Values{}}, result)
	}
}

func call(r rcuser.Request) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error { return c.Call(ctx, r, nil) }
}

func TestCallArguments(t *testing.T) {
	t.Parallel()
	requireArgumentErrors(t, []badArgument{
		{other("", nil), "Request.Path", "one slash"},
		{other("user/x.json", nil), "Request.Path", "one slash"},
		{other("//evil.io/x.json", nil), "Request.Path", "one slash"},
		{other("https://evil.io/x.json", nil), "Request.Path", "one slash"},
		{other("/x.json?a=b", nil), "Request.Path", "? or #"},
		{other("/x.json#a", nil), "Request.Path", "? or #"},
		{other("/x y.json", nil), "Request.Path", "escaped"},
		{other("/x%20y.json", nil), "Request.Path", "escaped"},
		{other("/用户.json", nil), "Request.Path", "escaped"},
		{other("/x\r\nA: b", nil), "Request.Path", "escaped"},
		{other("/x.json", map[string]any{}), "result", "pointer"},
		{other("/x.json", struct{}{}), "result", "pointer"},
		{other("/x.json", (*int)(nil)), "result", "pointer"},
		{call(rcuser.Request{Path: "/x.json", Form: url.Values{}, JSON: 1}), "Request.JSON", "together with Form"},
		{call(rcuser.Request{Path: "/x.json", JSON: make(chan int)}), "Request.JSON", "unsupported type: chan int"},
		{call(rcuser.Request{Path: "/x.json", JSON: math.Inf(1)}), "Request.JSON", "unsupported value"},
		{call(rcuser.Request{Path: "/x.json", PerSecond: -1}), "Request.PerSecond", "-1 is negative"},
		{call(rcuser.Request{Path: "/x.json", Units: -2}), "Request.Units", "-2 is negative"},
	}...)
	requireAccepted(t, success, other("/v4/auth/access-token/issue", nil))
	client, tap := newClient(t, unexpected(t))
	requireArgumentError(t, client.Call(nil, rcuser.Request{Path: "/x.json"}, nil), "ctx", "is nil", tap) //nolint:staticcheck // tests the nil context
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
				return c.Call(ctx, rcuser.Request{Path: "/x.json", Form: url.Values{"b": {"2", "=&"}, "a": {""}, "ü": {"+"}}}, nil)
			},
			body: "a=&b=2&b=%3D%26&%C3%BC=%2B",
			form: url.Values{"b": {"2", "=&"}, "a": {""}, "ü": {"+"}},
		},
		{
			name: "no form",
			call: func(ctx context.Context, c *rcuser.Client) error {
				return c.Call(ctx, rcuser.Request{Path: "/x.json"}, nil)
			},
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
	require.NoError(t, client.Call(t.Context(), rcuser.Request{Path: "/user/tags/get.json", Form: url.Values{"userIds": {"u01"}}}, &result))
	require.Equal(t, 200, result.Code)
	require.Equal(t, map[string][]string{"u01": {"tag4", "tag3"}}, result.Result)
	require.Equal(t, "https://api.rong-api.com/user/tags/get.json", tap.requests()[0].URL)
}

func TestCallSendsJSON(t *testing.T) {
	t.Parallel()
	client, tap := newClient(t, inTurn(reply(429, `{"code":1008}`), reply(http.StatusOK, success)), func(c *rcuser.Config) { c.Retry.BaseWait = 1 })
	tags := map[string]any{"userId": "u1", "tags": []string{"é", `"`}}
	require.NoError(t, client.Call(t.Context(), rcuser.Request{Path: "/user/tag/set.json", JSON: tags}, nil))
	require.Len(t, tap.requests(), 2)
	for _, request := range tap.requests() {
		require.Equal(t, `{"tags":["é","\""],"userId":"u1"}`, request.Body)
		require.Equal(t, []string{"application/json"}, request.Header.Values("Content-Type"))
	}
	require.NoError(t, client.Call(t.Context(), rcuser.Request{Path: "/x.json", JSON: json.RawMessage(`{"a":1}`)}, nil))
	require.Equal(t, `{"a":1}`, tap.requests()[2].Body)
}

// TestCallIdempotent covers an answer that leaves open whether the call was applied.
func TestCallIdempotent(t *testing.T) {
	t.Parallel()
	for idempotent, attempts := range map[bool]int{true: 2, false: 1} {
		client, tap := newClient(t, inTurn(reply(500, `{"code":1000}`), reply(http.StatusOK, success)))
		err := client.Call(t.Context(), rcuser.Request{Path: "/x.json", Idempotent: idempotent}, nil)
		require.Equal(t, idempotent, err == nil)
		require.Len(t, tap.requests(), attempts)
	}
}

// TestCallSecret covers an answer without a code, of which errors keep an excerpt otherwise.
func TestCallSecret(t *testing.T) {
	t.Parallel()
	for secret, kept := range map[bool]string{false: `{"jwt":"tOkEn"}`, true: ""} {
		client, _ := newClient(t, reply(http.StatusOK, `{"jwt":"tOkEn"}`), once)
		rcErr := requireError(t, client.Call(t.Context(), rcuser.Request{Path: "/x.json", Secret: secret}, nil))
		require.Equal(t, kept, string(rcErr.Body))
		require.NotContains(t, rcErr.Error(), "tOkEn")
	}
}

// TestCallLimits checks what the limiter learns.
func TestCallLimits(t *testing.T) {
	t.Parallel()
	limiter := new(attemptRecorder)
	client, _ := newClient(t, reply(http.StatusOK, success), func(c *rcuser.Config) { c.Limiter = limiter })
	require.NoError(t, client.Call(t.Context(), rcuser.Request{Path: "/x.json"}, nil))
	require.NoError(t, client.Call(t.Context(), rcuser.Request{Path: "/y.json", PerSecond: 500, Units: 30}, nil))
	require.Equal(t, []rcuser.LimitedAttempt{
		{Endpoint: "/x.json", PerSecond: 100, Units: 1, MaxUnits: 1},
		{Endpoint: "/y.json", PerSecond: 500, Units: 30, MaxUnits: 30},
	}, limiter.attempts)
}

// attemptRecorder records what it is asked. It isn't safe for concurrent use.
type attemptRecorder struct{ attempts []rcuser.LimitedAttempt }

func (l *attemptRecorder) Wait(_ context.Context, a rcuser.LimitedAttempt) error {
	l.attempts = append(l.attempts, a)
	return nil
}

func (*attemptRecorder) Pause(string, time.Duration) {}

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
		rcErr := requireError(t, client.Call(t.Context(), rcuser.Request{Path: "/x.json"}, nil))
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

// TestWithRequestID compares what is sent, which is what the error and the hooks say too.
func TestWithRequestID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"order-17":                         "order-17",
		strings.Repeat("r", 36):            strings.Repeat("r", 36),
		"x" + strings.Repeat("r", 36):      strings.Repeat("r", 36),
		strings.Repeat("r", 1000) + "-end": strings.Repeat("r", 32) + "-end",
		strings.Repeat("é", 40):            strings.Repeat("_", 36),
		"a b":                              "a_b",
		" a ":                              "_a_",
		"a\r\nX: y":                        "a__X:_y",
		"\x00\x7f\xff\u2028~!":             "____~!",
		strings.Repeat("用", 37) + "a":      strings.Repeat("_", 35) + "a",
	} {
		client, tap := newClient(t, reply(http.StatusBadRequest, `{"code":1002}`))
		rcErr := requireError(t, ban(rcuser.WithRequestID(t.Context(), id), client))
		require.Equal(t, want, rcErr.RequestID)
		require.Equal(t, []string{want}, tap.requests()[0].Header.Values("X-Request-ID"))
	}
	client, tap := newClient(t, reply(http.StatusOK, success))
	require.NoError(t, ban(rcuser.WithRequestID(t.Context(), ""), client))
	require.Regexp(t, "^[0-9a-f]{32}$", tap.requests()[0].Header.Get("X-Request-ID"))
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
