package rcuser_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// traced tells of its connections as net/http does: all are reused. With closedConn, the peer had closed one.
func traced(respond roundTripFunc) roundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		trace := httptrace.ContextClientTrace(req.Context())
		trace.GetConn(req.URL.Host + ":443")
		trace.GotConn(httptrace.GotConnInfo{Reused: true})
		return respond(req)
	}
}

var closedConn = failWith(io.EOF)

// TestBackupTakesAWholeBurst has 490 calls in flight when the primary begins to fail, over TCP.
func TestBackupTakesAWholeBurst(t *testing.T) {
	t.Parallel()
	for _, status := range []int{503, 404} {
		var arrived sync.WaitGroup
		arrived.Add(490)
		primary := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			arrived.Done()
			arrived.Wait()
			answer(w, status, html)
		})
		backup := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, success) })
		client := overWire(t, primary.URL, func(c *rcuser.Config) {
			c.DataCenter.Backup, c.AttemptTimeout = backup.URL, time.Minute
		})
		atOnce(t, 490, func() error { return ban(t.Context(), client) })
	}
}

// emptiedBudget makes a client use up its retries at both hosts. It returns a switch for each host: whether it answers 503.
func emptiedBudget(t *testing.T) (client *rcuser.Client, tap *wiretap, primary, backup *atomic.Bool) {
	t.Helper()
	primary, backup = new(atomic.Bool), new(atomic.Bool)
	primary.Store(true)
	backup.Store(true)
	down, up := reply(503, ""), reply(200, success)
	client, tap = newClient(t, byHost(t, either(primary, down, up), either(backup, down, up)), bothHosts)
	exhaustBudget(t, client, 1)
	return client, tap, primary, backup
}

// TestTotalOutageIsLimited requires a call to make no retry at a host that has just failed.
func TestTotalOutageIsLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, tap, _, _ := emptiedBudget(t)
		for range 100 {
			require.Equal(t, 1, requireError(t, ban(t.Context(), client)).Attempts)
		}
		before := len(tap.requests())
		time.Sleep(31 * time.Second)
		for range 100 {
			require.Error(t, ban(t.Context(), client))
		}
		require.Len(t, tap.requests()[before:], 101, "one call tried the other host again")
	})
}

// TestHostThatRecovered has an empty budget, and the host works again that calls don't prefer.
func TestHostThatRecovered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, tap, primary, backup := emptiedBudget(t)
		before := len(tap.requests())
		recovered, want := backup, "pb"
		if hostSequence(tap)[before-1] == 'b' {
			recovered, want = primary, "bp"
		}
		recovered.Store(false)
		time.Sleep(31 * time.Second)
		require.NoError(t, ban(t.Context(), client))
		require.Equal(t, want, hostSequence(tap)[before:])
		require.NoError(t, ban(t.Context(), client))
		require.Equal(t, want+want[1:], hostSequence(tap)[before:])
	})
}

// TestOnlyOneMoveOfACallIsFree lets the other host succeed between the call's attempts, for another call.
func TestOnlyOneMoveOfACallIsFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, tap := newClient(t, func(req *http.Request) (*http.Response, error) {
			if req.URL.Path == "/fine.json" {
				return reply(200, success)(req)
			}
			time.Sleep(time.Minute) // so that no failure is known any more
			return reply(503, "")(req)
		}, bothHosts, func(c *rcuser.Config) { c.Retry.MaxAttempts, c.AttemptTimeout = 500, time.Hour })
		require.Equal(t, 102, requireError(t, ban(t.Context(), client)).Attempts)
		require.Len(t, tap.requests(), 102)
	})
}

// TestRepeatOnANewConnectionIsFree uses up the budget before. Only a call's first is free.
func TestRepeatOnANewConnectionIsFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		steps := make([]roundTripFunc, 101)
		for i := range steps {
			steps[i] = reply(503, "")
		}
		steps = append(steps, closedConn, reply(200, success), closedConn)
		client, _ := newClient(t, traced(inTurn(steps...)), func(c *rcuser.Config) { c.Retry.MaxAttempts = 200 })
		require.Equal(t, 101, requireError(t, ban(t.Context(), client)).Attempts)
		require.NoError(t, ban(t.Context(), client))
		require.Equal(t, 2, requireError(t, ban(t.Context(), client)).Attempts)
	})
}

// TestRetryThatWasNotMadeIsGivenBack ends calls in the wait before a retry, and in the limiter.
func TestRetryThatWasNotMadeIsGivenBack(t *testing.T) {
	t.Parallel()
	for name, limiter := range map[string]rcuser.Limiter{"wait": rcuser.NoLimit, "limiter": secondWaits{}} {
		synctest.Test(t, func(t *testing.T) {
			client, tap := newClient(t, replyWith(503, "", "Retry-After", "9"), func(c *rcuser.Config) { c.Limiter = limiter })
			for range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(10*time.Second, cancel)
				if name == "wait" {
					time.AfterFunc(time.Second, cancel)
				}
				require.Equal(t, 1, requireError(t, ban(ctx, client)).Attempts, name)
			}
			before := len(tap.requests())
			ctx := context.WithValue(t.Context(), patient{}, true)
			require.Equal(t, 3, requireError(t, ban(ctx, client)).Attempts, name)
			require.Len(t, tap.requests()[before:], 3)
		})
	}
}

// secondWaits lets no retry through, except for a patient call. It knows them by their time: calls begin at full seconds.
type secondWaits struct{}

type patient struct{}

func (secondWaits) Pause(string, time.Duration) {}

func (secondWaits) Wait(ctx context.Context, _ rcuser.LimitedAttempt) error {
	elapsed, _ := ctx.Value(patient{}).(bool)
	if elapsed || time.Now().Unix()%10 != 9 {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// TestFreeRetriesGiveNothingBack would otherwise fill the budget without a success of the first attempt.
func TestFreeRetriesGiveNothingBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		steps := make([]roundTripFunc, 101)
		for i := range steps {
			steps[i] = reply(503, "")
		}
		for range 50 {
			steps = append(steps, closedConn, reply(200, success))
		}
		client, _ := newClient(t, traced(inTurn(append(steps, reply(503, ""))...)), func(c *rcuser.Config) { c.Retry.MaxAttempts = 200 })
		require.Error(t, ban(t.Context(), client))
		for range 50 {
			require.NoError(t, ban(t.Context(), client))
		}
		require.Equal(t, 1, requireError(t, ban(t.Context(), client)).Attempts)
	})
}

// TestClosedConnectionFollowsASwitch has another call switch the hosts meanwhile.
func TestClosedConnectionFollowsASwitch(t *testing.T) {
	t.Parallel()
	for _, switched := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var client *rcuser.Client
			var tap *wiretap
			first := true
			client, tap = newClient(t, traced(byHost(t, func(req *http.Request) (*http.Response, error) {
				switch {
				case req.URL.Path == "/other.json":
					return reply(503, "")(req)
				case !first:
					return reply(200, success)(req)
				}
				first = false
				if switched {
					require.Error(t, other("/other.json", nil)(req.Context(), client))
				}
				return closedConn(req)
			}, reply(200, success))), bothHosts)
			require.NoError(t, ban(t.Context(), client))
			require.Equal(t, map[bool]string{true: "ppb", false: "pp"}[switched], hostSequence(tap))
		})
	}
}
