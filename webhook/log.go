package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

// No record has the URL or the body: the query contains the signature, the path may be secret too, and the body has the
// users' data.

// errNotCommitted is the cause of a timeout after the callbacks have succeeded.
var errNotCommitted = errors.New("the replay guard hasn't returned from Commit")

// logFailure logs why a request isn't answered 200, or why an event of the queue failed.
func (h *Handler) logFailure(ctx context.Context, remote string, failure *Error) {
	message := "webhook: handling failed"
	if failure.Err == errNotCommitted { //nolint:errorlint // errors.Is would call methods of the app's error, which may panic
		message = "webhook: handled, but not answered 200"
	}
	h.log(ctx, message, remote, failure)
}

// logLate logs a failure that came after the answer. One without a detail was said by the answer's own record.
func (h *Handler) logLate(ctx context.Context, err error) {
	if failure, failed := errors.AsType[*Error](err); failed && failure.detail() != "" {
		h.log(ctx, "webhook: handling failed after the answer", "", failure)
	}
}

func (h *Handler) log(ctx context.Context, message, remote string, failure *Error) {
	status := reasons[failure.Reason].status
	level := slog.LevelWarn
	if status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	attrs := []slog.Attr{slog.Int("status", status), slog.String("reason", failure.Reason.Error())}
	if detail := failure.detail(); detail != "" {
		attrs = append(attrs, slog.String("detail", detail))
	}
	if remote != "" {
		attrs = append(attrs, slog.String("remote", remote))
	}
	h.record(ctx, level, message, attrs...)
}

// record passes a record to the app's Logger. It ignores a panic of the Logger: many records are made in goroutines of the
// handler, where it would end the process, and there is nowhere else to report it.
func (h *Handler) record(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	defer func() { _ = recover() }()
	h.config.Logger.LogAttrs(ctx, level, message, attrs...)
}

func (h *Handler) logPanic(value any) {
	h.record(context.Background(), slog.LevelError, "webhook: panic", slog.Any("panic", value), slog.String("stack", string(debug.Stack())))
}

// logGuard logs an error of the guard that doesn't change the answer.
func (h *Handler) logGuard(ctx context.Context, message string, err error) {
	h.record(ctx, slog.LevelWarn, message, slog.String("reason", errGuard.Error()), slog.String("detail", textOf(err)))
}

// warn logs something odd about a request that is handled all the same.
func (h *Handler) warn(q *request, message, reason string) {
	h.record(&q.ctx, slog.LevelWarn, message, slog.String("reason", reason), slog.String("remote", q.http.RemoteAddr))
}

func (h *Handler) warnOfTwoBodies(q *request) {
	h.warn(q, "webhook: two bodies at the same time", "they have the same signature, so that one of them is not RC's")
}

// warnOfOtherBody logs if a request that isn't handled again has another body than the one that was.
func (h *Handler) warnOfOtherBody(q *request) {
	if h.bodies.differs(&q.hold) {
		h.warn(q, "webhook: answered 200 but not handled", "another body with the same signature was handled")
	}
}

func (h *Handler) warnOfUnreadable(q *request, d decoded) {
	reason := d.reason.Error()
	if failure, ok := errors.AsType[*Error](d.reason); ok {
		reason = failure.detail()
	}
	h.warn(q, fmt.Sprintf("webhook: %d of %d events are unreadable, handled as UnknownEvent", d.unreadable, len(d.events)), reason)
}

// fullGuard limits the records about a guard that is full.
type fullGuard struct {
	mu       sync.Mutex
	reported uint64 // of what the guard has forgotten
	at       time.Time
}

const fullGuardInterval = time.Minute

// warnIfGuardFull logs once a minute at most if the guard in memory has had to forget requests too early.
func (h *Handler) warnIfGuardFull(ctx context.Context) {
	guard, ok := h.config.Replays.(*memoryGuard)
	if !ok {
		return
	}
	if forgotten := h.fullGuard.news(guard.forgotten.Load()); forgotten > 0 {
		h.record(ctx, slog.LevelWarn, "webhook: the replay guard is full",
			slog.String("reason", "it forgot requests whose signatures are still valid, which could be replayed; raise its limit"),
			slog.Uint64("forgotten", forgotten), slog.Int("limit", guard.handled.limit))
	}
}

// news returns by how much total has grown since the last report, or 0 if that is less than a minute ago.
func (f *fullGuard) news(total uint64) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if total == f.reported {
		return 0
	}
	now := time.Now()
	if passed := now.Sub(f.at); passed >= 0 && passed < fullGuardInterval {
		return 0
	}
	grown := total - f.reported
	f.reported, f.at = total, now
	return grown
}
