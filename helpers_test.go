package rcuser_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

const (
	testKey    = "app-key-7"
	testSecret = "Y1W2MeFwwwRxa0"
	success    = `{"code":200}`
	badUTF8    = "a\xffb"

	// anyAnswer has the fields that Register, Deactivate and the methods with lists look for.
	anyAnswer = `{"code":200,"userId":"u","token":"t","operateId":"o","users":[]}`
)

// exchange is a request that reached the transport.
type exchange struct {
	Method, URL string
	Header      http.Header
	Body        string
	At          time.Time
}

// wiretap records requests with their bodies and answers them with respond.
type wiretap struct {
	respond roundTripFunc
	mu      sync.Mutex
	seen    []exchange
}

func (w *wiretap) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		if err := req.Body.Close(); err != nil {
			return nil, err
		}
	}
	w.mu.Lock()
	w.seen = append(w.seen, exchange{req.Method, req.URL.String(), req.Header.Clone(), string(body), time.Now()})
	w.mu.Unlock()
	return w.respond(req)
}

// requests returns the requests that were sent so far.
func (w *wiretap) requests() []exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]exchange(nil), w.seen...)
}

func (w *wiretap) bodies() []string {
	var bodies []string
	for _, request := range w.requests() {
		bodies = append(bodies, request.Body)
	}
	return bodies
}

// gaps returns the times between each request and the next.
func (w *wiretap) gaps() []time.Duration {
	var gaps []time.Duration
	requests := w.requests()
	for i := 1; i < len(requests); i++ {
		gaps = append(gaps, requests[i].At.Sub(requests[i-1].At))
	}
	return gaps
}

// newClient returns a client for Beijing's data center, without its backup and without a rate limit. respond answers its
// requests.
func newClient(t *testing.T, respond roundTripFunc, changes ...func(*rcuser.Config)) (*rcuser.Client, *wiretap) {
	t.Helper()
	tap := &wiretap{respond: respond}
	config := rcuser.Config{
		AppKey: testKey, AppSecret: testSecret, DataCenter: rcuser.Beijing, HTTPClient: &http.Client{Transport: tap},
		Limiter: rcuser.NoLimit,
	}
	config.DataCenter.Backup = ""
	for _, change := range changes {
		change(&config)
	}
	client, err := rcuser.NewClient(config)
	require.NoError(t, err)
	return client, tap
}

// once limits a client to one attempt a call.
func once(config *rcuser.Config) { config.Retry.MaxAttempts = 1 }

// newMock returns a transport that fails the test for a request without a responder.
func newMock(t *testing.T) *httpmock.MockTransport {
	t.Helper()
	mock := httpmock.NewMockTransport()
	mock.RegisterNoResponder(unexpected(t))
	return mock
}

// unexpected fails the test for every request.
func unexpected(t *testing.T) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		t.Errorf("unexpected request: %s %s", req.Method, req.URL)
		return nil, errors.New("unexpected request")
	}
}

// inTurn answers the first request with the first step and so on, and all further ones with the last step.
func inTurn(steps ...roundTripFunc) roundTripFunc {
	var mu sync.Mutex
	return func(req *http.Request) (*http.Response, error) {
		mu.Lock()
		step := steps[0]
		if len(steps) > 1 {
			steps = steps[1:]
		}
		mu.Unlock()
		return step(req)
	}
}

// replyWith is reply with headers: a key, its value, the next key and so on.
func replyWith(status int, body string, header ...string) roundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		resp, err := reply(status, body)(req)
		for i := 0; i < len(header); i += 2 {
			resp.Header.Set(header[i], header[i+1])
		}
		return resp, err
	}
}

// failWith answers every request with an error of the transport.
func failWith(err error) roundTripFunc {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// hang returns when the attempt's context ends.
func hang(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// requireError requires err to be an *Error and returns it.
func requireError(t *testing.T, err error) *rcuser.Error {
	t.Helper()
	var rcErr *rcuser.Error
	require.ErrorAs(t, err, &rcErr)
	return rcErr
}

// ban makes a call without a result.
func ban(ctx context.Context, client *rcuser.Client) error {
	return client.Bans.Add(ctx, []string{"u1"}, time.Minute)
}

// manyIDs returns n different ids.
func manyIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("u%d", i+1)
	}
	return ids
}

// quoted returns texts as the inside of a JSON array.
func quoted(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return `"` + strings.Join(texts, `","`) + `"`
}

// onlyError adapts a method without a result.
func onlyError(call func(context.Context, *rcuser.Client) error) func(context.Context, *rcuser.Client) (any, error) {
	return func(ctx context.Context, client *rcuser.Client) (any, error) { return nil, call(ctx, client) }
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

// badIDs are refused as ids by every method, with an error that has the text.
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

// requireIDsChecked requires a method to refuse no userIDs, more than limit, which is an error with the text tooMany, and
// bad ones; and to accept limit ids and the longest id. The calls that it accepts get the answer.
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

// requireBrokenAnswers requires RC's JSON with a code of success but without what the method needs to be a broken answer.
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

// requireRefused requires RC's refusal with the code, in the first attempt.
func requireRefused(t require.TestingT, err error, code rcuser.ErrorCode) {
	var failure *rcuser.Error
	require.ErrorIs(t, err, code)
	require.ErrorAs(t, err, &failure)
	require.Equal(t, rcuser.NotApplied, failure.Outcome)
	require.Equal(t, 1, failure.Attempts)
}

// collect returns all items of an iterator that must not fail.
func collect[T any](t require.TestingT, all iter.Seq2[T, error]) []T {
	items := []T{}
	for item, err := range all {
		require.NoError(t, err)
		items = append(items, item)
	}
	return items
}

// goroutines is how many call at once in tests with many.
const goroutines = 64

// skipUnderRace skips a test in which several goroutines of one synctest bubble make timers that are due at once, as a
// retry without a wait does: Go 1.26.8 can crash on them under the race detector, in timer.maybeRunChan. Other tests look
// for races outside of bubbles.
func skipUnderRace(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("Go 1.26.8 may crash under the race detector")
	}
}

// requireSigned checks everything in a request but its path and body. before is when the call began.
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
