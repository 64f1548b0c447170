package rcuser_test

import (
	"context"
	"io"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// TestErrorHasLastAnswerAndLastCause covers calls whose attempts fail in different ways.
func TestErrorHasLastAnswerAndLastCause(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		steps   []roundTripFunc
		outcome rcuser.Outcome
		status  int
		code    rcuser.ErrorCode
		cause   error
	}{
		"timeout, then refused":  {[]roundTripFunc{hang, reply(400, `{"code":1002}`)}, rcuser.Unknown, 400, rcuser.ErrParameter, nil},
		"500, then refused":      {[]roundTripFunc{reply(500, ""), reply(401, locked)}, rcuser.Unknown, 401, rcuser.ErrAppLocked, nil},
		"dial, then refused":     {[]roundTripFunc{failWith(refusedDial()), reply(401, locked)}, rcuser.NotApplied, 401, rcuser.ErrAppLocked, nil},
		"429, then refused":      {[]roundTripFunc{reply(429, limited), reply(401, locked)}, rcuser.NotApplied, 401, rcuser.ErrAppLocked, nil},
		"1000, then timeouts":    {[]roundTripFunc{reply(500, `{"code":1000}`), hang}, rcuser.Unknown, 500, rcuser.ErrInternal, context.DeadlineExceeded},
		"429, then dial":         {[]roundTripFunc{reply(429, limited), failWith(refusedDial())}, rcuser.NotApplied, 429, rcuser.ErrRateLimited, syscall.ECONNREFUSED},
		"dial, then reset":       {[]roundTripFunc{failWith(refusedDial()), failWith(io.EOF)}, rcuser.Unknown, 0, 0, io.EOF},
		"reset, then dial":       {[]roundTripFunc{failWith(io.EOF), failWith(refusedDial())}, rcuser.Unknown, 0, 0, syscall.ECONNREFUSED},
		"broken, 1000, 1000":     {[]roundTripFunc{reply(502, html), reply(500, `{"code":1000}`)}, rcuser.Unknown, 500, rcuser.ErrInternal, nil},
		"1050 under 200, broken": {[]roundTripFunc{reply(200, `{"code":1050}`), failWith(io.ErrUnexpectedEOF)}, rcuser.Unknown, 200, rcuser.ErrTimeout, io.ErrUnexpectedEOF},
	} {
		synctest.Test(t, func(t *testing.T) {
			client, _ := newClient(t, inTurn(tc.steps...))
			rcErr := requireError(t, ban(t.Context(), client))
			require.Equal(t, []any{tc.outcome, tc.status, tc.code}, []any{rcErr.Outcome, rcErr.StatusCode, rcErr.Code}, name)
			require.Nil(t, rcErr.Body, "the HTML wasn't the last answer")
			if tc.cause == nil {
				require.NoError(t, rcErr.Err, name)
			} else {
				require.ErrorIs(t, rcErr.Err, tc.cause, name)
			}
		})
	}
}

// resend sends a request whose body was already read.
func resend(transport *http.Transport) roundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		again := req.Clone(req.Context())
		var err error
		if again.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
		return transport.RoundTrip(again)
	}
}

// TestErrorHasLastAnswerWhenTheContextEnds ends the context during the second attempt, after the first was answered.
func TestErrorHasLastAnswerWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	const oops = `{"code":1000,"errorMessage":"oops"}`
	for stage, at := range stages {
		if at.status != 0 {
			continue // the second attempt has the last answer
		}
		for name, end := range contextEnds {
			t.Run(stage+", "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					transport := pipeTransport(t, at.serve)
					client, tap := newClient(t, inTurn(reply(503, oops), resend(transport)), func(c *rcuser.Config) {
						c.DataCenter = rcuser.DataCenter{Primary: at.scheme + "://127.0.0.1:80", Backup: at.scheme + "://127.0.0.2:80"}
					})
					ctx, cancel := end.context(t.Context())
					defer cancel()
					took, err := timed(func() error { return ban(ctx, client) })
					require.Equal(t, time.Second, took)
					require.Len(t, tap.requests(), 2)
					rcErr := requireError(t, err)
					require.Equal(t, []any{2, rcuser.Unknown, 503, rcuser.ErrInternal, "oops", "127.0.0.1:80"},
						[]any{rcErr.Attempts, rcErr.Outcome, rcErr.StatusCode, rcErr.Code, rcErr.Message, rcErr.Host})
					for _, want := range append(end.is, rcuser.ErrInternal) {
						require.ErrorIs(t, err, want)
					}
				})
			})
		}
	}
}
