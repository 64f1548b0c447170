package webhook

import (
	"context"
	"fmt"
)

// Shutdown lets the handler end what it has begun: it answers new requests 503, so that RC sends them again, and
// returns nil when the functions have returned and the queue is empty. If ctx ends before, it cancels the context of the
// functions, drops what is in the queue, and returns an error that wraps the cause and says how much that was. Call it
// before the server's own Shutdown, or after: each waits for its own.
func (h *Handler) Shutdown(ctx context.Context) error {
	idle := h.close()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	select {
	case <-idle: // even if there is no time left
		return nil
	default:
	}
	h.end()
	dropped := h.queue.close()
	h.mu.Lock()
	defer h.mu.Unlock()
	return fmt.Errorf("webhook: shutting down: %d events dropped from the queue, %d functions still running: %w",
		dropped, h.running, context.Cause(ctx))
}

// close returns a channel that is closed when nothing runs any more.
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

// begin reports whether a request may run.
func (h *Handler) begin() bool {
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

// startWorker is for the queue, whose workers run longer than the requests.
func (h *Handler) startWorker(work func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running++
	go func() {
		defer h.finish()
		work()
	}()
}
