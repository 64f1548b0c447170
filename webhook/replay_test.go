package webhook_test

import (
	"context"
	"crypto/rand"
	"errors"
	"math"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

// TestReplay checks that a handled request is answered 200 and not handled again, with any body and under any parameter
// names.
func TestReplay(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		query := signedQuery(testNonce, time.Now())
		require.Equal(t, answers.ok, receiver.serve(newRequest(query, presenceEvent)))
		other := strings.ReplaceAll(presenceEvent, "u1", "u2")
		older := strings.NewReplacer("nonce=", "rc-nonce=", "timestamp=", "rc-timestamp=", "signature=", "rc-signature=").Replace(query)
		for _, request := range []*http.Request{
			newRequest(query, presenceEvent), newRequest(query, other), newRequest(query, "no event"), newRequest(query, ""), newRequest(query+"&x=1", other),
			newRequest(older, other), newRequest(strings.Replace(query, "timestamp=", "signTimestamp=", 1), other),
			newRequest(strings.Replace(query, "appKey=app-key-7&", "", 1), other), newRequest(strings.Replace(query, "14314", "1431%34", 1), other),
		} {
			require.Equal(t, answers.ok, receiver.serve(request))
		}
		require.Equal(t, []string{"u1"}, receiver.dispatchedUsers())
		require.Equal(t, answers.ok, receiver.serve(validRequest("14315")), "a different signature is a different request")
		require.Len(t, receiver.dispatched(), 2)
	})
}

// TestFailedRequestIsHandledAgain checks that a request that failed is handled when RC sends it again with the same
// signature.
func TestFailedRequestIsHandledAgain(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		do   func(context.Context) error
		body string
		want answer
	}{
		{"error", func(context.Context) error { return errors.New("no") }, presenceEvent, answers.function},
		{"panic", func(context.Context) error { panic("no") }, presenceEvent, answers.panicked},
		{"panic without a value", func(context.Context) error { panic(error(nil)) }, presenceEvent, answers.panicked},
		{"abort", func(context.Context) error { panic(http.ErrAbortHandler) }, presenceEvent, answers.panicked},
		{"end of the goroutine", func(context.Context) error { runtime.Goexit(); return nil }, presenceEvent, answers.panicked},
		{"timeout", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, presenceEvent, answers.timeout},
		{"late error", func(context.Context) error { time.Sleep(time.Minute); return errors.New("no") }, presenceEvent, answers.timeout},
		{"late panic", func(context.Context) error { time.Sleep(time.Minute); panic("no") }, presenceEvent, answers.timeout},
		{"all events of a list", nil, `[{"userid":"u1","status":"1"},{"userid":"u2","status":"1"}]`, answers.body},
		{"body", nil, `{"userid":"u1","status":"0"}`, answers.body},
		{"no body", nil, "", answers.body},
		{"large body", nil, strings.Repeat(" ", 1<<20+1), answers.large},
	} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t)
			fails := true
			receiver.onEvent = func(ctx context.Context, _ webhook.Event) error {
				if !fails {
					return nil
				}
				return tc.do(ctx)
			}
			query := signedQuery(testNonce, time.Now())
			failures := 0
			for range 2 {
				request := newRequest(query, tc.body)
				request.ContentLength = -1
				require.Equal(t, tc.want, receiver.serve(request), tc.name)
				time.Sleep(2 * time.Minute)
				synctest.Wait()
			}
			if tc.do != nil {
				failures = 2
			}
			require.Len(t, receiver.dispatched(), failures, tc.name)
			fails = false
			require.Equal(t, answers.ok, receiver.serve(newRequest(query, presenceEvent)), tc.name)
			require.Equal(t, answers.ok, receiver.serve(newRequest(query, presenceEvent)), tc.name)
			require.Len(t, receiver.dispatched(), failures+1, tc.name)
		})
	}
}

