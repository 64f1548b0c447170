package webhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"time"
)

const (
	maxBody       = 1 << 20
	answerTimeout = 4 * time.Second                      // RC waits for 5 s
	readTimeout   = answerTimeout - 100*time.Millisecond // shorter, so that reading the body ends before the answer is due
)

// Handler receives RC's webhooks: it verifies the signature, drops replayed requests, decodes the events and calls the
// callbacks of its [Config]. Create it with [NewHandler] and mount it at the URL that is configured in RC's console. It is
// safe for concurrent use.
//
// It answers within 4 seconds, unless the Logger blocks: 200 if the request was handled, now or before, otherwise the status
// and the text of the [Reason]. It reads at most 1 MiB of a body, and only after the signature is verified. Of the requests
// with one signature, it handles one at a time, lets 2 wait for that one's result, and answers further ones 503 at once.
//
// Set the server's ReadHeaderTimeout, which a handler can't enforce. Middleware must not read the body. Middleware that
// wraps the ResponseWriter must implement Unwrap, as [http.ResponseController] requires; without it, only the server's
// ReadTimeout limits how long a slow body may take.
type Handler struct {
	config Config
	queue  queue
	progress

	holds     holds
	bodies    bodyTable
	fullGuard fullGuard

	lifetime  context.Context // canceled when Shutdown gives up
	cancelAll context.CancelFunc
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h == nil || h.config.Credentials == nil {
		http.Error(w, "the handler was not made by NewHandler", http.StatusInternalServerError)
		return
	}
	arrived := time.Now()
	// The deadline isn't reset here, because the server reads the rest of the body before it answers and before it reuses
	// the connection. The server clears the deadline itself at the end of the body.
	limited := http.NewResponseController(w).SetReadDeadline(arrived.Add(readTimeout)) == nil
	events, err := h.handle(r, arrived)
	info := h.newInfo(events, err, arrived)
	if err != nil && !limited {
		w.Header().Set("Connection", "close") // so that the server doesn't wait for the rest of the body
	}
	h.respond(w, r, info, err)
	h.observe(r, info)
}

// handle returns the number of events and why the request isn't to be answered 200.
func (h *Handler) handle(r *http.Request, arrived time.Time) (events int, err error) {
	params, err := checkRequest(r)
	if err != nil {
		return 0, err
	}
	q := newRequest(h, r, params, arrived)
	if !h.startRequest(q) {
		return 0, &Error{Reason: errShutdown}
	}
	go q.run()
	err = <-q.answer
	return int(q.events.Load()), err
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

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := readAtMost(r.Body, maxBody+1, r.ContentLength) // one byte more, to detect a body that is too large
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

// readAtMost is io.ReadAll with a limit. It makes room for the expected length first, within reason, as that length is only
// announced.
func readAtMost(r io.Reader, limit int, expected int64) ([]byte, error) {
	buf := make([]byte, 0, min(max(expected+1, 512), 8192)) // one byte more, to see the end of the body
	for len(buf) < limit {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, len(buf))
		}
		n, err := r.Read(buf[len(buf):min(cap(buf), limit)])
		buf = buf[:len(buf)+n]
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return buf, err
		}
	}
	return buf, nil
}

var answerOK = []byte("OK\n")

// respond sends the sender only the reason. Details go to the log.
func (h *Handler) respond(w http.ResponseWriter, r *http.Request, info RequestInfo, err error) {
	text := answerOK
	if failure, failed := errors.AsType[*Error](err); failed {
		text = []byte(failure.Reason.Error() + "\n")
		h.logFailure(r.Context(), r.RemoteAddr, failure)
	}
	if info.Status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(info.Status)
	_, _ = w.Write(text) // if this fails, RC sends the request again
}
