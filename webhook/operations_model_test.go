package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

// TestOperationsModel runs random events, repeated, contradictory, lost or refused by a store that is down for a while,
// and random calls of Wait and trackers with and without an end, in two processes that share a store, or in one
// without. It compares them with a plain model: a user's result is the first that was stored.
func TestOperationsModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { newOperationsModel(t, seed, seed%3 != 0).run() })
		})
	}
}

// key names a user of an operation.
type key struct{ operationID, userID string }

// storedEvent is the result of a user, and when it was stored.
type storedEvent struct {
	code string
	at   time.Time
}

type operationsModel struct {
	t        *testing.T
	random   *rand.Rand
	start    time.Time
	shared   bool
	ops      []*webhook.Operations
	downFrom time.Duration // when the store fails, since the start; a shared store only
	downTill time.Duration

	mu     sync.Mutex
	stored map[key]storedEvent
	ends   map[string]int // waits by how they ended
}

func newOperationsModel(t *testing.T, seed uint64, shared bool) *operationsModel {
	t.Helper()
	m := &operationsModel{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), start: time.Now(), shared: shared, stored: map[key]storedEvent{}, ends: map[string]int{},
	}
	opts := webhook.OperationsOptions{}
	processes := 1
	if shared {
		m.downFrom = time.Duration(m.random.IntN(60)) * time.Second
		m.downTill = m.downFrom + time.Duration(m.random.IntN(20))*time.Second
		opts.Store = newBadStore(m.storeFails)
		processes = 2
	}
	r := newFakeRCWithoutWebhook(t, opts)
	m.ops = append(m.ops, r.ops)
	for len(m.ops) < processes {
		other, err := webhook.NewOperations(r.client, opts)
		require.NoError(t, err)
		m.ops = append(m.ops, other)
	}
	return m
}

func (m *operationsModel) down(now time.Time) bool {
	since := now.Sub(m.start)
	return since >= m.downFrom && since < m.downTill
}

func (m *operationsModel) storeFails(context.Context, string, string) error {
	switch since := time.Since(m.start); {
	case !m.down(time.Now()):
		return nil
	case since%2 == 0:
		panic("the connection is nil")
	}
	return errDown
}

const (
	modelOperations = 8
	modelUsers      = 6
)

func (m *operationsModel) run() {
	var group sync.WaitGroup
	for range 150 {
		k := key{fmt.Sprint(m.random.IntN(modelOperations)), fmt.Sprint(m.random.IntN(modelUsers))}
		at := time.Duration(m.random.IntN(6000)) * 10 * time.Millisecond
		code := []string{"0", "0", "7"}[m.random.IntN(3)]
		ops, lost := m.ops[m.random.IntN(len(m.ops))], m.random.IntN(10) == 0
		if !lost {
			group.Go(func() { m.event(ops, k, code, at) })
		}
	}
	for range 100 {
		w := modelWait{ops: m.ops[m.random.IntN(len(m.ops))], operations: 1 + m.random.IntN(2)*m.random.IntN(3), first: m.random.IntN(modelOperations)}
		for _, user := range m.random.Perm(modelUsers)[:1+m.random.IntN(3)] {
			w.users = append(w.users, fmt.Sprint(user))
		}
		// Times of events end with 0 milliseconds, so that none is equal to one of these.
		w.from = time.Duration(m.random.IntN(6000))*10*time.Millisecond + 3*time.Millisecond
		w.till = w.from + time.Duration(m.random.IntN(4000))*10*time.Millisecond + 2*time.Millisecond
		group.Go(func() { m.wait(w) })
	}
	group.Wait()
	require.NotZero(m.t, m.ends["complete"])
	require.NotZero(m.t, m.ends["incomplete"])
}

