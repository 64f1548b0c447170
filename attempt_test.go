package rcuser_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// TestEveryAttemptHasANewSignature also requires the same request ID and body for all attempts.
func TestEveryAttemptHasANewSignature(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(2 * 365 * 24 * time.Hour) // until the time in milliseconds has 13 digits
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

// TestCredentialsMayRotate returns a different key and secret for every attempt.
func TestCredentialsMayRotate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		client, tap := newClient(t, reply(503, ""), func(c *rcuser.Config) {
			c.AppKey, c.AppSecret = "", ""
			c.Credentials = func(ctx context.Context) (rcuser.Credentials, error) {
				if _, ok := ctx.Deadline(); !ok {
					t.Error("the context doesn't end with the attempt")
				}
				calls++
				return rcuser.Credentials{AppKey: fmt.Sprint("k", calls), AppSecret: fmt.Sprint("s", calls)}, nil
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
	sealed := errors.New("vault is sealed")
	for _, tc := range []struct {
		credentials rcuser.CredentialsFunc
		is          error
		text        string
	}{
		{func(context.Context) (rcuser.Credentials, error) { return rcuser.Credentials{}, sealed }, sealed, "credentials: vault is sealed"},
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

// TestCredentialsFailLater lets the credentials fail on the retry of an attempt that may have been applied.
func TestCredentialsFailLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		client, tap := newClient(t, reply(503, `{"code":1000}`), func(c *rcuser.Config) {
			c.AppKey, c.AppSecret = "", ""
			c.Credentials = func(context.Context) (rcuser.Credentials, error) {
				if calls++; calls > 1 {
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

// TestSlowCredentialsSendNothing lets Credentials take longer than AttemptTimeout.
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

// TestResponseWithoutBody uses a RoundTripper whose response has a nil Body, which http.Client accepts.
func TestResponseWithoutBody(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, func(req *http.Request) (*http.Response, error) {
		resp, err := reply(http.StatusServiceUnavailable, "")(req)
		resp.Body = nil
		return resp, err
	}, once)
	rcErr := requireError(t, ban(t.Context(), client))
	require.Equal(t, http.StatusServiceUnavailable, rcErr.StatusCode)
	require.EqualError(t, rcErr.Err, "broken answer: it is empty")
}

// TestTransportWithoutResponse uses a RoundTripper that returns neither a response nor an error.
func TestTransportWithoutResponse(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, func(*http.Request) (*http.Response, error) { return nil, nil }, once) //nolint:nilnil // a RoundTripper that breaks its contract
	rcErr := requireError(t, ban(t.Context(), client))
	require.Zero(t, rcErr.StatusCode)
	require.Error(t, rcErr.Err)
	require.Equal(t, rcuser.Unknown, rcErr.Outcome)
}

func TestAttemptTimeout(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*rcuser.Config)
		want   time.Duration
	}{
		"default":           {func(*rcuser.Config) {}, 5 * time.Second},
		"own":               {func(c *rcuser.Config) { c.AttemptTimeout = time.Second }, time.Second},
		"client's, shorter": {func(c *rcuser.Config) { c.HTTPClient.Timeout = 2 * time.Second }, 2 * time.Second},
		"client's, longer":  {func(c *rcuser.Config) { c.HTTPClient.Timeout = time.Minute }, 5 * time.Second},
	} {
		for _, blocked := range []roundTripFunc{hang, slowBody} {
			synctest.Test(t, func(t *testing.T) {
				client, tap := newClient(t, inTurn(blocked, reply(200, success)), tc.change)
				require.NoError(t, ban(t.Context(), client), name)
				require.GreaterOrEqual(t, tap.gaps()[0], tc.want, name)
				require.LessOrEqual(t, tap.gaps()[0], tc.want+100*time.Millisecond, name)
				client, _ = newClient(t, blocked, tc.change)
				took, err := timed(func() error { return ban(t.Context(), client) })
				rcErr := requireError(t, err)
				require.GreaterOrEqual(t, took, 3*tc.want, name)
				require.LessOrEqual(t, took, 3*tc.want+300*time.Millisecond, name)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorContains(t, err, "no answer within "+tc.want.String())
				require.Equal(t, []any{3, rcuser.Unknown, true}, []any{rcErr.Attempts, rcErr.Outcome, rcErr.Retryable()})
			})
		}
	}
}
