package rctest

import (
	"context"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// wait returns nil after d, and an error as soon as the request's context ends, the server is closed or, unless nil,
// abandoned is. A negative d has no end.
func (s *state) wait(ctx context.Context, d time.Duration, abandoned <-chan struct{}) error {
	if d == 0 {
		return nil
	}
	closed := s.awaitClose()
	defer s.forget(closed)
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-closed:
		return errReset()
	case <-abandoned:
		return http.ErrBodyReadAfterClose
	}
}

// awaitClose returns a channel that is closed with the server. Every wait has its own: waiting for one that was made
// outside of a synctest bubble would keep the bubble's time from passing.
func (s *state) awaitClose() chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	closed := make(chan struct{})
	if s.closed {
		close(closed)
	} else {
		s.waiting[closed] = struct{}{}
	}
	return closed
}

func (s *state) forget(closed chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, closed)
}

// endWaits expects mu to be held.
func (s *state) endWaits() {
	for closed := range s.waiting {
		close(closed)
	}
	clear(s.waiting)
}

func errRefused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

func errReset() error {
	return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
}
