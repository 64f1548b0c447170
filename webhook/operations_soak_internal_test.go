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

// TestSoak waits for 10,000 deactivations whose events are late, too late, repeated, lost, out of order, refused, or
// preceded by forgeries. Each Wait must return the right results as soon as possible or end at its deadline, and no
// memory may be left at the end.
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

	mu        sync.Mutex
	handledAt map[string]time.Time // when the first event of each user was handled
	refused   map[string]bool
	outcomes  map[string]int // number of waits by how they ended
}

func newSoak(t *testing.T, poll time.Duration, queue int) *soak {
	t.Helper()
	s := &soak{
		t: t, random: rand.New(rand.NewPCG(1, uint64(queue))), server: rctest.NewServer(), poll: poll,
		handledAt: map[string]time.Time{}, refused: map[string]bool{}, outcomes: map[string]int{},
	}
	t.Cleanup(s.server.Close)
	client, err := rcuser.NewClient(s.server.Config())
	require.NoError(t, err)
	s.ops, err = NewOperations(client, OperationsOptions{Poll: poll})
	require.NoError(t, err)
	s.handler, err = NewHandler(Config{
		Credentials:    StaticCredentials(s.server.Credentials()),
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
		{Kind: rctest.Late, Delay: 20 * time.Minute}, // too old for the default window
	} {
		f.Times, f.Probability, f.Seed = rctest.Always, 0.1, uint64(i)
		s.server.InjectDelivery(f)
	}
	return s
}

func (s *soak) handle(ctx context.Context, e DeactivationEvent) error {
	s.mu.Lock()
	if _, again := s.handledAt[e.UserID]; !again {
		s.handledAt[e.UserID] = time.Now()
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
		timeout := []time.Duration{10 * time.Minute, 16 * time.Minute, time.Hour}[s.random.IntN(3)]
		delay := time.Duration(s.random.IntN(3)) * 10 * time.Minute
		group.Go(func() {
			time.Sleep(delay)
			s.wait(op, ids, timeout)
		})
		time.Sleep(time.Duration(s.random.IntN(1000)) * time.Millisecond)
	}
	group.Wait()
	for _, outcome := range []string{"done", "deadline"} {
		require.Greater(s.t, s.outcomes[outcome], deactivations/40, "both must occur often: %v", s.outcomes)
	}
	if s.poll > 0 {
		require.Greater(s.t, s.outcomes["polled"], deactivations/40)
	}
	time.Sleep(2 * time.Hour)
	s.requireNothingLeft()
}

func (s *soak) refuse(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[id] = true
}

func (s *soak) wait(op rcuser.Operation, ids []string, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(s.t.Context(), timeout)
	defer cancel()
	start := time.Now()
	results, err := s.ops.Wait(ctx, op, ids)
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	last := start
	for _, id := range ids {
		result, known := results[id]
		if handledAt, ok := s.handledAt[id]; ok && handledAt.After(last) {
			last = handledAt
		}
		if known {
			s.compare(id, result)
		} else if handledAt, ok := s.handledAt[id]; ok && handledAt.Before(now) {
			s.t.Errorf("%s had an event, and is missing", id)
		}
		if result.Polled {
			s.outcomes["polled"]++
			last = now // the list was read at an unknown time
		}
	}
	if err == nil {
		s.outcomes["done"]++
		if len(results) != len(ids) || !now.Equal(last) {
			s.t.Errorf("%v ended at %v with %v, the last event came at %v", ids, now, results, last)
		}
		return
	}
	s.outcomes["deadline"]++
	missing, ok := errors.AsType[*WaitError](err)
	if !ok || !errors.Is(err, context.DeadlineExceeded) || now.Sub(start) != timeout || len(missing.Missing)+len(results) != len(ids) {
		s.t.Errorf("%v after %v of %v, with %v", err, now.Sub(start), timeout, results)
	}
}

// compare compares a result with the state of the fake.
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
	store, guard := s.ops.store.Store.(*memoryStore), s.handler.config.Replays.(*memoryGuard)
	require.Empty(s.t, s.ops.awaited)
	require.Nil(s.t, s.ops.stopShared)
	require.Zero(s.t, s.ops.reading)
	require.Empty(s.t, s.ops.readQueue)
	require.Empty(s.t, s.ops.store.slots)
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
