package webhook

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// RequestInfo tells [Config]'s OnRequest how a request ended.
type RequestInfo struct {
	// Reason is why the request was refused, a [Reason] whose text is one of a fixed set, so that it can be a metric's label;
	// nil = it was handled, now or before. Details are in the log.
	Reason   error
	Status   int           // of the answer
	Events   int           // in the body; 0 if it wasn't decoded, because the request was refused or was handled before
	Duration time.Duration // from the request's arrival until its answer was decided
}

func (h *Handler) newInfo(events int, err error, arrived time.Time) RequestInfo {
	info := RequestInfo{Status: http.StatusOK, Events: events}
	if failure, failed := errors.AsType[*Error](err); failed {
		info.Reason, info.Status = failure.Reason, reasons[failure.Reason].status
	}
	if h.config.OnRequest != nil {
		info.Duration = time.Since(arrived)
	}
	return info
}

const observeTimeout = 250 * time.Millisecond // RC waits for 5 s, and the answer may have taken 4

// observe calls OnRequest in a goroutine of its own, because it may panic, and holds back the end of the answer for a quarter
// of a second at most.
func (h *Handler) observe(r *http.Request, info RequestInfo) {
	if h.config.OnRequest == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if value := recover(); value != nil {
				h.logPanic(value)
			}
		}()
		h.config.OnRequest(context.WithoutCancel(r.Context()), info)
	}()
	timeout := time.NewTimer(observeTimeout)
	defer timeout.Stop()
	select {
	case <-done:
	case <-timeout.C:
	}
}
