package webhook

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// request is one request in progress. The server's goroutine waits for its answer, and a goroutine of its own runs the
// app's code, which may take longer than RC waits. Whichever comes first decides the answer: the result or the time limit.
type request struct {
	handler *Handler
	http    *http.Request
	params  signatureParams
	ctx     deadlineContext // ends when the answer is due
	state   atomic.Int32
	answer  chan error // gets the answer once; nil = 200

	hold     hold
	late     *deadlineContext // for callbacks of a request that had to wait; guarded by progress.mu
	accepted atomic.Bool      // its events were handled or queued
	events   atomic.Int32     // number

	prev, next *request // in progress
}

// The states of a request. Only the transition to stateAnswered decides the answer.
const (
	stateWorking  int32 = iota
	stateReading        // its goroutine reads the body, so that the server's goroutine must not return
	stateWaiting        // for another request with the same signature
	stateAnswered       // its goroutine may still be running
)

func newRequest(h *Handler, r *http.Request, params signatureParams, arrived time.Time) *request {
	q := &request{handler: h, http: r, params: params, answer: make(chan error, 1)}
	q.ctx.values, q.ctx.deadline = context.WithoutCancel(r.Context()), arrived.Add(answerTimeout)
	return q
}

// run is the request's goroutine.
func (q *request) run() {
	growStack(0)
	defer q.handler.finishRequest(q)
	defer q.cancelContexts()
	q.handler.protect(q.process, q.finish)
}

// process returns nil only if RC must not send the request again.
func (q *request) process() error {
	verified, err := q.verify()
	if err != nil {
		return err
	}
	body, err := q.read() // before the claim, so that a replayed URL with a slow body can't block RC's own request
	if err != nil {
		return err
	}
	return q.handleOnce(verified, body)
}

func (q *request) verify() (Verified, error) {
	credentials, err := q.handler.config.Credentials(&q.ctx)
	if err != nil {
		return Verified{}, &Error{Reason: ErrCredentials, Err: err}
	}
	return q.params.verify(q.handler.config.Window, credentials)
}

// read reads the body, unless the request was answered already: net/http allows it only while the server's goroutine waits.
func (q *request) read() ([]byte, error) {
	if !q.state.CompareAndSwap(stateWorking, stateReading) {
		return nil, q.handler.contextError(nil)
	}
	body, err := readBody(q.http)
	q.state.Store(stateWorking) // nobody else leaves stateReading
	if q.ctx.Err() != nil {
		return nil, q.handler.contextError(err)
	}
	return body, err
}

// finish decides the answer, unless the time limit did. A failure after that is logged, as the answer doesn't tell it.
func (q *request) finish(err error) {
	if !time.Now().Before(q.ctx.deadline) {
		q.expire() // the timer may come later, and a result that is caused by the end of the context isn't the answer
	}
	if q.decide(stateWorking, err) || err == nil {
		return
	}
	q.handler.logLate(&q.ctx, err)
}

// expire answers a request whose time is up or that Shutdown gives up, unless it was answered already or is reading the
// body. Reading ends by the server's read deadline, and read then sees that the context has ended.
func (q *request) expire() {
	if q.decide(stateWaiting, q.busyError()) {
		return
	}
	failure := q.handler.contextError(nil)
	if q.accepted.Load() {
		failure.Err = errNotCommitted
	}
	q.decide(stateWorking, failure)
}

// decide answers the request if it is in the given state.
func (q *request) decide(from int32, err error) bool {
	decided := q.state.CompareAndSwap(from, stateAnswered)
	if decided {
		q.answer <- err
	}
	return decided
}

// cancelContexts ends the contexts of the app's code.
func (q *request) cancelContexts() {
	q.ctx.cancel()
	if q.late != nil {
		q.late.cancel()
	}
}

// growStack makes the stack of a new goroutine large enough for what follows, while there is little on it to copy. Growing
// it step by step, under many frames, takes a fifth of the time of a request.
//
//go:noinline
func growStack(i int) byte {
	var frame [4 << 10]byte
	return frame[i]
}
