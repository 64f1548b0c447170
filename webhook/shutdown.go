package webhook

import (
	"context"
	"fmt"
)

// Shutdown stops the handler gracefully: new requests are answered 503, so that RC sends them again, and Shutdown returns
// nil once all callbacks have returned and the queue is empty. If ctx ends first, it cancels the callbacks' context, drops
// the queued events, and returns an error that wraps the context's cause and says how many events were dropped and how
// many goroutines are still running. Call it before or after the server's own Shutdown: neither depends on the other.
func (h *Handler) Shutdown(ctx context.Context) error {
	idle := h.close()
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
	dropped := h.queue.close()
	h.mu.Lock()
	defer h.mu.Unlock()
	return fmt.Errorf("webhook: shutting down: %d events dropped from the queue, %d callbacks still running: %w",
		dropped, h.running, context.Cause(ctx))
}

// close refuses new requests, and returns a channel that is closed when no goroutine runs any more.
func (h *Handler) close() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	if h.idle == nil {
		h.idle = make(chan struct{})
		if h.running == 0 {
			close(h.idle)
		}
	}
	return h.idle
}

// tryStart counts a goroutine of a request as running, or returns false after Shutdown. Call finish when it ends.
func (h *Handler) tryStart() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.running++
	return true
}

func (h *Handler) finish() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running--
	if h.running == 0 && h.idle != nil {
		close(h.idle)
	}
}

// goWorker starts a worker of the queue, also after Shutdown was called, as the queue has to become empty.
func (h *Handler) goWorker(work func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running++
	go func() {
		defer h.finish()
		work()
	}()
}
