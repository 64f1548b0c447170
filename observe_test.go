package rcuser_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// TestOnAttempt covers a timeout, a rate limit, a broken answer and a success.
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

// TestOnCall covers a success, a refusal, an ended context, a deadline during a wait, a panic and an invalid argument.
func TestOnCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got []rcuser.CallInfo
		answers := inTurn(
			replyWith(429, limited, "Retry-After", "3"), reply(200, success), reply(400, `{"code":1002}`),
			replyWith(503, html, "Retry-After", "4"),
		)
		client, _ := newClient(t, answers, func(c *rcuser.Config) {
			c.DataCenter.Backup = ""
			c.Retry = rcuser.RetryPolicy{BaseWait: 1}
			c.OnCall = func(_ context.Context, info rcuser.CallInfo) { got = append(got, info) }
		})
		ctx := rcuser.WithRequestID(t.Context(), "abc")
		ended, cancel := context.WithCancel(ctx)
		cancel()
		errs := []error{ban(ctx, client), ban(ctx, client), ban(ended, client)}
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		errs = append(errs, ban(short, client))
		require.Error(t, client.Bans.Remove(ctx, nil))
		require.Len(t, got, 4)
		for i, info := range got {
			require.Equal(t, errs[i], info.Err)
			require.Equal(t, "/user/block.json abc", info.Endpoint+" "+info.RequestID)
		}
		require.Equal(t, []int{2, 1, 0, 1}, []int{got[0].Attempts, got[1].Attempts, got[2].Attempts, got[3].Attempts})
		require.Equal(t, []int{200, 400, 0, 503}, []int{got[0].StatusCode, got[1].StatusCode, got[2].StatusCode, got[3].StatusCode})
		require.InDelta(t, 3*time.Second, got[0].Duration, 10)
	})
}

func TestOnCallAfterPanic(t *testing.T) {
	t.Parallel()
	boom := func(*http.Request) (*http.Response, error) { panic("boom") }
	for _, tc := range []struct {
		respond          roundTripFunc
		attempts, status int
	}{
		{boom, 1, 0},
		{inTurn(reply(503, ""), boom), 2, 503},
	} {
		var got []rcuser.CallInfo
		client, _ := newClient(t, tc.respond, func(c *rcuser.Config) {
			c.OnCall = func(_ context.Context, info rcuser.CallInfo) { got = append(got, info) }
		})
		require.PanicsWithValue(t, "boom", func() { _ = ban(t.Context(), client) })
		require.Len(t, got, 1)
		require.ErrorContains(t, got[0].Err, "panicked")
		require.Equal(t, []int{tc.attempts, tc.status}, []int{got[0].Attempts, got[0].StatusCode})
	}
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
		require.Equal(t, about+"attempt=2 status=0 code=0 wait=3s duration=0s error=\"the connection was closed before an answer came\"", string(lines[1]))
		require.Regexp(t, "^"+about+"attempt=3 status=200 code=0 wait=(0s|1ns) duration=0s$", string(lines[2]))
		for _, secret := range []string{testSecret, tap.requests()[0].Header.Get("Signature"), "fOrM", "nAmE", "tOkEn"} {
			require.NotContains(t, log.String(), secret)
		}
	})
}

func TestLoggerAboveDebugGetsNoAttempts(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	client, _ := newClient(t, reply(400, `{"code":1002}`), func(c *rcuser.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	require.Error(t, ban(t.Context(), client))
	require.Empty(t, log.String())
}
