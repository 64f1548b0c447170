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

	"github.com/f0207b22/rcuser/internal/failover"
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
	Duration   time.Duration // from asking for the credentials until the answer was read
}

// attempt is one attempt's result.
type attempt struct {
	host      failover.Choice
	signedAt  time.Time
	sent      bool // something may have left this machine
	abandoned bool // the caller's context ended during it
	final     bool // another attempt would fail the same way
	stale     bool // a kept connection turned out closed
	skewed    bool // RC refused the time that it was signed with; another would do
	answer    answer
	err       error // the cause of a failure that RC's code alone doesn't explain
}

func (a *attempt) answered() bool { return a.answer.status != 0 }

func (a *attempt) failed() bool { return !a.answered() || a.answer.verdict() != succeeded }

// outcome says whether this attempt, having failed, may have been applied.
func (a *attempt) outcome() Outcome {
	if !a.sent || a.answered() && a.answer.verdict() == refused {
		return NotApplied
	}
	return Unknown
}

// RoundTrip makes one attempt, whole: it waits for the rate limit, and then, on a clone of the request, takes the
// credentials, signs afresh, sends to the chosen host, and reads the answer. All that is noted in the repeater; the
// loop gets an empty response, as nobody asks for its opinion.
//
// The repeater must not have a method CloseIdleConnections: retryablehttp would call it whenever a call fails.
func (r *repeater) RoundTrip(req *http.Request) (*http.Response, error) {
	r.waiting = false
	ctx, start := req.Context(), time.Now()
	if err := r.client.limiter.Wait(ctx, r.demand()); err != nil {
		r.stop = fmt.Errorf("rate limit: %w", err)
		return nil, r.stop
	}
	if ctx.Err() != nil {
		r.stop = contextError(ctx)
		return nil, r.stop
	}
	r.wait += time.Since(start)
	start = time.Now()
	if r.number++; r.number == 1 {
		r.next = r.client.hosts.Pick()
	}
	r.last = attempt{host: r.next}
	r.attempt(req)
	if r.last.answered() {
		r.lastAnswered = r.last
	}
	if r.last.failed() && r.last.outcome() == Unknown {
		r.unknown = true
	}
	r.reportHost(ctx)
	r.report(ctx, time.Since(start))
	if !r.last.answered() {
		return nil, r.last.err
	}
	r.response = http.Response{StatusCode: r.last.answer.status, Body: http.NoBody, Request: req}
	return &r.response, nil
}

// attempt sends a signed clone of req and reads the answer, both within the time of one attempt.
func (r *repeater) attempt(req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), r.client.attemptTimeout)
	defer cancel()
	credentials, err := r.client.credentials(ctx)
	if err == nil {
		err = credentials.check()
	}
	if err != nil {
		r.last.final, r.last.err = true, fmt.Errorf("credentials: %w", err)
		return
	}
	use := r.client.watch()
	resp, err := r.send(ctx, req, credentials, use) //nolint:bodyclose // read closes it
	if err == nil {
		err = r.read(resp)
		use.finish()
	}
	if err == nil {
		return
	}
	r.last.abandoned = req.Context().Err() != nil
	r.last.err = r.because(req.Context(), ctx, err)
	if r.last.answered() {
		r.last.answer.fault = r.last.err
	} else {
		r.last.stale = use.stale() && ctx.Err() == nil
	}
}

// read takes the answer; an error means that it couldn't be read to its end.
func (r *repeater) read(resp *http.Response) error {
	answer := &r.last.answer
	answer.status, answer.retryAfter = resp.StatusCode, retryAfter(resp.Header)
	buffer := bodies.Get().(*body)
	defer buffer.release()
	data, err := buffer.read(resp)
	if err == nil {
		answer.open(data, resp.Header.Get("Content-Type"), r.result, r.endpoint.secret)
	}
	answer.assumeCode()
	r.last.err = answer.fault
	if answer.code == ErrSignature {
		off, again := r.client.clock.learn(r.last.signedAt, resp.Header)
		r.last.skewed = again
		switch {
		case off == nil:
		case r.last.err == nil:
			r.last.err = off
		default:
			r.last.err = fmt.Errorf("%w: %w", off, r.last.err)
		}
	}
	return err
}

// send notes whether anything may have left this machine. A net/http Transport, wrapped or not, says so by taking a
// connection; of any other RoundTripper only a failed dial is known to have sent nothing.
func (r *repeater) send(ctx context.Context, req *http.Request, credentials Credentials, use *connUse) (*http.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if use != nil {
		ctx = httptrace.WithClientTrace(ctx, use.trace())
	}
	r.last.signedAt = r.client.clock.now()
	signed := r.signed(ctx, req, credentials)
	transport := r.client.transport
	if r.fresh && r.client.fresh != nil {
		transport = r.client.fresh()
	}
	if use != nil {
		use.header = signed.Header
	}
	resp, err := transport.RoundTrip(signed)
	if use != nil && use.asked.Load() {
		r.last.sent = use.got.Load()
		return whole(resp, err)
	}
	var op *net.OpError
	r.last.sent = !errors.As(err, &op) || op.Op != "dial"
	if use != nil && err == nil {
		r.client.unwatched.Store(true)
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
	timestamp := strconv.FormatInt(r.last.signedAt.UnixMilli(), 10)
	target := *r.client.bases[r.next.Index]
	target.Path += r.endpoint.path
	signed := req.WithContext(ctx)
	signed.URL, signed.Host = &target, target.Host
	signed.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.body)), nil }
	signed.Body, _ = signed.GetBody()
	if signed.ContentLength = int64(len(r.body)); signed.ContentLength == 0 {
		signed.Body, signed.GetBody = http.NoBody, nil // else net/http takes the length for unknown
	}
	values := [...]string{ // one allocation for all of them
		credentials.AppKey, nonce, timestamp, Sign(credentials.AppSecret, nonce, timestamp), r.requestID,
		"application/x-www-form-urlencoded", r.client.userAgent,
	}
	signed.Header = http.Header{
		"App-Key":      values[0:1:1],
		"Nonce":        values[1:2:2],
		"Timestamp":    values[2:3:3],
		"Signature":    values[3:4:4],
		"X-Request-Id": values[4:5:5],
		"Content-Type": values[5:6:6],
		"User-Agent":   values[6:7:7],
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
		Endpoint: r.endpoint.path, Host: r.client.bases[r.last.host.Index].Host, RequestID: r.requestID, Number: r.number,
		StatusCode: r.last.answer.status, Code: r.last.answer.code, Err: r.last.err, Wait: r.wait, Duration: took,
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
