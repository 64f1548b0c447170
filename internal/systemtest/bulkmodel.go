package systemtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// bulkModel is bulk work that is interrupted and resumed, and what is known of it by the requests that the fake received.
type bulkModel struct {
	*rand.Rand
	kind      bulkKind
	server    *rctest.Server
	client    *rcuser.Client
	path      string              // of the journal
	journal   *rcuser.FileJournal // nil: to be opened
	stream    []string
	refused   []string        // ids of the stream that RC always refuses
	seen      int             // requests that were looked at
	answered  map[string]bool // ids of calls that RC applied and answered with success, in any round
	confirmed map[string]bool // ids that were done with this very stream, so that they must not be sent again
}

// BulkModel does random bulk work with a journal at path: random streams, also with ids that can't be sent, that RC
// refuses, or that are repeated; outages and other faults of both hosts; deadlines, cancels, streams that fail, panics of
// the stream and of the hooks, journals that fail; then the work is resumed, often with another stream. After each round
// the report, the failures and the error must agree with what the fake received. In the end, without faults, everything
// that can be done must be done. The error says what is wrong. Call it in a synctest bubble.
func BulkModel(ctx context.Context, seed uint64, path string) error {
	m := &bulkModel{Rand: rand.New(rand.NewPCG(seed, 1)), path: path, answered: map[string]bool{}} //nolint:gosec // it must be reproducible
	if m.kind = pick(m.Rand, bulkKinds...); m.chance(0.1) {
		m.kind = registering
	}
	m.server = rctest.NewServer()
	defer m.server.Close()
	config := m.server.Config()
	config.Limiter = nil // the SDK's own
	config.HTTPClient = &http.Client{Transport: &slowTransport{config.HTTPClient.Transport, m.chance(0.7)}}
	if m.chance(0.2) {
		config.DataCenter.Backup = ""
	}
	var err error
	if m.client, err = rcuser.NewClient(config); err != nil {
		return err
	}
	m.newStream()
	for n := range 1 + m.IntN(4) {
		if err := m.interrupted(ctx); err != nil {
			return fmt.Errorf("seed %d, round %d: %w", seed, n, err)
		}
		m.changeStream()
	}
	if err := m.complete(ctx); err != nil {
		return fmt.Errorf("seed %d, at the end: %w", seed, err)
	}
	return nil
}

// pick returns one of the values.
func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

func (m *bulkModel) chance(p float64) bool { return m.Float64() < p }

// within returns a random time, often a short one.
func (m *bulkModel) within(limit time.Duration) time.Duration {
	f := m.Float64()
	return time.Duration(f * f * float64(limit))
}

// slowTransport delays requests and answers. It has its own source of random numbers, as calls are concurrent.
type slowTransport struct {
	next http.RoundTripper
	slow bool
}

func (t *slowTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.delay(req.Context()); err != nil {
		return nil, err
	}
	resp, err := t.next.RoundTrip(req)
	if err == nil {
		if err = t.delay(req.Context()); err != nil { // the answer comes too late
			_ = resp.Body.Close()
			return nil, err
		}
	}
	return resp, err
}

func (t *slowTransport) delay(ctx context.Context) error {
	if !t.slow {
		return nil
	}
	timer := time.NewTimer(rand.N(150 * time.Millisecond)) //nolint:gosec // any numbers do
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *bulkModel) newStream() {
	sizes := []int{0, 1, 5, 20, 21, 60, 200, 500}
	for i := range pick(m.Rand, sizes...) {
		m.stream = append(m.stream, fmt.Sprintf("u%d", i))
	}
	if m.chance(0.4) {
		for range 1 + m.IntN(5) {
			m.insert(pick(m.Rand, "", strings.Repeat("x", 65), "a\xffb"))
		}
	}
	if m.chance(0.4) {
		for i := range 1 + m.IntN(10) {
			m.refused = append(m.refused, fmt.Sprintf("refused%d", i))
			m.insert(m.refused[i])
		}
	}
	if m.chance(0.3) {
		m.repeat()
	}
}

func (m *bulkModel) insert(ids ...string) {
	m.stream = slices.Insert(m.stream, m.IntN(len(m.stream)+1), ids...)
}

// repeat gives some ids again.
func (m *bulkModel) repeat() {
	for range m.IntN(10) {
		if len(m.stream) > 0 {
			m.insert(pick(m.Rand, m.stream...))
		}
	}
}

