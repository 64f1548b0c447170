package rcuser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/f0207b22/rcuser/internal/clock"
	"github.com/f0207b22/rcuser/internal/conn"
	"github.com/f0207b22/rcuser/internal/failover"
)

// sender makes attempts: it signs a request, sends it and reads the answer.
type sender struct {
	credentials      CredentialsFunc // a closure, so that no way of printing a client can reach the secret
	fixedCredentials bool            // known already, so no deadline is needed to get them
	bases            []*url.URL      // the primary's and, if there is one, the backup's
	clock            clock.Clock
	dialect          *dialect
	userAgent        string
	timeout          time.Duration // of an attempt

	pool      *conn.Pool        // the SDK's own connections; nil if the user brought a transport
	transport http.RoundTripper // the user's, or what WrapTransport made; nil if requests go to the pool itself
}

func (s *sender) hostName(c failover.Choice) string { return s.bases[c.Index].Host }

// attempt is the result of an attempt.
type attempt struct {
	host       failover.Choice
	signedAt   time.Time
	serverTime time.Time // of an answer that refused the signature, if it says so
	sent       bool      // something may have left this machine
	abandoned  bool      // the caller's context ended during it
	silent     bool      // by its deadline, when the host had sent nothing for so long that it counts as failed
	final      bool      // the credentials failed, so no other attempt is made
	connClosed bool      // the peer had already closed the reused connection
	answer     answer
	err        error // the cause of a failure, if it isn't RC's code alone
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

// attempt sends the request once to the chosen host and reads the answer into the result, all within the time of one
// attempt, which began at start.
func (s *sender) attempt(ctx context.Context, req *request, result result, to step, start time.Time) attempt {
	a := attempt{host: to.host}
	deadline := start.Add(s.timeout)
	limited := ctx
	if s.transport != nil || !s.fixedCredentials {
		var cancel context.CancelFunc
		limited, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	credentials, err := s.credentials(limited)
	if !s.fixedCredentials {
		start = time.Now()
		if err == nil { // they may have come too late
			err = contextEnd(limited)
		}
	}
	if err != nil {
		a.final, a.err = true, credentialsError{err}
		return a
	}
	a.signedAt = start.Add(to.correction)
	if s.transport == nil {
		err = s.sendPooled(ctx, &a, req, result, credentials, deadline, to.newConn)
	} else {
		err = s.sendWatched(limited, &a, req, result, credentials, deadline, to.newConn)
	}
	if err == nil {
		return a
	}
	a.err = err
	if ended := contextEnd(ctx); ended != nil {
		a.abandoned, a.err, a.silent = true, ended, !a.answered() && s.silentTooLong(ctx, start)
	} else if !time.Now().Before(deadline) {
		a.err = fmt.Errorf("no answer within %v: %w", s.timeout, context.DeadlineExceeded)
	}
	if a.answered() {
		a.answer.problem = a.err
	}
	return a
}

const silentPart = 5 // a fifth of an attempt's time

// silentTooLong reports whether ctx ended by its deadline, and so long after start that a host without an answer counts as
// failed: many callers have deadlines that are shorter than an attempt.
func (s *sender) silentTooLong(ctx context.Context, start time.Time) bool {
	return !errors.Is(ctx.Err(), context.Canceled) && time.Since(start) >= s.timeout/silentPart
}

// sendPooled sends through the SDK's own connections.
func (s *sender) sendPooled(ctx context.Context, a *attempt, req *request, result result, credentials Credentials, deadline time.Time, newConn bool) error {
	c, err := s.pool.Take(ctx, s.bases[a.host.Index], deadline, newConn)
	if err != nil {
		return nameCause(err, notConnected)
	}
	complete := false
	defer func() { // also if decoding into the caller's type panics
		if complete {
			c.Release()
		} else {
			c.Close()
		}
	}()
	a.sent = true
	resp, err := c.RoundTrip(s.newRequest(ctx, new(outgoing), req, a, credentials))
	a.connClosed = c.PeerClosed()
	if err != nil {
		return nameCause(err, stageOf(true, c.Answered()))
	}
	err = s.read(a, resp, req, result)
	complete = err == nil
	return err
}

// read reads the answer into a and result. An error means that it couldn't be read to its end.
func (s *sender) read(a *attempt, resp *http.Response, req *request, result result) error {
	if resp.StatusCode < http.StatusContinue { // net/http accepts 000 to 099, and a RoundTripper may return anything
		_ = resp.Body.Close()
		return fmt.Errorf("broken answer: its HTTP status is %03d", resp.StatusCode)
	}
	a.answer.status, a.answer.retryAfter = resp.StatusCode, retryAfter(resp.Header)
	buffer := bodies.Get().(*bodyBuffer)
	defer buffer.release()
	data, err := buffer.read(resp)
	if err == nil {
		a.answer.decode(s.dialect, data, resp.Header, result, req.endpoint.secret)
	}
	a.answer.incomplete = err != nil
	a.answer.assumeCode()
	a.err = a.answer.problem
	if a.answer.code == ErrSignature {
		a.serverTime = clock.ServerTime(resp.Header)
	}
	return err
}

// outgoing holds everything of a request in one allocation. It isn't reused: net/http may read it after the attempt
// has failed.
type outgoing struct {
	request http.Request
	url     url.URL
	body    bytes.Reader
	values  [7]string // of the headers
}

// newRequest fills out with the signed request for the attempt's host. Nonce, time and signature are new for each
// attempt, because RC may refuse a nonce that it has seen.
func (s *sender) newRequest(ctx context.Context, out *outgoing, req *request, a *attempt, credentials Credentials) *http.Request {
	out.url = *s.bases[a.host.Index]
	out.url.Path += req.endpoint.path
	nonce, timestamp, signature := newSignature(credentials.AppSecret, a.signedAt)
	out.values = [...]string{credentials.AppKey, nonce, timestamp, signature, req.id, req.contentType, s.userAgent}
	values := &out.values
	r := http.Request{
		Method: http.MethodPost, URL: &out.url, Host: out.url.Host,
		Header: http.Header{
			"App-Key":      values[0:1:1],
			"Nonce":        values[1:2:2],
			"Timestamp":    values[2:3:3],
			"Signature":    values[3:4:4],
			"X-Request-Id": values[4:5:5],
			"Content-Type": values[5:6:6],
			"User-Agent":   values[6:7:7],
		},
	}
	if r.ContentLength = int64(len(req.body)); r.ContentLength > 0 { // net/http takes 0 with a body for an unknown length
		out.body.Reset(req.body)
		r.Body = io.NopCloser(&out.body)
	} else {
		r.Body = http.NoBody
	}
	out.request = *r.WithContext(ctx)
	return &out.request
}

// contextEnd returns why ctx has ended, or nil if it hasn't. A passed deadline counts before ctx itself notices it: a dial
// has a timer of its own.
func contextEnd(ctx context.Context) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// contextError returns ctx's error, with the cause if it was cancelled with one.
func contextError(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(ctx.Err(), cause) {
		return fmt.Errorf("%w: %w", ctx.Err(), cause)
	}
	return ctx.Err()
}
