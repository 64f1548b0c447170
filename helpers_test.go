package rcuser_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
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
)

// exchange is a request as the transport got it.
type exchange struct {
	Method, URL string
	Header      http.Header
	Body        string
	At          time.Time
}

// wiretap records requests, body and all, and lets respond answer them.
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

// requests returns what was sent up to now.
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

// gaps are the times between one request and the next.
func (w *wiretap) gaps() []time.Duration {
	var gaps []time.Duration
	requests := w.requests()
	for i := 1; i < len(requests); i++ {
		gaps = append(gaps, requests[i].At.Sub(requests[i-1].At))
	}
	return gaps
}

// newClient returns a client of Beijing's data center whose requests respond answers.
func newClient(t *testing.T, respond roundTripFunc, changes ...func(*rcuser.Config)) (*rcuser.Client, *wiretap) {
	t.Helper()
	tap := &wiretap{respond: respond}
	config := rcuser.Config{
		AppKey: testKey, AppSecret: testSecret, DataCenter: rcuser.Beijing, HTTPClient: &http.Client{Transport: tap},
		Limiter: rcuser.NoLimit,
	}
	config.DataCenter.Backup = "" // tests of failover and of limits ask for them
	for _, change := range changes {
		change(&config)
	}
	client, err := rcuser.NewClient(config)
	require.NoError(t, err)
	return client, tap
}

// once makes a client that doesn't repeat.
func once(config *rcuser.Config) { config.Retry.MaxAttempts = 1 }

// newMock returns a transport that fails the test when asked for what it has no answer to.
func newMock(t *testing.T) *httpmock.MockTransport {
	t.Helper()
	mock := httpmock.NewMockTransport()
	mock.RegisterNoResponder(unexpected(t))
	return mock
}

// unexpected is for tests in which nothing may be sent, or nothing more.
func unexpected(t *testing.T) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		t.Errorf("unexpected request: %s %s", req.Method, req.URL)
		return nil, errors.New("unexpected request")
	}
}

// inTurn answers the first request by the first step and so on; the last step answers all that follow.
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

// replyWith is reply with headers, given as key, value, key, value ....
func replyWith(status int, body string, header ...string) roundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		resp, err := reply(status, body)(req)
		for i := 0; i < len(header); i += 2 {
			resp.Header.Set(header[i], header[i+1])
		}
		return resp, err
	}
}

// failWith is a transport's failure.
func failWith(err error) roundTripFunc {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// hang answers when the attempt is over.
func hang(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// requireError returns err as the *Error that it has to be.
func requireError(t *testing.T, err error) *rcuser.Error {
	t.Helper()
	var rcErr *rcuser.Error
	require.ErrorAs(t, err, &rcErr)
	return rcErr
}

// ban is some call that answers with nothing but success.
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