// changeStream inserts, removes, moves or repeats ids, or leaves them as they are.
func (m *bulkModel) changeStream() {
	if m.chance(0.5) {
		return
	}
	m.confirmed = nil
	for range 1 + m.IntN(4) {
		from, to := m.IntN(len(m.stream)+1), m.IntN(len(m.stream)+1)
		from, to = min(from, to), max(from, to)
		switch m.IntN(5) {
		case 0:
			m.insert(fmt.Sprintf("new%d", m.Uint32()))
		case 1:
			m.stream = slices.Delete(m.stream, from, min(to, from+1+m.IntN(30)))
		case 2:
			slices.Reverse(m.stream[from:to])
		case 3:
			part := slices.Clone(m.stream[from:to])
			m.stream = slices.Delete(m.stream, from, to)
			m.insert(part...)
		case 4:
			m.repeat()
		}
	}
}

// unique reports whether the stream has no id twice.
func (m *bulkModel) unique() bool {
	ids := slices.Sorted(slices.Values(m.stream))
	return len(slices.Compact(ids)) == len(m.stream)
}

// openJournal returns the journal, which may still be open, or the last line of whose file may have no end.
func (m *bulkModel) openJournal() (*rcuser.FileJournal, error) {
	if m.journal != nil && m.chance(0.5) {
		return m.journal, nil
	}
	if err := m.closeJournal(); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(m.path)
	if err == nil && len(content) > 0 && m.chance(0.3) {
		err = os.WriteFile(m.path, append(content, "20 0123456789abcd"...), 0o600) //nolint:gosec // a test's path
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	m.journal, err = rcuser.OpenJournal(m.path)
	return m.journal, err
}

func (m *bulkModel) closeJournal() error {
	if m.journal == nil {
		return nil
	}
	err := m.journal.Close()
	m.journal = nil
	return err
}

// injectFaults makes random faults begin at random times, and returns a function that ends them.
func (m *bulkModel) injectFaults() (end func()) {
	m.server.ClearFaults()
	refuseFirst := m.chance(0.5)
	if refuseFirst {
		m.refuse()
	}
	var timers []*time.Timer
	for range m.IntN(4) {
		f := pick(m.Rand, FaultCases...).Fault
		f.Host = pick(m.Rand, rctest.AnyHost, rctest.PrimaryHost, rctest.BackupHost)
		f.Probability, f.Seed = pick(m.Rand, 0.1, 0.5, 1), m.Uint64()
		if f.Times = pick(m.Rand, 1, 3, 10, 0); f.Times == 0 {
			f.For = time.Second + m.within(2*time.Minute)
		}
		timers = append(timers, time.AfterFunc(m.within(10*time.Second), func() { m.server.Inject(f) }))
	}
	if m.chance(0.3) { // RC is away
		f := rctest.Fault{Kind: pick(m.Rand, rctest.RefuseConnection, rctest.ResetBefore, rctest.Hang), For: time.Second + m.within(3*time.Minute)}
		timers = append(timers, time.AfterFunc(m.within(10*time.Second), func() { m.server.Inject(f) }))
	}
	if !refuseFirst {
		m.refuse()
	}
	return func() {
		for _, timer := range timers {
			timer.Stop()
		}
	}
}

// refuse makes RC refuse some ids.
func (m *bulkModel) refuse() {
	for _, id := range m.refused {
		m.server.Inject(rctest.Fault{UserID: id, Code: 1002, Times: rctest.Always})
	}
}

// interrupted does a round that faults, and often something else, interrupt.
func (m *bulkModel) interrupted(ctx context.Context) error {
	journal, err := m.openJournal()
	if err != nil {
		return err
	}
	r := m.newRound(journal)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if m.chance(0.2) {
		ctx, cancel = context.WithTimeout(ctx, m.within(90*time.Second))
		defer cancel()
	}
	if m.chance(0.2) {
		defer time.AfterFunc(m.within(30*time.Second), cancel).Stop()
	}
	end := m.injectFaults()
	r.run(ctx, m)
	end()
	return r.check(ctx, m)
}

// complete resumes the work without faults until nothing is left.
func (m *bulkModel) complete(ctx context.Context) error {
	m.server.ClearFaults()
	m.refuse()
	time.Sleep(10 * time.Minute)
	for range 4 {
		journal, err := m.openJournal()
		if err != nil {
			return err
		}
		r := m.quietRound(journal)
		r.run(ctx, m)
		if err := r.check(ctx, m); err != nil {
			return err
		}
		if r.incomplete(m) == "" {
			return m.closeJournal()
		}
	}
	return errors.New("the work isn't complete though nothing interrupts it")
}