// TestReplayWindow checks that a request is remembered until its signature expires, to the millisecond.
func TestReplayWindow(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, tc := range []struct {
		window webhook.Window
		ahead  time.Duration // of the signing time
		good   time.Duration // how long the signature is valid after signing
		after  answer
	}{
		{webhook.Window{}, 0, 10 * time.Minute, answers.stale},
		{webhook.Window{}, 5 * time.Minute, 10 * time.Minute, answers.stale},
		{webhook.Window{}, -10 * time.Minute, 10 * time.Minute, answers.stale},
		{webhook.Window{Past: time.Millisecond}, 0, time.Millisecond, answers.stale},
		{webhook.Window{Past: time.Hour, Future: 30 * day}, 20 * day, time.Hour, answers.stale},
		{webhook.Window{Past: time.Hour, Future: webhook.Unlimited}, 20 * day, time.Hour, answers.stale},
	} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t, withWindow(tc.window))
			signedAt := startTime.Add(tc.ahead)
			query := signedQuery(testNonce, signedAt)
			require.Equal(t, answers.ok, receiver.serve(newRequest(query, presenceEvent)))
			for share := range 5 { // spread over its validity, to the very end
				time.Sleep(time.Until(signedAt.Add(tc.good * time.Duration(share) / 4)))
				require.Equal(t, answers.ok, receiver.serve(newRequest(query, presenceEvent)))
			}
			require.Len(t, receiver.dispatched(), 1)
			time.Sleep(time.Millisecond)
			require.Equal(t, tc.after, receiver.serve(newRequest(query, presenceEvent)))
			require.Len(t, receiver.dispatched(), 1)
		})
	}
}

// TestReplayWithUnlimitedWindow checks that a signature that never expires is remembered for a day after its request.
func TestReplayWithUnlimitedWindow(t *testing.T) {
	t.Parallel()
	for name, past := range map[string]time.Duration{"unlimited": webhook.Unlimited, "the longest": math.MaxInt64} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T) {
				receiver := newReceiver(t, withWindow(webhook.Window{Past: past}))
				query := signedQuery(testNonce, startTime.Add(-1000*time.Hour))
				require.Equal(t, answers.ok, receiver.serve(newRequest(query, presenceEvent)))
				require.Equal(t, answers.ok, receiver.serve(newRequest(query, presenceEvent)))
				time.Sleep(24 * time.Hour)
				require.Equal(t, answers.ok, receiver.serve(newRequest(query, presenceEvent)))
				require.Len(t, receiver.dispatched(), 1)
			})
		})
	}
}

// TestConcurrentReplays checks that only one of many simultaneous requests with the same signature is handled.
func TestConcurrentReplays(t *testing.T) {
	t.Parallel()
	receiver := newReceiver(t)
	for round := range 20 {
		query := signedQuery(testNonce+strings.Repeat("0", round), time.Now())
		begin := make(chan struct{})
		var group sync.WaitGroup
		var handled, busy atomic.Int32
		for range 64 {
			group.Go(func() {
				<-begin
				switch got := receiver.serve(newRequest(query, presenceEvent)); got {
				case answers.ok:
					handled.Add(1)
				case answers.busy:
					busy.Add(1)
				}
			})
		}
		close(begin)
		group.Wait()
		require.Equal(t, int32(64), handled.Load()+busy.Load())
		require.Positive(t, handled.Load())
		require.Len(t, receiver.dispatched(), round+1)
		require.Equal(t, answers.ok, receiver.serve(newRequest(query, presenceEvent)))
		require.Len(t, receiver.dispatched(), round+1)
	}
}

// TestClaimsDoNotCountAsHandled checks that claimed requests don't use up the guard's limit.
func TestClaimsDoNotCountAsHandled(t *testing.T) {
	t.Parallel()
	guard := webhook.NewReplayGuard(1)
	for _, key := range []string{"a", "b", "c"} {
		requireClaim(t, guard, key, webhook.Claimed)
	}
	require.NoError(t, guard.Commit(t.Context(), "a", time.Now().Add(time.Hour)))
	require.NoError(t, guard.Release(t.Context(), "c"))
	requireClaim(t, guard, "a", webhook.Handled)
	requireClaim(t, guard, "b", webhook.Busy)
	requireClaim(t, guard, "c", webhook.Claimed)
}

// TestReplayGuardLimit checks that the entries that expire first are forgotten, even if the newest is one of them.
func TestReplayGuardLimit(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{math.MinInt, -1, 0, 1, 2, 3} {
		guard := webhook.NewReplayGuard(limit)
		room := max(limit, 1)
		now := time.Now()
		for _, kept := range []struct {
			key  string
			ends time.Duration
		}{{"c", 3 * time.Hour}, {"a", time.Hour}, {"d", 4 * time.Hour}, {"b", 2 * time.Hour}} {
			requireClaim(t, guard, kept.key, webhook.Claimed)
			require.NoError(t, guard.Commit(t.Context(), kept.key, now.Add(kept.ends)))
		}
		for i, key := range []string{"d", "c", "b", "a"} {
			want := webhook.Handled
			if i >= room {
				want = webhook.Claimed
			}
			requireClaim(t, guard, key, want)
		}
	}
}

