package webhook_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

// brokenError is an error type of the app whose methods panic on a nil pointer.
type brokenError struct {
	text  string
	cause error
}

func (e *brokenError) Error() string { return e.text }
func (e *brokenError) Unwrap() error { return e.cause }

// returnNilPointer returns a nil pointer in an error that isn't nil, as an app's helper does that returns *brokenError.
func returnNilPointer(context.Context, webhook.Event) error {
	var failure *brokenError
	return failure
}

func TestNilPointerErrorOfCallbackIsAnswered(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newReceiver(t)
		r.onEvent = returnNilPointer
		require.Equal(t, answers.function, r.serve(validRequest("a")))
		require.Contains(t, r.log.String(), `"detail":"<nil>"`)
	})
}

func TestNilPointerErrorOfQueuedEventIsLogged(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newReceiver(t, withQueue(1, 1))
		r.onEvent = returnNilPointer
		require.Equal(t, answers.ok, r.serve(validRequest("a")))
		synctest.Wait()
		require.Contains(t, r.log.String(), `"detail":"<nil>"`)
		require.NoError(t, r.Shutdown(t.Context()))
	})
}

func TestNilPointerErrorAfterAnswerIsLogged(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newReceiver(t)
		r.onEvent = func(ctx context.Context, e webhook.Event) error {
			time.Sleep(6 * time.Second)
			return returnNilPointer(ctx, e)
		}
		require.Equal(t, answers.timeout, r.serve(validRequest("a")))
		require.NoError(t, r.Shutdown(t.Context()))
		require.Contains(t, r.log.String(), "after the answer")
	})
}

func TestNilPointerErrorOfGuardIsLogged(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newReceiver(t, withGuard(fakeGuard{
			commit: func(ctx context.Context, _ string, _ time.Time) error { return returnNilPointer(ctx, nil) },
		}))
		require.Equal(t, answers.ok, r.serve(validRequest("a")))
		require.Contains(t, r.log.String(), "not remembered as handled")
	})
}

// panickingLog is a slog.Handler that panics.
type panickingLog struct{ slog.Handler }

func (panickingLog) Enabled(context.Context, slog.Level) bool { return true }

func (panickingLog) Handle(context.Context, slog.Record) error { panic("the log's disk is gone") }

func TestPanicOfLoggerChangesNoAnswer(t *testing.T) {
	useBrokenLog := func(config *webhook.Config) { config.Logger = slog.New(panickingLog{}) }
	panicking := func(context.Context, webhook.Event) error { panic("in the callback") }
	inBubble(t, func(t *testing.T) {
		r := newReceiver(t, useBrokenLog)
		require.Equal(t, answers.parameters, r.serve(newRequest("", "")))
		r.onEvent = panicking
		require.Equal(t, answers.panicked, r.serve(validRequest("a")))

		queued := newReceiver(t, useBrokenLog, withQueue(1, 1))
		queued.onEvent = panicking
		require.Equal(t, answers.ok, queued.serve(validRequest("b")))
		require.NoError(t, queued.Shutdown(t.Context()))

		observed := newReceiver(t, useBrokenLog, func(config *webhook.Config) {
			config.OnRequest = func(context.Context, webhook.RequestInfo) { panic("in the metrics") }
		})
		require.Equal(t, answers.ok, observed.serve(validRequest("c")))
	})
}
