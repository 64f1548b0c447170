package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// take hands the events of a request to the functions or to the queue.
func (h *Handler) take(ctx context.Context, events []Event) error {
	if h.config.Queue == 0 {
		return h.call(ctx, events)
	}
	switch {
	case h.queue.put(ctx, events):
		return nil
	case h.ending.Err() != nil:
		return h.outOfTime(nil)
	}
	return &Error{Reason: errQueueFull}
}

// call stops at the first failure, as RC will send all of the events again.
func (h *Handler) call(ctx context.Context, events []Event) error {
	for _, e := range events {
		if ctx.Err() != nil {
			return h.outOfTime(ctx.Err())
		}
		if err := h.callOne(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) callOne(ctx context.Context, e Event) error {
	switch e := e.(type) {
	case PresenceEvent:
		return callFunction(ctx, h, h.config.OnPresence, e)
	case DeactivationEvent:
		return callFunction(ctx, h, h.config.OnDeactivation, e)
	case ProfileEvent:
		return callFunction(ctx, h, h.config.OnProfile, e)
	case FriendshipEvent:
		return callFunction(ctx, h, h.config.OnFriendship, e)
	case UnknownEvent:
		return callFunction(ctx, h, h.config.OnUnknown, e)
	}
	return nil
}

func callFunction[E Event](ctx context.Context, h *Handler, function func(context.Context, E) error, e E) error {
	if function == nil {
		return nil
	}
	err := function(ctx, e)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return h.outOfTime(err)
	}
	return &Error{Reason: errFunction, Err: err}
}

// work handles one event of the queue.
func (h *Handler) work(values context.Context, e Event) {
	ctx, cancel := h.context(values)
	defer cancel()
	h.contain(func() error { return h.callOne(ctx, e) }, func(err error) {
		if failure, failed := errors.AsType[*Error](err); failed {
			h.log(ctx, "", failure)
		}
	})
}

// contain runs what calls functions of the app's, and reports how it ended even if one of them panics or ends the
// goroutine, as a test that fails does.
func (h *Handler) contain(run func() error, report func(error)) {
	var err error = &Error{Reason: errPanic, Detail: "it ended its goroutine, as t.Fatal does"}
	defer func() {
		if value := recover(); value != nil {
			err = &Error{Reason: errPanic, Detail: fmt.Sprint(value)}
			h.config.Logger.Error("webhook: a function panicked", slog.Any("panic", value), slog.String("stack", string(debug.Stack())))
		}
		report(err)
	}()
	err = run()
}

// log never has the URL: its query is the signature, and its path may be a secret too.
func (h *Handler) log(ctx context.Context, remote string, failure *Error) {
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
	h.config.Logger.LogAttrs(ctx, level, "webhook: not handled", attrs...)
}