// event is sent again after 1 and 2 seconds, as RC does, if it isn't stored.
func (m *operationsModel) event(ops *webhook.Operations, k key, code string, at time.Duration) {
	time.Sleep(at)
	for range 3 {
		m.mu.Lock()
		down := m.down(time.Now())
		e := webhook.DeactivationEvent{OperationID: k.operationID, UserID: k.userID, Type: webhook.Reactivation, Code: code, Time: time.Now()}
		err := ops.Handle(m.t.Context(), e)
		if (err != nil) != down {
			m.t.Errorf("%v, but down: %t", err, down)
		}
		if _, known := m.stored[k]; !known && err == nil {
			m.stored[k] = storedEvent{code, time.Now()}
		}
		m.mu.Unlock()
		if err == nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// modelWait is a wait for users of one or more operations.
type modelWait struct {
	ops        *webhook.Operations
	first      int // the number of the first operation
	operations int // how many
	users      []string
	from, till time.Duration // since the start
}

func (w modelWait) run(ctx context.Context) (map[string]webhook.Result, error) {
	if w.operations == 1 {
		return w.ops.Wait(ctx, rcuser.Operation{ID: fmt.Sprint(w.first)}, w.users)
	}
	tracker := w.ops.Track(webhook.Reactivation)
	defer tracker.Stop()
	for i := range w.operations {
		tracker.Started(rcuser.Operation{ID: fmt.Sprint((w.first + i) % modelOperations)}, w.users)
	}
	return tracker.Wait(ctx)
}

func (m *operationsModel) wait(w modelWait) {
	time.Sleep(w.from)
	ctx, cancel := context.WithDeadline(m.t.Context(), m.start.Add(w.till))
	defer cancel()
	results, err := w.run(ctx)
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	// What was stored before sure must have been found; what was stored before now may have been.
	sure := now
	if m.down(now) {
		sure = m.start.Add(m.downFrom - time.Second)
		if w.from > m.downFrom-time.Second {
			sure = time.Time{} // it may have read nothing
		}
	}
	last := m.start.Add(w.from)
	var missing []string
	for i := range w.operations {
		for _, user := range w.users {
			event, known := m.stored[key{fmt.Sprint((w.first + i) % modelOperations), user}]
			if !known || event.at.After(sure) {
				missing = append(missing, user)
			}
			if event.at.After(last) {
				last = event.at
			}
		}
	}
	m.compareResults(w, results, err == nil)
	failure, failed := errors.AsType[*webhook.WaitError](err)
	switch {
	case err == nil:
		m.ends["complete"]++
		m.compareEnd(last, now)
	case !failed || !errors.Is(err, context.DeadlineExceeded) || !now.Equal(m.start.Add(w.till)):
		m.t.Errorf("%v at %v instead of %v", err, now.Sub(m.start), w.till)
	case m.down(now):
		m.ends["down"]++
		if !containsAll(missing, failure.Missing) {
			m.t.Errorf("missing %v, at most %v", failure.Missing, missing)
		}
	default:
		m.ends["incomplete"]++
		if !slices.Equal(failure.Missing, missing) {
			m.t.Errorf("missing %v instead of %v", failure.Missing, missing)
		}
	}
}

func containsAll(all, some []string) bool {
	return !slices.ContainsFunc(some, func(id string) bool { return !slices.Contains(all, id) })
}

// compareResults checks that each result is that of the user's first stored event in one of the operations and, in a
// complete wait, a good one if there is any.
func (m *operationsModel) compareResults(w modelWait, results map[string]webhook.Result, complete bool) {
	for user, result := range results {
		var codes []string
		for i := range w.operations {
			if event, ok := m.stored[key{fmt.Sprint((w.first + i) % modelOperations), user}]; ok {
				codes = append(codes, event.code)
			}
		}
		refusedOnly := !complete || !slices.Contains(codes, "0")
		if !slices.Contains(codes, result.Code) || !result.Done() && !refusedOnly || result.Polled || result.Type != webhook.Reactivation {
			m.t.Errorf("%s: %+v instead of %v", user, result, codes)
		}
	}
}

// compareEnd checks that a complete wait ended when the last result was stored or, if another process stored it, up to a
// second later, and not before a failing store works again.
func (m *operationsModel) compareEnd(last, now time.Time) {
	latest := last
	if m.shared {
		latest = last.Add(time.Second)
		if m.down(latest) || m.down(last) {
			latest = m.start.Add(m.downTill + time.Second)
		}
	}
	if now.Before(last) || now.After(latest) {
		m.t.Errorf("complete at %v instead of %v to %v", now.Sub(m.start), last.Sub(m.start), latest.Sub(m.start))
	}
}
