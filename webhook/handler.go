package webhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	maxBody       = 1 << 20
	answerTimeout = 4 * time.Second                      // RC waits for 5 s
	readTimeout   = answerTimeout - 100*time.Millisecond // shorter, so that reading the body ends before the answer is due
	settleTimeout = 5 * time.Second                      // for the guard, after a request was handled
)

// Handler receives RC's webhooks: it verifies the signature, drops replayed requests, decodes the events and calls the
// callbacks of its [Config]. Create it with [NewHandler] and mount it at the URL that is configured in RC's console. It is
// safe for concurrent use.
//
// It answers within 4 seconds: 200 if the request was handled, now or before, otherwise the status and the text of the
// [Reason]. It reads at most 1 MiB of a body, and only after the signature is verified.
//
// Set the server's ReadHeaderTimeout, which a handler can't enforce. Middleware must not read the body. Middleware that
// wraps the ResponseWriter must implement Unwrap, as [http.ResponseController] requires; without it, only the server's
// ReadTimeout limits how long a slow body may take.
type Handler struct {
	config Config
	queue  queue

	mu      sync.Mutex
	running int // goroutines, including those whose requests were already answered
	closed  bool
	idle    chan struct{} // closed when running reaches 0; nil before Shutdown

	lifetime  context.Context // canceled when Shutdown gives up
	cancelAll context.CancelFunc
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h == nil || h.config.Credentials == nil {
		http.Error(w, "the handler was not made by NewHandler", http.StatusInternalServerError)
		return
	}
	// The deadline isn't reset here, because the server reads the rest of the body before it answers and before it reuses
	// the connection. The server clears the deadline itself at the end of the body.
	limited := http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTimeout)) == nil
	err := h.handle(r)
	if err != nil && !limited {
		w.Header().Set("Connection", "close") // so that the server doesn't wait for the rest of the body
	}
	h.respond(w, r, err)
}

// handle runs the app's code in goroutines of its own, as that code may take longer than RC waits. It reads the body in
// the server's goroutine, as net/http requires.
func (h *Handler) handle(r *http.Request) error {
	parent, release := h.detach(r.Context())
	defer release()
	ctx, cancel := context.WithTimeout(parent, answerTimeout)
	defer cancel()
	params, err := checkRequest(r)
	if err != nil {
		return err
	}
	var request Verified
	err = h.runUntil(ctx, func() (err error) {
		request, err = h.verify(ctx, params)
		return err
	})
	if err != nil {
		return err
	}
	body, err := readBody(r) // before the claim, so that a replayed URL with a slow body can't block RC's own request
	if err != nil {
		return err
	}
	return h.runUntil(ctx, func() error { return h.process(ctx, request, body) })
}

// runUntil returns the result of run, or an error as soon as ctx ends. In that case run continues in the background.
func (h *Handler) runUntil(ctx context.Context, run func() error) error {
	if !h.tryStart() {
		return &Error{Reason: errShutdown}
	}
	done := make(chan error, 1)
	go func() {
		defer h.finish()
		h.protect(run, func(err error) { done <- err })
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return h.contextError(nil)
	}
}

// contextError returns the error for work whose context ended, with err as its cause.
func (h *Handler) contextError(err error) error {
	if h.lifetime.Err() != nil {
		return &Error{Reason: errShutdown, Err: err}
	}
	return &Error{Reason: errTimeout, Err: err}
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

// checkRequest does the cheap checks, which refuse most requests that aren't RC's.
func checkRequest(r *http.Request) (signatureParams, error) {
	switch {
	case r.Method != http.MethodPost:
		return signatureParams{}, &Error{Reason: ErrMethod}
	case r.ContentLength > maxBody:
		return signatureParams{}, &Error{Reason: ErrTooLarge}
	}
	return parseParams(r)
}

func (h *Handler) verify(ctx context.Context, params signatureParams) (Verified, error) {
	credentials, err := h.config.Credentials(ctx)
	if err != nil {
		return Verified{}, &Error{Reason: ErrCredentials, Err: err}
	}
	return params.verify(h.config.Window, credentials)
}

// process claims, decodes and dispatches a verified request. It returns nil only if RC must not send it again.
func (h *Handler) process(ctx context.Context, request Verified, body []byte) error {
	switch claim, err := h.config.Replays.Claim(ctx, request.ReplayKey); {
	case err != nil:
		return &Error{Reason: errGuard, Err: err}
	case claim == Handled:
		return nil
	case claim == Busy:
		return &Error{Reason: errBusy}
	case claim != Claimed:
		return &Error{Reason: errGuard, Detail: "Claim returned an unknown value"}
	}
	handled := false
	defer func() { h.settle(ctx, request, handled) }()
	events, err := Decode(body)
	if err != nil {
		return err
	}
	if err := h.accept(ctx, events); err != nil {
		return err
	}
	handled = true
	return nil
}

// settle commits or releases the claim. An error of the guard is only logged, because the events were handled or failed
// already; but a guard that takes too long still makes the answer 503.
func (h *Handler) settle(ctx context.Context, request Verified, handled bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	var err error
	if handled {
		err = h.config.Replays.Commit(ctx, request.ReplayKey, h.config.Window.retainUntil(request.SignedAt))
	} else {
		err = h.config.Replays.Release(ctx, request.ReplayKey)
	}
	if err != nil {
		h.logFailure(ctx, "", &Error{Reason: errGuard, Err: err})
	}
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1)) // one byte more, to detect a body that is too large
	_, limited := errors.AsType[*http.MaxBytesError](err)
	switch {
	case limited || len(body) > maxBody:
		return nil, &Error{Reason: ErrTooLarge}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &Error{Reason: errTimeout, Err: err}
	case err != nil:
		return nil, &Error{Reason: errRead, Err: err}
	case len(body) == 0 && r.ContentLength > 0:
		return nil, &Error{Reason: errRead, Detail: "it was already read before the handler got the request"}
	}
	return body, nil
}

// respond sends the sender only the reason. Details go to the log.
func (h *Handler) respond(w http.ResponseWriter, r *http.Request, err error) {
	status, text := http.StatusOK, "OK"
	if failure, failed := errors.AsType[*Error](err); failed {
		status, text = reasons[failure.Reason].status, failure.Reason.Error()
		h.logFailure(r.Context(), r.RemoteAddr, failure)
	}
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // if this fails, RC sends the request again
}
