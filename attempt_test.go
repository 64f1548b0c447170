package rcuser_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// TestEveryAttemptIsSignedAfresh also looks at what must stay the same.
func TestEveryAttemptIsSignedAfresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(2 * 365 * 24 * time.Hour) // to a time whose milliseconds have 13 digits
		client, tap := newClient(t, replyWith(503, "", "Retry-After", "1"), func(c *rcuser.Config) { c.Retry.MaxAttempts = 5 })
		require.Error(t, ban(t.Context(), client))
		nonces, signatures, ids := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for _, request := range tap.requests() {
			at := fmt.Sprint(request.At.UnixMilli())
			require.Equal(t, at, request.Header.Get("Timestamp"))
			requireSigned(t, request, request.At.UnixMilli())
			nonces[request.Header.Get("Nonce")] = true
			signatures[request.Header.Get("Signature")] = true
			ids[request.Header.Get("X-Request-ID")] = true
			require.Equal(t, "minute=1&userId=u1", request.Body)
		}
		require.Equal(t, []int{5, 5, 1}, []int{len(nonces), len(signatures), len(ids)})
	})
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	client, tap := newClient(t, reply(http.StatusBadRequest, `{"code":1002}`))
	own := requireError(t, ban(rcuser.WithRequestID(t.Context(), "order-17"), client))
	require.Equal(t, "order-17", own.RequestID)
	first, second := requireError(t, ban(t.Context(), client)), requireError(t, ban(t.Context(), client))
	require.NotEqual(t, first.RequestID, second.RequestID)
	for i, want := range []string{"order-17", first.RequestID, second.RequestID} {
		require.Equal(t, want, tap.requests()[i].Header.Get("X-Request-ID"))
	}
}

// TestCredentialsMayRotate has another key and secret for every attempt.
func TestCredentialsMayRotate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		client, tap := newClient(t, reply(503, ""), func(c *rcuser.Config) {
			c.AppKey, c.AppSecret = "", ""
			c.Credentials = func(ctx context.Context) (rcuser.Credentials, error) {
				if _, ok := ctx.Deadline(); !ok {
					t.Error("the context doesn't end with the attempt")
				}
				asked++
				return rcuser.Credentials{AppKey: fmt.Sprint("k", asked), AppSecret: fmt.Sprint("s", asked)}, nil
			}
		})
		require.Error(t, ban(t.Context(), client))
		for i, key := range []string{"k1", "k2", "k3"} {
			header := tap.requests()[i].Header
			require.Equal(t, key, header.Get("App-Key"))
			want := rcuser.Sign(fmt.Sprint("s", i+1), header.Get("Nonce"), header.Get("Timestamp"))
			require.Equal(t, want, header.Get("Signature"))
		}
	})
}

func TestCredentialsFail(t *testing.T) {
	t.Parallel()
	gone := errors.New("vault is sealed")
	for _, tc := range []struct {
		credentials rcuser.CredentialsFunc
		is          error
		text        string
	}{
		{func(context.Context) (rcuser.Credentials, error) { return rcuser.Credentials{}, gone }, gone, "credentials: vault is sealed"},
		{fixedCredentials("", "s"), nil, "AppKey: is empty"},
		{fixedCredentials("k", ""), nil, "AppSecret: is empty"},
		{fixedCredentials("k\r\nX: y", "s"), nil, "AppKey: holds"},
		{fixedCredentials("k", "s\n"), nil, "AppSecret: begins or ends"},
	} {
		client, tap := newClient(t, unexpected(t), func(c *rcuser.Config) {
			c.AppKey, c.AppSecret, c.Credentials = "", "", tc.credentials
		})
		rcErr := requireError(t, ban(t.Context(), client))
		require.Empty(t, tap.requests())
		require.ErrorContains(t, rcErr, tc.text)
		require.Equal(t, []any{rcuser.NotApplied, 1}, []any{rcErr.Outcome, rcErr.Attempts}, "it isn't repeated")
		if tc.is != nil {
			require.ErrorIs(t, rcErr, tc.is)
		}
	}
}