// TestReplayGuardExpiry checks that a request is remembered up to and including the time given to Commit.
func TestReplayGuardExpiry(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		guard := webhook.NewReplayGuard(10)
		requireClaim(t, guard, "a", webhook.Claimed)
		require.NoError(t, guard.Commit(t.Context(), "a", startTime.Add(time.Minute)))
		require.NoError(t, guard.Commit(t.Context(), "past", startTime.Add(-1)))
		requireClaim(t, guard, "past", webhook.Claimed)
		time.Sleep(time.Minute)
		requireClaim(t, guard, "a", webhook.Handled)
		time.Sleep(time.Nanosecond)
		requireClaim(t, guard, "a", webhook.Claimed)
		requireClaim(t, guard, "a", webhook.Busy)
		require.NoError(t, guard.Release(t.Context(), "never claimed"))
	})
}

func requireClaim(t *testing.T, guard webhook.ReplayGuard, key string, want webhook.Claim) {
	t.Helper()
	got, err := guard.Claim(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, want, got, key)
}

// TestFailingReplayGuards checks that nothing is handled if Claim returns an error or an unknown value.
func TestFailingReplayGuards(t *testing.T) {
	t.Parallel()
	for name, claim := range map[string]func(context.Context, string) (webhook.Claim, error){
		"error": func(context.Context, string) (webhook.Claim, error) {
			return webhook.Claimed, errors.New("the store is unavailable")
		},
		"nothing":      func(context.Context, string) (webhook.Claim, error) { return 0, nil },
		"one too many": func(context.Context, string) (webhook.Claim, error) { return webhook.Handled + 1, nil },
		"handled in error": func(context.Context, string) (webhook.Claim, error) {
			return webhook.Handled, errors.New("the store is unavailable")
		},
	} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t, withGuard(fakeGuard{claim: claim, release: func(context.Context, string) error {
				return errors.New("released without a claim")
			}}))
			require.Equal(t, answers.guard, receiver.serve(validRequest(testNonce)), name)
			require.Empty(t, receiver.dispatched())
			require.Equal(t, 1, strings.Count(receiver.log.String(), "\n"), receiver.log.String())
			require.Equal(t, strings.Contains(name, "error"), strings.Contains(receiver.log.String(), "the store is unavailable"))
		})
	}
}

// TestFullGuardIsLogged checks that a guard that forgets requests whose signatures are still valid says so at once and then
// once a minute, with their number, and that a guard whose requests have expired doesn't.
func TestFullGuardIsLogged(t *testing.T) {
	t.Parallel()
	const record = `"msg":"webhook: the replay guard is full"`
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t, withGuard(webhook.NewReplayGuard(10)))
		serve := func(n int) string {
			for range n {
				require.Equal(t, answers.ok, receiver.serve(validRequest(rand.Text())))
			}
			return receiver.log.String()
		}
		require.Empty(t, serve(10))
		require.Contains(t, serve(1), `"forgotten":1,"limit":10`)
		require.Equal(t, 1, strings.Count(serve(30), record))
		time.Sleep(time.Minute - 1)
		require.Equal(t, 1, strings.Count(serve(1), record))
		time.Sleep(time.Nanosecond)
		log := serve(1)
		require.Equal(t, 2, strings.Count(log, record))
		require.Contains(t, log, `"forgotten":32,`)
		time.Sleep(12 * time.Minute)
		require.Equal(t, log, serve(10), "all others have expired")
	})
}

// TestReplayMemory checks that the guard's memory doesn't depend on the size of the requests: a key that is a part of the
// query would keep all of it.
func TestReplayMemory(t *testing.T) { //nolint:paralleltest // measures the heap
	const requests = 100_000
	guard := webhook.NewReplayGuard(requests)
	filler := "&x=" + strings.Repeat("y", 8<<10)
	now := time.Now()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range requests {
		request := newRequest(signedQuery(strconv.Itoa(i), now)+filler, "")
		verified, err := webhook.Verify(request, webhook.Window{}, validCredentials)
		require.NoError(t, err)
		require.LessOrEqual(t, len(verified.ReplayKey), 64)
		requireClaim(t, guard, verified.ReplayKey, webhook.Claimed)
		require.NoError(t, guard.Commit(t.Context(), verified.ReplayKey, now.Add(11*time.Minute)))
	}
	each := (heap() - before) / requests
	t.Logf("%d bytes a request", each)
	require.Less(t, each, uint64(300))
	runtime.KeepAlive(guard)
}
