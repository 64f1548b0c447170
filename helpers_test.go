package rcuser_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
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

// collect returns all items of an iterator that must not fail.
func collect[T any](t require.TestingT, all iter.Seq2[T, error]) []T {
	items := []T{}
	for item, err := range all {
		require.NoError(t, err)
		items = append(items, item)
	}
	return items
}

// goroutines is how many goroutines concurrency tests start.
const goroutines = 64

// skipUnderRace skips a test whose goroutines create timers that are due at once in one synctest bubble, as a retry without
// a wait does: Go 1.26.8 can crash under the race detector then, in timer.maybeRunChan. Tests outside of bubbles cover races.
func skipUnderRace(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("Go 1.26.8 may crash under the race detector")
	}
}

// overWire returns a client with the SDK's own connections to the base URL and minimal waits.
func overWire(t *testing.T, base string, changes ...func(*rcuser.Config)) *rcuser.Client {
	t.Helper()
	client, _ := newClient(t, nil, append([]func(*rcuser.Config){func(c *rcuser.Config) {
		c.HTTPClient = nil
		c.DataCenter = rcuser.DataCenter{Primary: base}
		c.Retry.BaseWait = 1
	}}, changes...)...)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func answer(w http.ResponseWriter, status int, body string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func reply(status int, body string) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		recorder := &http.Response{
			StatusCode: status, Header: http.Header{}, Request: req,
			Body: readCloser{strings.NewReader(body)},
		}
		return recorder, nil
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

const html = "<html><body>Bad Gateway</body></html>"

const (
	limited = `{"code":1008}`
	locked  = `{"code":1006}`
)

// timed runs a call and returns how long it took.
func timed(call func() error) (time.Duration, error) {
	start := time.Now()
	err := call()
	return time.Since(start), err
}

// refusedDial is a failure before anything was sent.
func refusedDial() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

// connReset is a failure after which the request may have been applied.
func connReset() error {
	return &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
}

// slowBody answers with a body that blocks until the attempt ends.
func slowBody(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(readerFunc(func([]byte) (int, error) {
		<-req.Context().Done()
		return 0, req.Context().Err()
	}))}, nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// warnings is a log of level INFO and above.
type warnings struct{ log bytes.Buffer }

func (w *warnings) to(config *rcuser.Config) {
	config.Logger = slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

func (w *warnings) count(text string) int { return strings.Count(w.log.String(), text) }

const switching = `level=WARN msg="rcuser: switching to the other host"`

func fixedCredentials(key, secret string) rcuser.CredentialsFunc {
	return func(context.Context) (rcuser.Credentials, error) {
		return rcuser.Credentials{AppKey: key, AppSecret: secret}, nil
	}
}
