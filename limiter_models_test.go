package rcuser_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// counter is a way in which RC may count 100 units a second: it reports whether it accepts a call at a time.
type counter interface {
	accept(at time.Time, units int) bool
}

// bucketCounter has burst tokens at most.
type bucketCounter struct {
	burst, tokens float64
	last          time.Time
}

func (c *bucketCounter) accept(at time.Time, units int) bool {
	c.tokens = min(c.burst, c.tokens+100*at.Sub(c.last).Seconds())
	c.last = at
	if c.tokens+1e-9 < float64(units) {
		return false
	}
	c.tokens -= float64(units)
	return true
}

// windowCounter counts what it accepted since a time: that of the second's beginning, or a second ago.
type windowCounter struct {
	since func(time.Time) time.Time
	times []time.Time // of every unit
}

func (c *windowCounter) accept(at time.Time, units int) bool {
	begin := c.since(at)
	for len(c.times) > 0 && !c.times[0].After(begin) {
		c.times = c.times[1:]
	}
	if len(c.times)+units > 100 {
		return false
	}
	for range units {
		c.times = append(c.times, at)
	}
	return true
}

var counters = map[string]func() counter{
	"bucket of 10":  func() counter { return &bucketCounter{burst: 10} },
	"bucket of 100": func() counter { return &bucketCounter{burst: 100} },
	"fixed window": func() counter {
		return &windowCounter{since: func(at time.Time) time.Time { return at.Truncate(time.Second).Add(-1) }}
	},
	"sliding window": func() counter {
		return &windowCounter{since: func(at time.Time) time.Time { return at.Add(-time.Second) }}
	},
}

// countedService answers like RC, as a counter decides. It shares no code with the fake.
type countedService struct {
	there, jitter time.Duration        // what a request needs to get there, and how much longer at random
	back          func() time.Duration // what an answer needs

	mu             sync.Mutex
	counter        counter
	calls, refused int
	units          int // of accepted calls
	banned         map[string]bool
}

func (s *countedService) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	time.Sleep(s.there + rand.N(s.jitter+1))
	accepted := s.count(form["userId"], strings.HasSuffix(req.URL.Path, "activate.json"))
	time.Sleep(s.back())
	if !accepted {
		return reply(http.StatusTooManyRequests, limited)(req)
	}
	return reply(http.StatusOK, anyAnswer)(req)
}

