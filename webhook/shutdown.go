package webhook

import (
	"context"
	"fmt"
)

// Shutdown stops the handler gracefully: new requests are answered 503, so that RC sends them again, and Shutdown returns
// nil once all callbacks have returned and the queue is empty. Requests that wait for another one with the same signature
// still get its result.
//
// If ctx ends first, Shutdown cancels the callbacks' context, empties the queue, and returns a [*ShutdownError] with the
// events that were waiting in it. Call it before or after the server's own Shutdown: neither depends on the other.
func (h *Handler) Shutdown(ctx context.Context) error {
	idle := h.refuseRequests()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	select {
	case <-idle: // checked again, because the first select may choose ctx.Done if both are ready
		return nil
	default:
	}
	h.cancelAll()
	events := h.queue.close()
	return &ShutdownError{Events: events, Running: h.giveUp(), Err: context.Cause(ctx)}
}

// ShutdownError is the error of [Handler.Shutdown] if its context ended before everything was handled.
type ShutdownError struct {
	// Events were answered 200 but not handled, in the order of the queue: RC won't send them again, so store them. The event
	// that a worker is handling isn't among them: its callback's context is canceled, and its failure is logged. A request
	// that was queued but whose ReplayGuard has not returned from Commit is answered 503: its events are among these, and RC sends
	// them again too.
	Events  []Event
	Running int   // goroutines that are still handling a request or an event, with canceled contexts
	Err     error // the cause of the context's end
}

// Error returns a text such as "webhook: shutting down: 3 queued events not handled, 2 callbacks still running: context
// deadline exceeded".
func (e *ShutdownError) Error() string {
	return fmt.Sprintf("webhook: shutting down: %d queued events not handled, %d callbacks still running: %v", len(e.Events), e.Running, e.Err)
}

// Unwrap returns the cause.
func (e *ShutdownError) Unwrap() error { return e.Err }
