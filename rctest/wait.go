package rctest

import (
	"context"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// wait returns nil after d, or an error as soon as ctx ends, the server is closed or bodyClosed, which may be nil, is
// closed. A negative d never ends. It takes mu itself.
func (s *state) wait(ctx context.Context, d time.Duration, bodyClosed <-chan struct{}) error {
	if d == 0 {
		return nil
	}
	serverClosed := s.addCloseSignal()
	defer s.removeCloseSignal(serverClosed)
	var elapsed <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		elapsed = timer.C
	}
	select {
	case <-elapsed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-serverClosed:
		return connReset()
	case <-bodyClosed:
		return http.ErrBodyReadAfterClose
	}
}

// addCloseSignal returns a channel that Close closes. Each wait has a channel of its own: in a synctest bubble, time
// doesn't pass while a goroutine waits for a channel that was created outside. It takes mu itself.
func (s *state) addCloseSignal() chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	signal := make(chan struct{})
	if s.closed {
		close(signal)
	} else {
		s.closeSignals[signal] = struct{}{}
	}
	return signal
}

// removeCloseSignal takes mu itself.
func (s *state) removeCloseSignal(signal chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.closeSignals, signal)
}

func (s *state) sendCloseSignals() {
	for signal := range s.closeSignals {
		close(signal)
	}
	clear(s.closeSignals)
}

func connRefused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

func connReset() error {
	return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
}
