// Package loop repeats the attempts of a call with go-retryablehttp, whose decisions are all left to the call.
package loop

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Call is what is repeated. It remembers the result of its attempts itself.
type Call interface {
	// Attempt makes a further attempt.
	Attempt(ctx context.Context)
	// Next decides whether another attempt follows the last one, and how long to wait before it.
	Next(ctx context.Context) (wait time.Duration, again bool)
}

// Run makes the attempts that follow a call's first one, which was made already. It reports whether ctx ended during a
// wait between two attempts.
func Run(ctx context.Context, call Call) (interrupted bool) {
	t := &attemptTransport{call: call}
	client := retryablehttp.Client{
		HTTPClient: &http.Client{Transport: t},
		RetryMax:   math.MaxInt,
		CheckRetry: func(ctx context.Context, _ *http.Response, _ error) (again bool, err error) {
			t.wait, again = call.Next(ctx)
			return again, nil
		},
		Backoff: func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return t.wait },
	}
	req := &http.Request{Method: http.MethodPost, URL: placeholderURL, Header: http.Header{}}
	_, err := client.Do(&retryablehttp.Request{Request: req.WithContext(ctx)}) //nolint:bodyclose // it is empty
	return err != nil
}

// placeholderURL is needed for a valid request; attempts have URLs of their own.
var placeholderURL = &url.URL{Scheme: "https", Host: "rc.invalid"}

// attemptTransport makes an attempt for each request but the first: go-retryablehttp always sends once, and the first
// attempt was made already. It has no method CloseIdleConnections, which go-retryablehttp would call whenever a call
// fails.
type attemptTransport struct {
	call  Call
	begun bool // the first request was sent
	wait  time.Duration
}

// RoundTrip never fails: the call itself knows what became of the attempt.
func (t *attemptTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.begun {
		t.call.Attempt(req.Context())
	}
	t.begun = true
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
}
