package rcuser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"time"
)

// Attempt is what Config.OnAttempt learns about an attempt after it ended. It holds no secret, token or form value.
type Attempt struct {
	Endpoint   string        // the path
	Host       string        // that it was sent to
	RequestID  string        // the same for all attempts of a call
	Number     int           // 1 for a call's first
	StatusCode int           // of HTTP; 0 if no answer came
	Code       ErrorCode     // RC's; 0 if it succeeded or had none
	Err        error         // the cause of a failure, if it isn't the code alone
	Wait       time.Duration // how long the call waited before it
	Duration   time.Duration // from sending until the answer was read
}

// attempt is one attempt's result.
type attempt struct {
	host   string
	sent   bool // something may have left this machine
	final  bool // another attempt would fail the same way
	answer *answer
	err    error // the cause of a failure that RC's code alone doesn't explain
}

func (a *attempt) failed() bool { return a.answer == nil || a.answer.verdict() != succeeded }

// outcome says whether this attempt, having failed, may have been applied.
func (a *attempt) outcome() Outcome {
	if !a.sent || a.answer != nil && a.answer.verdict() == refused {
		return NotApplied
	}
	return Unknown
}

// RoundTrip makes one attempt, whole: it waits for the rate limit, and then, on a clone of the request, chooses the
// host, takes the credentials, signs afresh, sends, and reads the answer. All that is noted in the repeater; the
// loop gets an empty response, as nobody asks for its opinion.
//
// The repeater must not have a method CloseIdleConnections: retryablehttp would call it whenever a call fails.
func (r *repeater) RoundTrip(req *http.Request) (*http.Response, error) {
	r.waiting = false
	start := time.Now()
	if err := r.client.limiter.Wait(req.Context(), r.endpoint.path, r.units); err != nil {
		r.stop = fmt.Errorf("rate limit: %w", err)
		return nil, r.stop
	}
	if req.Context().Err() != nil {
		r.stop = contextError(req.Context())
		return nil, r.stop
	}
	r.wait += time.Since(start)
	start = time.Now()
	r.number++
	r.last = r.attempt(req)
	if r.last.answer != nil {
		r.lastAnswered = r.last
	}
	if r.last.failed() && r.last.outcome() == Unknown {
		r.unknown = true
	}
	r.report(req.Context(), time.Since(start))
	if r.last.answer == nil {
		return nil, r.last.err
	}
	return &http.Response{StatusCode: r.last.answer.status, Body: http.NoBody, Request: req}, nil
}

// attempt sends a signed clone of req and reads the answer, both within the time of one attempt.
func (r *repeater) attempt(req *http.Request) *attempt {
	result := &attempt{host: r.client.host.Host}
	ctx, cancel := context.WithTimeout(req.Context(), r.client.attemptTimeout)
	defer cancel()
	credentials, err := r.client.credentials(ctx)
	if err == nil {
		err = credentials.check()
	}
	if err != nil {
		result.final, result.err = true, fmt.Errorf("credentials: %w", err)
		return result
	}
	resp, err := r.send(ctx, req, credentials, result)
	if err != nil {
		result.err = r.because(req.Context(), ctx, err)
		return result
	}
	result.answer, err = readAnswer(resp, r.endpoint.secret)
	if err != nil {
		result.answer.fault = r.because(req.Context(), ctx, err)
	}
	if result.answer.verdict() == succeeded {
		if err := r.decode(result.answer.body); err != nil {
			result.answer.fault = brokenAnswer(err)
		}
	}
	result.err = result.answer.fault
	return result
}

// send notes in result whether anything may have left this machine. A net/http Transport says so by taking a
// connection; of any other RoundTripper only a failed dial is known to have sent nothing.
func (r *repeater) send(ctx context.Context, req *http.Request, credentials Credentials, result *attempt) (*http.Response, error) {
	_, traced := r.client.transport.(*http.Transport)
	if traced {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			GotConn: func(httptrace.GotConnInfo) { result.sent = true },
		})
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	resp, err := r.client.transport.RoundTrip(r.signed(ctx, req, credentials))
	if !traced {
		var op *net.OpError
		result.sent = !errors.As(err, &op) || op.Op != "dial"
	}
	return whole(resp, err)
}

// whole tolerates what net/http's client does: RoundTrippers written for tests return answers without a body.
func whole(resp *http.Response, err error) (*http.Response, error) {
	switch {
	case err != nil:
		return nil, err
	case resp == nil:
		return nil, errors.New("the HTTP client's Transport returned neither an answer nor an error")
	case resp.Body == nil:
		resp.Body = http.NoBody
	}
	return resp, nil
}

// signed clones req for the host. Nonce, time and signature are new every time: RC may refuse a pair it has seen.
func (r *repeater) signed(ctx context.Context, req *http.Request, credentials Credentials) *http.Request {
	nonce := randomHex(8)
	timestamp := strconv.FormatInt(time.Now().UnixMilli(), 10)
	target := *r.client.host
	target.Path += r.endpoint.path
	signed := req.WithContext(ctx)
	signed.URL, signed.Host = &target, target.Host
	signed.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.body)), nil }
	signed.Body, _ = signed.GetBody()
	if signed.ContentLength = int64(len(r.body)); signed.ContentLength == 0 {
		signed.Body, signed.GetBody = http.NoBody, nil // else net/http takes the length for unknown
	}
	signed.Header = http.Header{
		"App-Key":      {credentials.AppKey},
		"Nonce":        {nonce},
		"Timestamp":    {timestamp},
		"Signature":    {Sign(credentials.AppSecret, nonce, timestamp)},
		"X-Request-Id": {r.requestID},
		"Content-Type": {"application/x-www-form-urlencoded"},
		"User-Agent":   {r.client.userAgent},
	}
	return signed
}

// because turns what net/http returned into a cause that says whose time was up.
func (r *repeater) because(call, attempt context.Context, err error) error {
	if call.Err() != nil {
		return contextError(call)
	}
	if attempt.Err() != nil {
		return fmt.Errorf("no answer within %v: %w", r.client.attemptTimeout, attempt.Err())
	}
	return err
}

// contextError is ctx's error together with its cause, if it has one of its own.
func contextError(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(ctx.Err(), cause) {
		return fmt.Errorf("%w: %w", ctx.Err(), cause)
	}
	return ctx.Err()
}

// report tells the hook and the log about the last attempt.
func (r *repeater) report(ctx context.Context, took time.Duration) {
	if r.client.onAttempt == nil && r.client.logger == nil {
		return
	}
	a := Attempt{
		Endpoint: r.endpoint.path, Host: r.last.host, RequestID: r.requestID, Number: r.number,
		Err: r.last.err, Wait: r.wait, Duration: took,
	}
	if answer := r.last.answer; answer != nil {
		a.StatusCode, a.Code = answer.status, answer.code
	}
	if r.client.onAttempt != nil {
		r.client.onAttempt(ctx, a)
	}
	if r.client.logger != nil {
		r.client.logger.LogAttrs(ctx, slog.LevelDebug, "rcuser: attempt", a.attrs()...)
	}
}

func (a Attempt) attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("endpoint", a.Endpoint),
		slog.String("host", a.Host),
		slog.String("request_id", a.RequestID),
		slog.Int("attempt", a.Number),
		slog.Int("status", a.StatusCode),
		slog.Int("code", int(a.Code)),
		slog.Duration("wait", a.Wait),
		slog.Duration("duration", a.Duration),
	}
	if a.Err != nil {
		attrs = append(attrs, slog.String("error", a.Err.Error()))
	}
	return attrs
}