// TestCredentialsFailLater has them fail when a first attempt may have been applied.
func TestCredentialsFailLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		client, tap := newClient(t, reply(503, `{"code":1000}`), func(c *rcuser.Config) {
			c.AppKey, c.AppSecret = "", ""
			c.Credentials = func(context.Context) (rcuser.Credentials, error) {
				if asked++; asked > 1 {
					return rcuser.Credentials{}, io.ErrClosedPipe
				}
				return rcuser.Credentials{AppKey: "k", AppSecret: "s"}, nil
			}
		})
		rcErr := requireError(t, ban(t.Context(), client))
		require.Len(t, tap.requests(), 1)
		require.ErrorIs(t, rcErr, io.ErrClosedPipe)
		require.ErrorIs(t, rcErr, rcuser.ErrInternal)
		require.Equal(t, []any{rcuser.Unknown, 503}, []any{rcErr.Outcome, rcErr.StatusCode})
	})
}

// TestLastAnswerAndLastCause has calls end differently than they began.
func TestLastAnswerAndLastCause(t *testing.T) {
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
		"429, then dial":         {[]roundTripFunc{reply(429, limited), failWith(refusedDial())}, rcuser.NotApplied, 429, rcuser.ErrRateLimited, refusedDial()},
		"dial, then reset":       {[]roundTripFunc{failWith(refusedDial()), failWith(io.EOF)}, rcuser.Unknown, 0, 0, io.EOF},
		"reset, then dial":       {[]roundTripFunc{failWith(io.EOF), failWith(refusedDial())}, rcuser.Unknown, 0, 0, refusedDial()},
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
				require.ErrorContains(t, rcErr.Err, tc.cause.Error(), name)
			}
		})
	}
}

// TestOnAttempt compares what the hook gets with what happened.
func TestOnAttempt(t *testing.T) {
	t.Parallel()
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		var got []rcuser.Attempt
		client, _ := newClient(t, inTurn(
			hang, replyWith(429, limited, "Retry-After", "3"), replyWith(503, html, "Retry-After", "4"), reply(200, success),
		), func(c *rcuser.Config) {
			c.Retry = rcuser.RetryPolicy{MaxAttempts: 4, BaseWait: 1}
			c.OnAttempt = func(ctx context.Context, a rcuser.Attempt) {
				if ctx.Value(key{}) != "v" {
					t.Error("it isn't the call's context")
				}
				got = append(got, a)
			}
		})
		ctx := rcuser.WithRequestID(context.WithValue(t.Context(), key{}, "v"), "abc")
		require.NoError(t, ban(ctx, client))
		require.Len(t, got, 4)
		require.ErrorIs(t, got[0].Err, context.DeadlineExceeded)
		require.NoError(t, got[1].Err)
		require.ErrorContains(t, got[2].Err, "broken answer")
		require.NoError(t, got[3].Err)
		require.LessOrEqual(t, got[1].Wait, time.Duration(1))
		got[0].Err, got[2].Err, got[1].Wait = nil, nil, 0
		made := rcuser.Attempt{Endpoint: "/user/block.json", Host: "api.rong-api.com", RequestID: "abc"}
		want := []rcuser.Attempt{made, made, made, made}
		for i := range want {
			want[i].Number = i + 1
		}
		want[0].Duration = 5 * time.Second
		want[1].StatusCode, want[1].Code = 429, rcuser.ErrRateLimited
		want[2].StatusCode, want[2].Wait = 503, 3*time.Second
		want[3].StatusCode, want[3].Wait = 200, 4*time.Second
		require.Equal(t, want, got)
	})
}

func TestLogger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		drop := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
		client, tap := newClient(t, inTurn(replyWith(429, limited, "Retry-After", "3"), failWith(io.EOF), reply(200, `{"code":200,"userId":"fOrM","token":"tOkEn"}`)),
			func(c *rcuser.Config) {
				c.Retry.BaseWait = 1
				c.Retry.MaxWait = 1
				c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: drop}))
			})
		_, err := client.Users.Register(rcuser.WithRequestID(t.Context(), "abc"), rcuser.Registration{UserID: "fOrM", Name: "nAmE"})
		require.NoError(t, err)
		lines := bytes.Split(bytes.TrimSpace(log.Bytes()), []byte("\n"))
		require.Len(t, lines, 3)
		const about = `level=DEBUG msg="rcuser: attempt" endpoint=/user/getToken.json host=api.rong-api.com request_id=abc `
		require.Equal(t, about+"attempt=1 status=429 code=1008 wait=0s duration=0s", string(lines[0]))
		require.Equal(t, about+"attempt=2 status=0 code=0 wait=3s duration=0s error=EOF", string(lines[1]))
		require.Regexp(t, "^"+about+"attempt=3 status=200 code=0 wait=(0s|1ns) duration=0s$", string(lines[2]))
		for _, secret := range []string{testSecret, tap.requests()[0].Header.Get("Signature"), "fOrM", "nAmE", "tOkEn"} {
			require.NotContains(t, log.String(), secret)
		}
	})
}

