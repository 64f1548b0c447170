package webhook

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func newDeadlineContext(values context.Context, in time.Duration) *deadlineContext {
	return &deadlineContext{values: context.WithoutCancel(values), deadline: time.Now().Add(in)}
}

// TestDeadlineContext compares the context with one of package context, whether or not Done was called before its end.
func TestDeadlineContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	values := context.WithValue(t.Context(), key{}, "value")
	ends := map[string]func(own *deadlineContext, cancel context.CancelFunc){
		"deadline":                func(*deadlineContext, context.CancelFunc) { time.Sleep(time.Second) },
		"canceled":                func(own *deadlineContext, cancel context.CancelFunc) { own.cancel(); cancel() },
		"canceled, then deadline": func(own *deadlineContext, cancel context.CancelFunc) { own.cancel(); cancel(); time.Sleep(time.Hour) },
		"deadline, then canceled": func(own *deadlineContext, cancel context.CancelFunc) { time.Sleep(time.Hour); own.cancel(); cancel() },
		"a moment before":         func(*deadlineContext, context.CancelFunc) { time.Sleep(time.Second - 1) },
	}
	for name, end := range ends {
		for _, early := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				own := newDeadlineContext(values, time.Second)
				standard, cancel := context.WithTimeout(context.WithoutCancel(values), time.Second)
				defer cancel()
				defer own.cancel()
				if early {
					own.Done()
				}
				end(own, cancel)
				synctest.Wait()
				for range 2 {
					require.Equal(t, standard.Err(), own.Err(), name)
					require.Equal(t, context.Cause(standard), context.Cause(own), name)
					require.Equal(t, isClosed(standard.Done()), isClosed(own.Done()), name)
				}
				deadline, ok := standard.Deadline()
				ownDeadline, ownOK := own.Deadline()
				require.Equal(t, []any{deadline, ok}, []any{ownDeadline, ownOK})
				require.Equal(t, "value", own.Value(key{}))
				require.Nil(t, own.Value("other"))
			})
		}
	}
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// TestDerivedContexts checks that contexts derived from it end with it and with its error, and need no goroutine each.
//
//nolint:paralleltest // it counts the goroutines of the process
func TestDerivedContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := newDeadlineContext(t.Context(), time.Second)
		before := runtime.NumGoroutine()
		var derived []context.Context
		for range 1000 {
			ctx, cancel := context.WithTimeout(own, time.Hour)
			defer cancel()
			derived = append(derived, ctx)
		}
		require.Less(t, runtime.NumGoroutine()-before, 500)
		time.Sleep(time.Second)
		synctest.Wait()
		for _, ctx := range derived {
			require.Equal(t, context.DeadlineExceeded, ctx.Err())
		}
	})
}
