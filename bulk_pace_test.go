package rcuser_test

import (
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// streamed streams n ids.
func streamed(n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range n {
			if !yield(fmt.Sprintf("user%d", i)) {
				return
			}
		}
	}
}

// regime is how a service may count 100 a second.
type regime func(now time.Time, units int) bool

func tokenBucket(burst float64) regime {
	tokens, last := burst, time.Time{}
	return func(now time.Time, units int) bool {
		if !last.IsZero() {
			tokens = min(burst, tokens+now.Sub(last).Seconds()*100)
		}
		last = now
		if tokens < float64(units)-1e-9 {
			return false
		}
		tokens -= float64(units)
		return true
	}
}

func fixedWindow(now0 *time.Time, count *int) regime {
	return func(now time.Time, units int) bool {
		if second := now.Truncate(time.Second); !second.Equal(*now0) {
			*now0, *count = second, 0
		}
		if *count+units > 100 {
			return false
		}
		*count += units
		return true
	}
}

func slidingWindow() regime {
	var accepted []time.Time
	return func(now time.Time, units int) bool {
		for len(accepted) > 0 && now.Sub(accepted[0]) >= time.Second {
			accepted = accepted[1:]
		}
		if len(accepted)+units > 100 {
			return false
		}
		for range units {
			accepted = append(accepted, now)
		}
		return true
	}
}

var regimes = map[string]func() regime{
	"bucket of 10":   func() regime { return tokenBucket(10) },
	"bucket of 100":  func() regime { return tokenBucket(100) },
	"fixed window":   func() regime { return fixedWindow(new(time.Time), new(int)) },
	"sliding window": slidingWindow,
}

// limitedService puts a regime and a latency before a fake.
type limitedService struct {
	next     http.RoundTripper
	latency  time.Duration
	countIDs bool

	mu       sync.Mutex
	allow    regime
	accepted atomic.Int64
	refused  atomic.Int64
}

func (s *limitedService) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := s.travel(req); err != nil {
		return nil, err
	}
	units := 1
	if s.countIDs {
		body, _ := req.GetBody()
		data, _ := io.ReadAll(body)
		units = 1 + strings.Count(string(data), "%2C")
	}
	s.mu.Lock()
	allowed := s.allow(time.Now(), units)
	s.mu.Unlock()
	if !allowed {
		s.refused.Add(1)
		if err := s.travel(req); err != nil {
			return nil, err
		}
		return reply(429, `{"code":1008}`)(req)
	}
	s.accepted.Add(1)
	resp, err := s.next.RoundTrip(req)
	if late := s.travel(req); late != nil {
		return nil, late
	}
	return resp, err
}

// travel takes half of the latency.
func (s *limitedService) travel(req *http.Request) error {
	select {
	case <-time.After(s.latency / 2):
		return nil
	case <-req.Context().Done():
		return req.Context().Err()
	}
}

func newLimited(t *testing.T, allow regime, latency time.Duration) (*rcuser.Client, *limitedService, *rctest.Server) {
	server := rctest.NewServer()
	config := server.Config()
	service := &limitedService{next: config.HTTPClient.Transport, latency: latency, allow: allow}
	config.HTTPClient = &http.Client{Transport: service}
	config.Limiter = nil
	client, err := rcuser.NewClient(config)
	require.NoError(t, err)
	return client, service, server
}

// TestBulkGoesAsFastAsRCAllows bans 40,000 users: 2,000 calls at 98 a second.
func TestBulkGoesAsFastAsRCAllows(t *testing.T) {
	t.Parallel()
	const ideal = 20400 * time.Millisecond
	for name, regime := range regimes {
		for _, latency := range []time.Duration{5 * time.Millisecond, 100 * time.Millisecond, time.Second} {
			synctest.Test(t, func(t *testing.T) {
				client, service, server := newLimited(t, regime(), latency)
				start := time.Now()
				report, err := client.Bulk.Ban(t.Context(), streamed(40_000), time.Hour, rcuser.BulkOptions{})
				took := time.Since(start)
				require.NoError(t, err, name)
				require.Equal(t, rcuser.BulkReport{Total: 40_000, Done: 40_000}, report)
				require.EqualValues(t, 2000, service.accepted.Load())
				require.Zero(t, service.refused.Load(), "%s, %v", name, latency)
				require.LessOrEqual(t, took, ideal+latency+ideal/100, "%s, %v", name, latency)
				require.GreaterOrEqual(t, took, 19*time.Second, "that is more than RC allows")
				require.False(t, server.User("user39999").BannedUntil.IsZero())
			})
		}
	}
}

// TestBulkKeepsTheFakesLimits is against those that rctest enforces.
func TestBulkKeepsTheFakesLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := rctest.NewServer(rctest.EnforceRateLimits())
		client, err := rcuser.NewClient(server.Config())
		require.NoError(t, err)
		_, err = client.Bulk.Ban(t.Context(), streamed(40_000), time.Hour, rcuser.BulkOptions{})
		require.NoError(t, err)
		_, err = client.Bulk.Deactivate(t.Context(), streamed(1000), rcuser.BulkOptions{})
		require.NoError(t, err)
		requests := server.Requests()
		require.Len(t, requests, 2010)
		for _, request := range requests {
			require.Equal(t, 200, request.Code)
		}
	})
}

// TestBulkCountsIDsWhereRCDoes deactivates 2,000 users: 100 ids a second.
func TestBulkCountsIDsWhereRCDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, service, server := newLimited(t, slidingWindow(), 5*time.Millisecond)
		service.countIDs = true
		start := time.Now()
		report, err := client.Bulk.Deactivate(t.Context(), streamed(2000), rcuser.BulkOptions{})
		require.NoError(t, err)
		require.Equal(t, 2000, report.Done)
		require.EqualValues(t, 20, service.accepted.Load())
		require.Zero(t, service.refused.Load())
		require.InDelta(t, (19 * 100 / 98.0), time.Since(start).Seconds(), 0.3)
		require.True(t, server.User("user1999").Deactivated)
	})
}

// TestBulkSharesTheRate has another process use a third of it.
func TestBulkSharesTheRate(t *testing.T) {
	t.Parallel()
	for name, regime := range regimes {
		synctest.Test(t, func(t *testing.T) {
			client, service, _ := newLimited(t, regime(), 100*time.Millisecond)
			stop := make(chan struct{})
			go func() {
				for tick := time.NewTicker(time.Second / 33); ; {
					select {
					case <-stop:
						tick.Stop()
						return
					case now := <-tick.C:
						service.mu.Lock()
						service.allow(now, 1)
						service.mu.Unlock()
					}
				}
			}()
			start := time.Now()
			report, err := client.Bulk.Ban(t.Context(), streamed(50_000), time.Hour, rcuser.BulkOptions{})
			took := time.Since(start)
			close(stop)
			require.NoError(t, err, name)
			require.Equal(t, 50_000, report.Done)
			share := float64(service.refused.Load()) / float64(service.refused.Load()+service.accepted.Load())
			require.LessOrEqual(t, share, 0.01, "%s: %d refused", name, service.refused.Load())
			require.Less(t, took, 60*time.Second, "%s: it takes what is left", name)
		})
	}
}
