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
	maxBody      = 1 << 20
	answerWithin = 4 * time.Second                     // RC waits for 5
	readWithin   = answerWithin - 100*time.Millisecond // so that a body has ended, in whichever way, before its request is answered
	settleWithin = 5 * time.Second                     // for the guard, after a request was handled
)

// Handler receives RC's webhooks: it verifies that they are RC's, takes care that none is handled twice, decodes them,
// and calls the functions of its [Config]. Make one with [NewHandler] and mount it where RC is told to post to. It is
// safe for concurrent use.
//
// It answers within 4 seconds: with 200 what was handled, now or before, and everything else with the status of its
// [Reason], which is also the body. It reads at most 1 MiB, and that only of requests that verify.
//
// What comes before the handler is the server's to limit: set its ReadHeaderTimeout. A middleware must leave the body
// unread. If it wraps the ResponseWriter, that needs a method Unwrap, as [http.ResponseController] has it; without one,
// nothing but the server's ReadTimeout ends a body that comes slowly.
type Handler struct {
	config Config
	queue  queue

	mu      sync.Mutex
	running int // goroutines, also those whose requests were answered already
	closed  bool
	idle    chan struct{} // closed when nothing runs any more; nil before Shutdown

	ending context.Context // ends when Shutdown gives up
	end    context.CancelFunc
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h == nil || h.config.Credentials == nil {
		http.Error(w, "the handler was not made by NewHandler", http.StatusInternalServerError)
		return
	}
	// The server reads what is left of a body before it answers and before it lets go of the connection. So this stays in
	// force; the server itself ends it where the body ends.
	limited := http.NewResponseController(w).SetReadDeadline(time.Now().Add(readWithin)) == nil
	err := h.handle(r)
	if err != nil && !limited {
		w.Header().Set("Connection", "close") // so that the server doesn't wait for the rest of the body
	}
	h.answer(w, r, err)
}

// handle calls what the app gave on goroutines of their own, as it may take longer than RC waits. The body is read on
// that of the server, as net/http wants it.
func (h *Handler) handle(r *http.Request) error {
	parent, release := h.context(r.Context())
	defer release()
	ctx, cancel := context.WithTimeout(parent, answerWithin)
	defer cancel()
	signed, err := check(r)
	if err != nil {
		return err
	}
	var request Verified
	err = h.inTime(ctx, func() (err error) {
		request, err = h.verify(ctx, signed)
		return err
	})
	if err != nil {
		return err
	}
	body, err := read(r) // before the guard is asked, so that whoever has seen the URL can't hold the claim by sending slowly
	if err != nil {
		return err
	}
	return h.inTime(ctx, func() error { return h.process(ctx, request, body) })
}

// inTime returns what run does, or an error as soon as ctx ends.
func (h *Handler) inTime(ctx context.Context, run func() error) error {
	if !h.begin() {
		return &Error{Reason: errShutdown}
	}
	done := make(chan error, 1)
	go func() {
		defer h.finish()
		h.contain(run, func(err error) { done <- err })
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return h.outOfTime(nil)
	}
}

// outOfTime is the error of what its context has ended.
func (h *Handler) outOfTime(err error) error {
	if h.ending.Err() != nil {
		return &Error{Reason: errShutdown, Err: err}
	}
	return &Error{Reason: errTimeout, Err: err}
}

// context returns one that has the values of parent, but doesn't end with the request: what has begun shall have its
// time, even if RC hangs up.
func (h *Handler) context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(h.ending, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// check does what costs nothing, and finds most of what isn't RC's.
func check(r *http.Request) (signed, error) {
	switch {
	case r.Method != http.MethodPost:
		return signed{}, &Error{Reason: ErrMethod}
	case r.ContentLength > maxBody:
		return signed{}, &Error{Reason: ErrTooLarge}
	}
	return parse(r)
}

func (h *Handler) verify(ctx context.Context, s signed) (Verified, error) {
	credentials, err := h.config.Credentials(ctx)
	if err != nil {
		return Verified{}, &Error{Reason: ErrCredentials, Err: err}
	}
	return s.verify(h.config.Window, credentials)
}

// process does what an answer of 200 promises.
func (h *Handler) process(ctx context.Context, request Verified, body []byte) error {
	switch claim, err := h.config.Replays.Claim(ctx, request.ReplayKey); {
	case err != nil:
		return &Error{Reason: errGuard, Err: err}
	case claim == Handled:
		return nil
	case claim == Busy:
		return &Error{Reason: errBusy}
	case claim != Claimed:
		return &Error{Reason: errGuard, Detail: "its answer is none of the three"}
	}
	handled := false
	defer func() { h.settle(ctx, request, handled) }()
	events, err := Decode(body)
	if err != nil {
		return err
	}
	if err := h.take(ctx, events); err != nil {
		return err
	}
	handled = true
	return nil
}

// settle tells the guard what became of a request. Its failure doesn't change the answer, as what was handled was
// handled; if it takes too long, RC is answered 503 all the same.
func (h *Handler) settle(ctx context.Context, request Verified, handled bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleWithin)
	defer cancel()
	var err error
	if handled {
		err = h.config.Replays.Commit(ctx, request.ReplayKey, h.config.Window.remember(request.SignedAt))
	} else {
		err = h.config.Replays.Release(ctx, request.ReplayKey)
	}
	if err != nil {
		h.log(ctx, "", &Error{Reason: errGuard, Err: err})
	}
}

func read(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1)) // one more, to tell what is too large from what just fits
	_, limited := errors.AsType[*http.MaxBytesError](err)
	switch {
	case limited || len(body) > maxBody:
		return nil, &Error{Reason: ErrTooLarge}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &Error{Reason: errTimeout, Err: err}
	case err != nil:
		return nil, &Error{Reason: errRead, Err: err}
	case len(body) == 0 && r.ContentLength > 0:
		return nil, &Error{Reason: errRead, Detail: "something before the handler has read it"}
	}
	return body, nil
}

// answer tells the sender the reason alone: what else is known of it goes to the log.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, err error) {
	status, text := http.StatusOK, "OK"
	if failure, failed := errors.AsType[*Error](err); failed {
		status, text = reasons[failure.Reason].status, failure.Reason.Error()
		h.log(r.Context(), r.RemoteAddr, failure)
	}
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // a sender that is gone sends again
}
