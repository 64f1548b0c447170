package webhook_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

// TestModel simulates RC, which makes 3 attempts of 5 seconds a second apart, and two processes with a shared guard that are
// killed and restarted at random, with callbacks that take any time and may fail. It checks that no event is answered 200 and
// lost, that no process handles an event twice at the same time, and that an event is lost only if each attempt failed by
// the callback or the death of its process, or waited until its answer was due.
func TestModel(t *testing.T) {
	t.Parallel()
	var total modelCounts
	for seed := range uint64(60) {
		inBubble(t, func(t *testing.T) {
			m := &model{t: t, random: rand.New(rand.NewPCG(seed, 12)), guards: newLeaseGuards(), handled: map[string]bool{}}
			m.run(20)
			m.check(seed, &total)
		})
	}
	require.Positive(t, total.lost, "the model must be hard enough to lose events")
	require.Positive(t, total.savedByWaiting)
	require.Positive(t, total.killed)
	t.Logf("%+v", total)
}

type modelCounts struct{ events, lost, savedByWaiting, killed int }

type model struct {
	t      *testing.T
	guards *leaseGuards

	mu        sync.Mutex
	random    *rand.Rand
	processes [2]*modelProcess
	handled   map[string]bool // events whose callback has succeeded
	runs      []*modelRun
	attempts  []*modelAttempt
}

// modelProcess is a process with a handler. After its death, nothing that it does has an effect.
type modelProcess struct {
	*receiver
	died chan struct{}
}

func (p *modelProcess) isDead() bool {
	select {
	case <-p.died:
		return true
	default:
		return false
	}
}

// modelRun is one call of the callback.
type modelRun struct {
	process    *modelProcess
	attempt    *modelAttempt
	begin, end time.Time
	err        error
}

type modelAttempt struct {
	event      string
	begin, end time.Time
	status     int  // 0 = no answer
	killed     bool // its process died, or none was there
}

func (m *model) chance(percent int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.random.IntN(100) < percent
}

func (m *model) upTo(d time.Duration) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Duration(m.random.Int64N(int64(d)))
}

func (m *model) run(events int) {
	stop := make(chan struct{})
	var life, deliveries sync.WaitGroup
	for i := range m.processes {
		m.restart(i)
		life.Go(func() { m.live(i, stop) })
	}
	for i := range events {
		deliveries.Go(func() {
			time.Sleep(m.upTo(10 * time.Second))
			m.deliver(fmt.Sprint("u", i))
		})
	}
	deliveries.Wait()
	close(stop)
	life.Wait()
	time.Sleep(time.Hour) // all late callbacks
}

// live kills and restarts a process now and then.
func (m *model) live(i int, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(m.upTo(12 * time.Second)):
		}
		close(m.processes[i].died)
		time.Sleep(m.upTo(1500 * ms))
		m.restart(i)
	}
}

func (m *model) restart(i int) {
	p := &modelProcess{died: make(chan struct{})}
	p.receiver = newReceiver(m.t, withGuard(m.guardOf(p, fmt.Sprint(i, time.Now()))), func(c *webhook.Config) {
		c.OnPresence = func(ctx context.Context, e webhook.PresenceEvent) error { return m.callback(ctx, p, e.UserID) }
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.processes[i] = p
}

// guardOf returns a guard with some latency that does nothing after the death of its process.
func (m *model) guardOf(p *modelProcess, owner string) fakeGuard {
	shared := m.guards.process(owner)
	dead := func() bool { time.Sleep(m.upTo(20 * ms)); return p.isDead() }
	return fakeGuard{
		claim: func(ctx context.Context, key string) (webhook.Claim, error) {
			if dead() {
				return 0, errApp
			}
			return shared.claim(ctx, key)
		},
		commit: func(ctx context.Context, key string, until time.Time) error {
			if dead() {
				return errApp
			}
			return shared.commit(ctx, key, until)
		},
		release: func(ctx context.Context, key string) error {
			if dead() {
				return errApp
			}
			return shared.release(ctx, key)
		},
	}
}

func (m *model) callback(ctx context.Context, p *modelProcess, event string) error {
	run := &modelRun{process: p, attempt: ctx.Value(contextKey{}).(*modelAttempt), begin: time.Now()}
	m.mu.Lock()
	m.runs = append(m.runs, run)
	m.mu.Unlock()
	takes := m.upTo(50 * ms)
	switch {
	case m.chance(20):
		takes = m.upTo(4 * time.Second)
	case m.chance(30):
		takes = m.upTo(15 * time.Second)
	}
	limit := ctx.Done()
	if m.chance(50) {
		limit = nil // ignores its context
	}
	fails := m.chance(50)
	select {
	case <-time.After(takes):
	case <-limit:
		fails = true
	case <-p.died:
		fails = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	run.end = time.Now()
	if fails || p.isDead() {
		run.err = errApp
	} else {
		m.handled[event] = true
	}
	return run.err
}

// deliver makes RC's attempts for one event.
func (m *model) deliver(event string) {
	query := signedQuery(event, time.Now())
	for range 3 {
		a := &modelAttempt{event: event, begin: time.Now()}
		m.mu.Lock()
		m.attempts = append(m.attempts, a)
		p := m.processes[m.random.IntN(len(m.processes))]
		m.mu.Unlock()
		m.attempt(a, p, query)
		if a.status == 200 {
			return
		}
		time.Sleep(time.Second)
	}
}

func (m *model) attempt(a *modelAttempt, p *modelProcess, query string) {
	answered := make(chan int, 1)
	if !p.isDead() {
		go func() {
			recorder := httptest.NewRecorder()
			request := newRequest(query, presenceEvents(a.event))
			p.ServeHTTP(recorder, request.WithContext(context.WithValue(request.Context(), contextKey{}, a)))
			answered <- recorder.Code
		}()
	}
	select {
	case status := <-answered:
		a.status = status
	case <-p.died:
		a.killed = true
	case <-time.After(5 * time.Second):
	}
	a.end = time.Now()
}

// check checks what the test promises.
func (m *model) check(seed uint64, total *modelCounts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	lost := map[string]bool{}
	waited := map[string]bool{}
	for _, a := range m.attempts {
		total.events++
		if a.killed {
			total.killed++
		}
		if a.status == 200 {
			require.True(m.t, m.handled[a.event], "seed %d: answered 200 and lost", seed)
			if own := m.runOf(a); a.end.Sub(a.begin) > 100*ms && (own == nil || own.begin.Sub(a.begin) > 100*ms) && !waited[a.event] {
				waited[a.event] = true
				total.savedByWaiting++
			}
		}
		if !m.handled[a.event] {
			lost[a.event] = true
			require.True(m.t, m.isExcused(a), "seed %d: %+v was given up too early", seed, a)
		}
	}
	total.lost += len(lost)
	for i, run := range m.runs {
		for _, other := range m.runs[i+1:] {
			same := run.process == other.process && run.attempt.event == other.attempt.event
			require.False(m.t, same && other.begin.Before(run.end), "seed %d: handled twice at the same time", seed)
		}
	}
}

func (m *model) runOf(a *modelAttempt) *modelRun {
	for _, run := range m.runs {
		if run.attempt == a {
			return run
		}
	}
	return nil
}

// isExcused reports whether the handler did all it could with an attempt.
func (m *model) isExcused(a *modelAttempt) bool {
	return a.killed || m.runOf(a) != nil || a.end.Sub(a.begin) >= 4*time.Second
}
