package webhook

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

const (
	maxStoreCalls = 64          // calls at a time that Handle, Deactivate and Reactivate make; a call that never returns stays one of them
	extraTimeout  = time.Second // for a call whose failure may be ignored
)

// guardedStore calls a Store whose methods may hang, panic or end their goroutine.
type guardedStore struct {
	Store
	slots   chan struct{} // has an element for every call that hasn't returned
	overdue atomic.Int64  // the calls of them for which nobody waits any more
}

func newGuardedStore(s Store) *guardedStore {
	return &guardedStore{Store: s, slots: make(chan struct{}, maxStoreCalls)}
}

// callStore returns what call returns, or an error as soon as ctx ends. A panic is returned as an error.
func callStore[T any](ctx context.Context, s *guardedStore, call func(context.Context) (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return *new(T), storeTimeout(ctx)
	}
	ended := make(chan outcome, 1)
	var abandoned atomic.Int32 // by the caller, or by nobody because the call has returned: the first of both
	go guarded("the store", func() (T, error) { return call(ctx) }, func(value T, err error) {
		<-s.slots
		ended <- outcome{value, err}
		if !abandoned.CompareAndSwap(0, 1) {
			s.overdue.Add(-1)
		}
	})
	select {
	case o := <-ended:
		return o.value, o.err
	case <-ctx.Done():
		s.overdue.Add(1)
		if !abandoned.CompareAndSwap(0, 1) {
			s.overdue.Add(-1)
		}
		return *new(T), storeTimeout(ctx)
	}
}

func storeTimeout(ctx context.Context) error {
	return fmt.Errorf("webhook: the store didn't answer in time: %w", context.Cause(ctx))
}

// extraCall is callStore for a call whose failure may be ignored: it takes a second at most, and isn't made at all while
// another call is overdue, so that a store that hangs delays its callers once.
func extraCall[T any](ctx context.Context, s *guardedStore, call func(context.Context) (T, error)) (T, error) {
	if s.overdue.Load() > 0 {
		return *new(T), errors.New("webhook: the store hasn't answered an earlier call")
	}
	ctx, cancel := context.WithTimeout(ctx, extraTimeout)
	defer cancel()
	return callStore(ctx, s, call)
}

// deactivatedTimes is Store.Deactivated for a caller that can do without.
func (s *guardedStore) deactivatedTimes(ctx context.Context, userIDs []string) (map[string]time.Time, error) {
	return extraCall(ctx, s, func(ctx context.Context) (map[string]time.Time, error) { return s.Deactivated(ctx, userIDs) })
}

// putDeactivated is Store.PutDeactivated for a caller that can do without.
func (s *guardedStore) putDeactivated(ctx context.Context, userIDs []string, at time.Time) error {
	_, err := extraCall(ctx, s, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.PutDeactivated(ctx, userIDs, at) })
	return err
}

// guarded passes what call returns to done exactly once, also if call panics or ends the goroutine. The error then begins
// with what.
func guarded[T any](what string, call func() (T, error), done func(T, error)) {
	var value T
	err := fmt.Errorf("webhook: %s ended its goroutine, by runtime.Goexit", what)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("webhook: %s panicked: %v (in %s)", what, p, panicPlace())
		}
		done(value, err)
	}()
	value, err = call()
	if err != nil {
		// The methods of an error are the app's code too, and a nil pointer in a non-nil error makes them panic: better here
		// than where the error is looked at.
		_, _ = err.Error(), errors.Is(err, context.Canceled)
	}
}

// panicPlace returns the function and line that panicked. Call it in a deferred function.
func panicPlace() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for panicking := false; ; {
		frame, more := frames.Next()
		inRuntime := strings.HasPrefix(frame.Function, "runtime.")
		if panicking && !inRuntime || !more {
			return fmt.Sprintf("%s, line %d", frame.Function, frame.Line)
		}
		panicking = panicking || inRuntime
	}
}
