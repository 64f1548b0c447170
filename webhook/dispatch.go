package webhook

import (
	"context"
	"errors"
	"fmt"
)

// accept queues the events of a request with its values or, without a queue, calls their callbacks with ctx.
func (h *Handler) accept(ctx, values context.Context, events []Event) error {
	if h.config.Queue == 0 {
		return h.dispatchAll(ctx, events)
	}
	switch {
	case h.queue.add(values, events):
		return nil
	case h.lifetime.Err() != nil:
		return h.contextError(nil)
	}
	return &Error{Reason: errQueueFull}
}

// dispatchAll stops at the first failure, because RC then sends all events of the request again.
func (h *Handler) dispatchAll(ctx context.Context, events []Event) error {
	for _, e := range events {
		if ctx.Err() != nil {
			return h.contextError(ctx.Err())
		}
		if err := h.dispatch(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) dispatch(ctx context.Context, e Event) error {
	switch e := e.(type) {
	case PresenceEvent:
		return callback(ctx, h, h.config.OnPresence, e)
	case DeactivationEvent:
		return callback(ctx, h, h.config.OnDeactivation, e)
	case ProfileEvent:
		return callback(ctx, h, h.config.OnProfile, e)
	case FriendshipEvent:
		return callback(ctx, h, h.config.OnFriendship, e)
	case UnknownEvent:
		return callback(ctx, h, h.config.OnUnknown, e)
	}
	return nil
}

func callback[E Event](ctx context.Context, h *Handler, on func(context.Context, E) error, e E) error {
	if on == nil {
		return nil
	}
	err := on(ctx, e)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return h.contextError(err)
	}
	return &Error{Reason: errCallback, Err: err}
}

// handleQueued dispatches an event of the queue and logs its failure.
func (h *Handler) handleQueued(values context.Context, e Event) {
	ctx, cancel := h.detach(values)
	defer cancel()
	h.protect(func() error { return h.dispatch(ctx, e) }, func(err error) {
		if failure, failed := errors.AsType[*Error](err); failed {
			h.logFailure(ctx, "", failure)
		}
	})
}

// protect passes run's result to report exactly once, also if run panics or ends its goroutine by runtime.Goexit.
func (h *Handler) protect(run func() error, report func(error)) {
	var err error = &Error{Reason: errPanic, Detail: "runtime.Goexit was called, as t.Fatal does"}
	defer func() {
		if value := recover(); value != nil {
			err = &Error{Reason: errPanic, Detail: fmt.Sprint(value)}
			h.logPanic(value)
		}
		report(err)
	}()
	err = run()
}

// detach returns a context with the values of parent that doesn't end when RC closes the connection, but when Shutdown
// gives up.
func (h *Handler) detach(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(h.lifetime, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// contextError returns the error for work whose context ended, with err as its cause.
func (h *Handler) contextError(err error) *Error {
	if h.lifetime.Err() != nil {
		return &Error{Reason: errShutdown, Err: err}
	}
	return &Error{Reason: errTimeout, Err: err}
}