// count counts a call that has its ids in repeated fields, or ids that are joined by commas.
func (s *countedService) count(ids []string, joined bool) bool {
	units := 1
	if joined {
		units = len(strings.Split(strings.Join(ids, ","), ","))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if !s.counter.accept(time.Now(), units) {
		s.refused++
		return false
	}
	s.units += units
	for _, id := range ids {
		s.banned[id] = true
	}
	return true
}

func newCountedService(c counter, latency time.Duration) *countedService {
	return &countedService{
		counter: c, there: latency / 2, banned: map[string]bool{},
		back: func() time.Duration { return latency/2 + rand.N(latency) },
	}
}

func (s *countedService) client(t *testing.T, share float64) *rcuser.Client {
	client, _ := newClient(t, nil, sharing(share), func(c *rcuser.Config) { c.HTTPClient = &http.Client{Transport: s} })
	return client
}

// TestAloneNothingIsRefused mixes calls of all sizes that each counter can accept at all, at latencies of 5 ms to 1 s. Answers
// take up to three times as long as others. Requests to get there differ by 20 ms, which is the 2 % that the limiter leaves,
// but for calls that need a bucket to be full.
func TestAloneNothingIsRefused(t *testing.T) {
	t.Parallel()
	for name, newCounter := range counters {
		sizes, jitter := []int{1, 10, 50, 100}, 20*time.Millisecond
		if name == "bucket of 10" {
			sizes, jitter = []int{1, 2, 5, 9, 10}, 0
		}
		for _, latency := range []time.Duration{5 * time.Millisecond, 70 * time.Millisecond, 300 * time.Millisecond, time.Second} {
			synctest.Test(t, func(t *testing.T) {
				service := newCountedService(newCounter(), latency/2)
				service.jitter = jitter
				client := service.client(t, 0)
				var group sync.WaitGroup
				sent := 0
				for range 300 {
					n := sizes[rand.IntN(len(sizes))]
					sent += n
					group.Go(func() { _, _ = client.Users.Deactivate(t.Context(), manyIDs(n)) })
					time.Sleep(rand.N(50 * time.Millisecond)) // also pauses in between
				}
				group.Wait()
				require.Equal(t, []int{300, 0}, []int{service.calls, service.refused}, "%s, %v", name, latency)
				require.Equal(t, sent, service.units)
			})
		}
	}
}

// TestOneThenAHundred are 101 ids: a second apart by every counter that accepts them.
func TestOneThenAHundred(t *testing.T) {
	t.Parallel()
	for _, sizes := range [][]int{{1, 100, 1, 100}, {100, 1, 100, 1}, {50, 50, 1, 99, 100, 2}, {1, 1, 1, 98, 3, 97}, {99, 2, 99, 2}} {
		for _, name := range []string{"bucket of 100", "fixed window", "sliding window"} {
			synctest.Test(t, func(t *testing.T) {
				service := newCountedService(counters[name](), time.Millisecond)
				client := service.client(t, 0)
				for _, n := range sizes {
					_, err := client.Users.Deactivate(t.Context(), manyIDs(n))
					require.NoError(t, err)
				}
				require.Zero(t, service.refused, "%s, %v", name, sizes)
			})
		}
	}
}

// fleet is eight processes that ban users of one app, and put calls back that RC refused to the end, as bulk work does.
type fleet struct {
	service *countedService
	clients []*rcuser.Client
	calls   []int // that succeeded, of each client
	ends    time.Time
	group   sync.WaitGroup
}

// run lets the clients ban users as fast as they can until a time, and returns how many users were banned.
func (f *fleet) run(ctx context.Context, d time.Duration, ids func() string) {
	f.ends = time.Now().Add(d)
	for i, client := range f.clients {
		for range 50 {
			f.group.Go(func() { f.work(ctx, i, client, ids) })
		}
	}
	f.group.Wait()
}

func (f *fleet) work(ctx context.Context, i int, client *rcuser.Client, ids func() string) {
	for time.Now().Before(f.ends) {
		id := ids()
		for client.Bans.Add(ctx, []string{id}, time.Minute) != nil && ctx.Err() == nil {
		}
		f.service.mu.Lock()
		f.calls[i]++
		f.service.mu.Unlock()
	}
}

func newFleet(t *testing.T, c counter, share float64) *fleet {
	f := &fleet{service: newCountedService(c, 20*time.Millisecond), calls: make([]int, 8)}
	for range 8 {
		f.clients = append(f.clients, f.service.client(t, share))
	}
	return f
}

func numbered() func() string {
	var mu sync.Mutex
	ids := manyIDs(50_000)
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		id := ids[0]
		ids = ids[1:]
		return id
	}
}

// TestEightProcesses begin at once, each with the default limiter. Within 4 minutes RC refuses at most 1 % of the calls, no
// user is lost, and after the first minute they use the rate. Then seven end, and the last one gets all of it in 2 minutes.
func TestEightProcesses(t *testing.T) {
	skipUnderRace(t)
	t.Parallel()
	for name, newCounter := range counters {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, ids := newFleet(t, newCounter(), 0), numbered()
				f.run(t.Context(), time.Minute, ids)
				settled := f.service.units
				f.run(t.Context(), 3*time.Minute, ids)
				s := f.service
				require.LessOrEqual(t, float64(s.refused)/float64(s.calls), 0.01, "%d of %d refused", s.refused, s.calls)
				require.GreaterOrEqual(t, float64(s.units-settled)/180, 85.0, "a second")
				require.Len(t, s.banned, s.units, "each user once")
				for i, calls := range f.calls {
					require.Greater(t, calls, s.units/8/4, "client %d has its part", i)
				}
				f.clients = f.clients[:1]
				f.run(t.Context(), 2*time.Minute, ids)
				alone := s.units
				f.run(t.Context(), 10*time.Second, ids)
				require.InDelta(t, 980, s.units-alone, 60)
			})
		})
	}
}

// TestEightShares: with an eighth of the rate each, nothing is refused, though all begin at once, and 96 % are used.
func TestEightShares(t *testing.T) {
	skipUnderRace(t)
	t.Parallel()
	for name, newCounter := range counters {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, newCounter(), 1.0/8)
			f.run(t.Context(), time.Minute, numbered())
			require.Zero(t, f.service.refused, name)
			require.InDelta(t, 94*60, f.service.units, 500, name)
			require.Len(t, f.service.banned, f.service.units)
		})
	}
}
