package rcuser_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

// withDeadline makes a call whose deadline passes after d.
func withDeadline(t *testing.T, d time.Duration, client *rcuser.Client, call clientCall) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return call(ctx, client)
}

// TestSilentPrimary has callers whose deadlines are shorter than an attempt's timeout.
func TestSilentPrimary(t *testing.T) {
	t.Parallel()
	for _, deadline := range []time.Duration{time.Second, 3 * time.Second} {
		for name, call := range methodAndCall {
			synctest.Test(t, func(t *testing.T) {
				var log warnings
				client, tap := newClient(t, byHost(t, hang, reply(200, success)), bothHosts, log.to)
				require.ErrorIs(t, withDeadline(t, deadline, client, call), context.DeadlineExceeded, name)
				for range 99 {
					require.NoError(t, withDeadline(t, deadline, client, call), name)
				}
				require.Equal(t, "p"+strings.Repeat("b", 99), hostSequence(tap))
				require.Equal(t, 1, log.count(switching))
			})
		}
	}
}

// TestSilenceCountsFromTheAttempt gives the host less than a fifth of an attempt: credentials or the rate limit took the
// rest of the time.
func TestSilenceCountsFromTheAttempt(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*rcuser.Config){
		"rate limit": func(c *rcuser.Config) { c.Limiter = &stubLimiter{} }, // takes a second
		"credentials": func(c *rcuser.Config) {
			c.AppKey, c.AppSecret = "", ""
			c.Credentials = func(context.Context) (rcuser.Credentials, error) {
				time.Sleep(time.Second)
				return rcuser.Credentials{AppKey: "k", AppSecret: "s"}, nil
			}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			var log warnings
			client, tap := newClient(t, byHost(t, hang, unexpected(t)), bothHosts, log.to, change)
			for range 2 {
				require.Error(t, withDeadline(t, 2*time.Second-1, client, ban))
			}
			require.Equal(t, "pp", hostSequence(tap), name)
			require.Empty(t, log.log.String(), name)
		})
	}
}

// TestCancelWithTheDeadlinesErrorIsACancel has causes that look like the other kind of end.
func TestCancelWithTheDeadlinesErrorIsACancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log warnings
		client, _ := newClient(t, byHost(t, hang, reply(200, success)), bothHosts, log.to)
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(3*time.Second, func() { cancel(context.DeadlineExceeded) })
		require.Error(t, ban(ctx, client))
		require.Zero(t, log.count(switching))
		ctx, stop := context.WithTimeoutCause(t.Context(), 3*time.Second, errors.New("slow"))
		defer stop()
		require.Error(t, ban(ctx, client))
		require.Equal(t, 1, log.count(switching))
	})
}

// TestSilentPrimaryOverTCP accepts connections and never answers, at the SDK's own connections and at a user's transport.
func TestSilentPrimaryOverTCP(t *testing.T) {
	t.Parallel()
	for _, user := range []*http.Client{nil, {Transport: &http.Transport{}}} {
		silent := systemtest.RawServer(t, func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)); <-t.Context().Done() })
		backup := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, success) })
		client := overWire(t, silent, func(c *rcuser.Config) {
			c.DataCenter.Backup, c.HTTPClient, c.AttemptTimeout = backup.URL, user, time.Second
		})
		require.ErrorIs(t, withDeadline(t, 300*time.Millisecond, client, ban), context.DeadlineExceeded)
		require.NoError(t, ban(t.Context(), client))
	}
}

// TestSilentProbe has 50 callers at once, five minutes after the switch, while the primary still hangs.
func TestSilentProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newClient(t, byHost(t, hang, reply(200, success)), bothHosts)
		require.Error(t, withDeadline(t, 3*time.Second, client, ban))
		for range 3 {
			time.Sleep(5 * time.Minute)
			var failed atomic.Int32
			var group sync.WaitGroup
			for range 50 {
				group.Go(func() {
					if withDeadline(t, 3*time.Second, client, ban) != nil {
						failed.Add(1)
					}
				})
			}
			group.Wait()
			require.NoError(t, withDeadline(t, 3*time.Second, client, ban))
			require.EqualValues(t, 1, failed.Load())
		}
	})
}

// TestAbandonedProbe cancels a probe, or gives it too short a deadline.
func TestAbandonedProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, tap := newClient(t, byHost(t, inTurn(reply(503, ""), hang), reply(200, success)), bothHosts)
		require.NoError(t, ban(t.Context(), client))
		time.Sleep(5 * time.Minute)
		for range 3 {
			before := len(tap.requests())
			require.Error(t, withDeadline(t, time.Second-1, client, ban))
			for range 10 {
				require.NoError(t, ban(t.Context(), client))
				time.Sleep(time.Second)
			}
			require.Equal(t, "p"+strings.Repeat("b", 10), hostSequence(tap)[before:])
		}
	})
}

// TestOnlyRepeatableCallsProbe leaves the probe to the next call that is safe to repeat.
func TestOnlyRepeatableCallsProbe(t *testing.T) {
	t.Parallel()
	idempotent := call(rcuser.Request{Path: "/x.json", Idempotent: true})
	for _, probe := range []clientCall{ban, idempotent} {
		synctest.Test(t, func(t *testing.T) {
			client, tap := newClient(t, byHost(t, inTurn(reply(503, ""), reply(200, success)), reply(200, success)), bothHosts)
			require.NoError(t, ban(t.Context(), client))
			time.Sleep(time.Hour)
			require.NoError(t, other("/x.json", nil)(t.Context(), client))
			require.NoError(t, probe(t.Context(), client))
			require.NoError(t, other("/x.json", nil)(t.Context(), client))
			require.Equal(t, "pb"+"b"+"p"+"p", hostSequence(tap))
		})
	}
}

// TestAnswerThatIsNotRCsDoesNotEndTheOutage has something else answer the probe.
func TestAnswerThatIsNotRCsDoesNotEndTheOutage(t *testing.T) {
	t.Parallel()
	for name, respond := range map[string]roundTripFunc{
		"redirect": replyWith(302, "", "Location", "https://login.example"), "429": reply(429, html), "404": reply(404, html),
	} {
		synctest.Test(t, func(t *testing.T) {
			client, tap := newClient(t, byHost(t, inTurn(reply(503, ""), respond, reply(503, "")), reply(200, success)), bothHosts)
			require.NoError(t, ban(t.Context(), client))
			time.Sleep(5 * time.Minute)
			_ = withDeadline(t, time.Second, client, ban)
			before := len(tap.requests())
			require.NoError(t, ban(t.Context(), client))
			require.Equal(t, "b", hostSequence(tap)[before:], name)
		})
	}
}
