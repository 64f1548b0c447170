package webhook

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

const deactivations = 10_000

// TestSoak waits for ten thousand deactivations whose events are late, too late, doubled, lost, out of order, preceded
// by attacks, or refusals. Each Wait ends with the truth or at its deadline, as soon as it can, and in the end nothing
// is left in memory.
func TestSoak(t *testing.T) {
	t.Parallel()
	for name, variant := range map[string]struct {
		poll  time.Duration
		queue int
	}{"events alone": {}, "polling, and a queue": {7 * time.Minute, deactivations}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { newSoak(t, variant.poll, variant.queue).run() })
		})
	}
}

type soak struct {
	t       *testing.T
	random  *rand.Rand
	server  *rctest.Server
	ops     *Operations
	handler *Handler
	poll    time.Duration

	mu      sync.Mutex
	heard   map[string]time.Time // when the first event of a user was handled
	refused map[string]bool
	ends    map[string]int // of waits
}

func newSoak(t *testing.T, poll time.Duration, queue int) *soak {
	t.Helper()
	s := &soak{
		t: t, random: rand.New(rand.NewPCG(1, uint64(queue))), server: rctest.NewServer(), poll: poll,
		heard: map[string]time.Time{}, refused: map[string]bool{}, ends: map[string]int{},
	}
	t.Cleanup(s.server.Close)
	client, err := rcuser.NewClient(s.server.Config())
	require.NoError(t, err)
	s.ops, err = NewOperations(client, OperationsOptions{Poll: poll})
	require.NoError(t, err)
	s.handler, err = NewHandler(Config{
		Credentials:    StaticCredentials(rcuser.Credentials{AppKey: s.server.AppKey, AppSecret: s.server.AppSecret}),
		OnDeactivation: s.handle,
		Queue:          queue,
		Workers:        min(queue, 4),
	})
	require.NoError(t, err)
	s.server.SetWebhook(s.handler)
	for i, f := range []rctest.DeliveryFault{
		{Kind: rctest.Lost},
		{Kind: rctest.Twice},
		{Kind: rctest.OutOfOrder},
		{Kind: rctest.Forged},
		{Kind: rctest.Stale},
		{Kind: rctest.Unsigned},
		{Kind: rctest.Late, Delay: 4 * time.Minute},
		{Kind: rctest.Late, Delay: 20 * time.Minute}, // the second is too old to be believed
	} {
		f.Times, f.Probability, f.Seed = rctest.Always, 0.1, uint64(i)
		s.server.InjectDelivery(f)
	}
	return s
}

func (s *soak) handle(ctx context.Context, e DeactivationEvent) error {
	s.mu.Lock()
	if _, again := s.heard[e.UserID]; !again {
		s.heard[e.UserID] = time.Now()
	}
	s.mu.Unlock()
	return s.ops.Handle(ctx, e)
}

func (s *soak) run() {
	var group sync.WaitGroup
	for first := 0; first < deactivations; {
		ids := make([]string, min(1+s.random.IntN(4), deactivations-first))
		for i := range ids {
			ids[i] = fmt.Sprintf("u%d", first+i)
			if s.random.IntN(10) == 0 {
				s.refuse(ids[i])
				s.server.RefuseDeactivation(ids[i], "24410")
			}
		}
		first += len(ids)
		op, err := s.ops.Deactivate(s.t.Context(), ids)
		require.NoError(s.t, err)
		patience := []time.Duration{10 * time.Minute, 16 * time.Minute, time.Hour}[s.random.IntN(3)]
		delay := time.Duration(s.random.IntN(3)) * 10 * time.Minute
		group.Go(func() {
			time.Sleep(delay)
			s.wait(op, ids, patience)
		})
		time.Sleep(time.Duration(s.random.IntN(1000)) * time.Millisecond)
	}
	group.Wait()
	for _, end := range []string{"done", "deadline"} {
		require.Greater(s.t, s.ends[end], deactivations/40, "the soak must meet both: %v", s.ends)
	}
	if s.poll > 0 {
		require.Greater(s.t, s.ends["polled"], deactivations/40)
	}
	time.Sleep(2 * time.Hour)
	s.requireNothingLeft()
}

func (s *soak) refuse(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[id] = true
}

func (s *soak) wait(op rcuser.Operation, ids []string, patience time.Duration) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	start := time.Now()
	results, err := s.ops.Wait(ctx, op, ids)
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	last := start
	for _, id := range ids {
		result, known := results[id]
		if heard, ok := s.heard[id]; ok && heard.After(last) {
			last = heard
		}
		if known {
			s.compare(id, result)
		} else if heard, ok := s.heard[id]; ok && heard.Before(now) {
			s.t.Errorf("%s was heard of, and is missing", id)
		}
		if result.Polled {
			s.ends["polled"]++
			last = now // whenever the list was read
		}
	}
	if err == nil {
		s.ends["done"]++
		if len(results) != len(ids) || !now.Equal(last) {
			s.t.Errorf("%v ended at %v with %v, the last was heard at %v", ids, now, results, last)
		}
		return
	}
	s.ends["deadline"]++
	missing, ok := errors.AsType[*WaitError](err)
	if !ok || !errors.Is(err, context.DeadlineExceeded) || now.Sub(start) != patience || len(missing.Missing)+len(results) != len(ids) {
		s.t.Errorf("%v after %v of %v, with %v", err, now.Sub(start), patience, results)
	}
}

// compare holds a result to what the fake knows.
func (s *soak) compare(id string, result Result) {
	user := s.server.User(id)
	finished := user.Deactivated && !s.server.Now().Before(user.DeactivatedAt.Add(15*time.Minute))
	if result.Done() != finished || result.Done() == s.refused[id] || result.Type != Deactivation {
		s.t.Errorf("%s: %+v, but deactivated: %t, finished: %t, refused: %t", id, result, user.Deactivated, finished, s.refused[id])
	}
	if !result.Polled && result.Code != map[bool]string{true: "24410", false: CodeDone}[s.refused[id]] {
		s.t.Errorf("%s: %+v", id, result)
	}
}

func (s *soak) requireNothingLeft() {
	synctest.Wait()
	store, guard := s.ops.store.(*memoryStore), s.handler.config.Replays.(*memoryGuard)
	require.Empty(s.t, s.ops.waiters)
	require.Nil(s.t, s.ops.stopPolling)
	requireExpired(s.t, store.results)
	requireExpired(s.t, store.deactivated)
	requireExpired(s.t, s.ops.starts)
	requireExpired(s.t, guard.handled)
	require.Empty(s.t, guard.busy)
	require.Zero(s.t, s.handler.running)
	require.Empty(s.t, s.handler.queue.waiting)
}

func requireExpired[K comparable, V any](t *testing.T, m *expiringMap[K, V]) {
	t.Helper()
	require.Empty(t, m.entries)
	require.Empty(t, m.byEnd)
	require.Nil(t, m.timer)
}