func TestLoggerThatWantsNoDebug(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	client, _ := newClient(t, reply(400, `{"code":1002}`), func(c *rcuser.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	require.Error(t, ban(t.Context(), client))
	require.Empty(t, log.String())
}

// asked is a Limiter that notes what it is asked, waits a second, and fails from some attempt on.
type asked struct {
	calls []string
	fail  int
	err   error
}

func (a *asked) Pause(string, time.Duration) {}

func (a *asked) Wait(ctx context.Context, attempt rcuser.LimitedAttempt) error {
	a.calls = append(a.calls, fmt.Sprintf("%s %d", attempt.Endpoint, attempt.Units))
	if len(a.calls) == a.fail {
		return a.err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Second):
		return nil
	}
}

func TestLimiterIsAskedBeforeEveryAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limiter := &asked{}
		var waits []time.Duration
		var took time.Duration // by the attempts alone
		client, tap := newClient(t, inTurn(replyWith(503, "", "Retry-After", "2"), reply(200, success)), func(c *rcuser.Config) {
			c.Limiter = limiter
			c.OnAttempt = func(_ context.Context, a rcuser.Attempt) { waits, took = append(waits, a.Wait), took+a.Duration }
		})
		whole, err := timed(func() error { return ban(t.Context(), client) })
		require.NoError(t, err)
		require.Equal(t, 4*time.Second, whole)
		require.Zero(t, took)
		require.Equal(t, []string{"/user/block.json 1", "/user/block.json 1"}, limiter.calls)
		require.Equal(t, []time.Duration{time.Second, 3 * time.Second}, waits)
		require.Equal(t, fmt.Sprint(tap.requests()[1].At.UnixMilli()), tap.requests()[1].Header.Get("Timestamp"),
			"signed after the wait")
	})
}

func TestLimiterFails(t *testing.T) {
	t.Parallel()
	full := errors.New("queue is full")
	for fail, want := range map[int]struct {
		status, attempts int
		outcome          rcuser.Outcome
	}{1: {0, 0, rcuser.NotApplied}, 2: {503, 1, rcuser.Unknown}} {
		synctest.Test(t, func(t *testing.T) {
			client, tap := newClient(t, reply(503, `{"code":1000}`), func(c *rcuser.Config) { c.Limiter = &asked{fail: fail, err: full} })
			rcErr := requireError(t, ban(t.Context(), client))
			require.ErrorIs(t, rcErr, full)
			require.ErrorContains(t, rcErr, "rate limit: queue is full")
			require.Equal(t, []any{want.status, want.attempts, want.outcome}, []any{rcErr.StatusCode, rcErr.Attempts, rcErr.Outcome})
			require.Len(t, tap.requests(), want.attempts)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, unexpected(t), func(c *rcuser.Config) { c.Limiter = &asked{} })
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		took, err := timed(func() error { return ban(ctx, client) })
		require.Equal(t, time.Millisecond, took)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, rcuser.NotApplied, requireError(t, err).Outcome)
	})
}

// TestLimiterCountsIDs is for the endpoints whose rate is in ids.
func TestLimiterCountsIDs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limiter := &asked{}
		client, _ := newClient(t, reply(200, anyAnswer), func(c *rcuser.Config) { c.Limiter = limiter })
		_, err := client.Users.Deactivate(t.Context(), manyIDs(100))
		require.NoError(t, err)
		_, err = client.Users.Reactivate(t.Context(), manyIDs(3))
		require.NoError(t, err)
		require.NoError(t, client.Bans.Remove(t.Context(), manyIDs(20)))
		require.Equal(t, []string{"/user/deactivate.json 100", "/user/reactivate.json 3", "/user/unblock.json 1"}, limiter.calls)
	})
}

// TestSlowCredentialsSendNothing has Credentials that take longer than the attempt may.
func TestSlowCredentialsSendNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, unexpected(t), once, func(c *rcuser.Config) {
			c.AppKey, c.AppSecret = "", ""
			c.Credentials = func(context.Context) (rcuser.Credentials, error) {
				time.Sleep(6 * time.Second)
				return rcuser.Credentials{AppKey: "k", AppSecret: "s"}, nil
			}
		})
		rcErr := requireError(t, ban(t.Context(), client))
		require.Equal(t, rcuser.NotApplied, rcErr.Outcome)
		require.ErrorIs(t, rcErr, context.DeadlineExceeded)
	})
}
