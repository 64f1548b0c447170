package rcuser

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Attempt is what Config.OnAttempt learns about an attempt after it ended. It holds no secret, token or form value.
type Attempt struct {
	Endpoint   string        // the path
	Host       string        // that it was sent to
	RequestID  string        // the same for all attempts of a call
	Number     int           // 1 for a call's first
	StatusCode int           // the HTTP status; 0 if there was no answer
	Code       ErrorCode     // RC's code, but ErrRateLimited for an HTTP 429; 0 if there is none
	Err        error         // the cause of a failure; nil if RC's code is the only one
	Wait       time.Duration // how long the call waited before it
	Duration   time.Duration // from asking for the credentials until the answer was read
}

// CallInfo is what Config.OnCall learns about a call after it ended. It holds no secret, token or form value, unless the
// error has one in a message of RC's.
type CallInfo struct {
	Endpoint   string        // the path
	RequestID  string        // the same for all attempts of the call
	Attempts   int           // 0 if the call ended before the first
	StatusCode int           // the HTTP status of the last answer; 0 if there was none
	Err        error         // the *Error that the caller gets, or another error after a panic; nil if the call succeeded
	Duration   time.Duration // of the whole call, waits included
}

// observer tells the user's hooks and logger what happens.
type observer struct {
	onAttempt func(context.Context, Attempt)
	onCall    func(context.Context, CallInfo)
	logger    *slog.Logger
}

// enabled reports whether attempts are observed.
func (o observer) enabled() bool { return o.onAttempt != nil || o.logger != nil }

// attempted reports an attempt.
func (o observer) attempted(ctx context.Context, a Attempt) {
	if o.onAttempt != nil {
		o.onAttempt(ctx, a)
	}
	if o.logger != nil && o.logger.Enabled(ctx, slog.LevelDebug) {
		o.logger.LogAttrs(ctx, slog.LevelDebug, "rcuser: attempt", a.attrs()...)
	}
}

// warn logs an event that concerns other calls too.
func (o observer) warn(ctx context.Context, req *request, message string, attrs ...slog.Attr) {
	if o.logger != nil {
		attrs = append(attrs, slog.String("endpoint", req.endpoint.path), slog.String("request_id", req.id))
		o.logger.LogAttrs(ctx, slog.LevelWarn, message, attrs...)
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

// do runs the call and tells Config.OnCall how it ended.
func (r *retrier) do(ctx context.Context) error {
	if r.observer.onCall == nil {
		return r.run(ctx)
	}
	info := CallInfo{Endpoint: r.request.endpoint.path, RequestID: r.request.id, Err: errPanicked}
	start := time.Now()
	defer func() {
		info.Attempts, info.StatusCode, info.Duration = r.history.attempts, r.lastStatus(), time.Since(start)
		r.observer.onCall(ctx, info)
	}()
	err := r.run(ctx)
	info.Err = err
	return err
}

// errPanicked is what Config.OnCall gets if a call never returned: the panic or the runtime.Goexit itself goes on.
var errPanicked = errors.New("rcuser: something in the call panicked")

// lastStatus returns the HTTP status of the last answer; 0 if there was none.
func (r *retrier) lastStatus() int {
	switch h := &r.history; {
	case h.last.answered():
		return h.last.answer.status
	case h.lastAnswered != nil:
		return h.lastAnswered.answer.status
	}
	return 0
}
