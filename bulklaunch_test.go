package rcuser_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"slices"
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

// rateModel is a way in which a service may count 100 units a second. It reports whether it accepts a call.
type rateModel func(now time.Time, units int) bool

func tokenBucket(burst float64) rateModel {
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

func fixedWindow(now0 *time.Time, count *int) rateModel {
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

func slidingWindow() rateModel {
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

var rateModels = map[string]func() rateModel{
	"bucket of 10":   func() rateModel { return tokenBucket(10) },
	"bucket of 100":  func() rateModel { return tokenBucket(100) },
	"fixed window":   func() rateModel { return fixedWindow(new(time.Time), new(int)) },
	"sliding window": slidingWindow,
}

// limitedService adds a rate limit and a latency to a fake.
type limitedService struct {
	next     http.RoundTripper
	latency  time.Duration
	countIDs bool

	mu       sync.Mutex
	allow    rateModel
	accepted atomic.Int64
	refused  atomic.Int64
}

func (s *limitedService) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := s.delay(req); err != nil {
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
		if err := s.delay(req); err != nil {
			return nil, err
		}
		return reply(429, `{"code":1008}`)(req)
	}
	s.accepted.Add(1)
	resp, err := s.next.RoundTrip(req)
	if late := s.delay(req); late != nil {
		return nil, late
	}
	return resp, err
}

// delay waits for half of the latency.
func (s *limitedService) delay(req *http.Request) error {
	select {
	case <-time.After(s.latency / 2):
		return nil
	case <-req.Context().Done():
		return req.Context().Err()
	}
}

// newLimited returns a client with the default limiter, and the service that it calls.
func newLimited(t *testing.T, allow rateModel, latency time.Duration) (*rcuser.Client, *limitedService, *rctest.Server) {
	server := rctest.NewServer()
	config := server.Config()
	service := &limitedService{next: config.HTTPClient.Transport, latency: latency, allow: allow}
	config.HTTPClient = &http.Client{Transport: service}
	config.Limiter = nil
	client, err := rcuser.NewClient(config)
	require.NoError(t, err)
	return client, service, server
}

// TestBulkUsesTheWholeRate bans 40,000 users: 2,000 calls at 98 a second.
func TestBulkUsesTheWholeRate(t *testing.T) {
	t.Parallel()
	const ideal = 20400 * time.Millisecond
	for name, model := range rateModels {
		for _, latency := range []time.Duration{5 * time.Millisecond, 100 * time.Millisecond, time.Second} {
			synctest.Test(t, func(t *testing.T) {
				client, service, server := newLimited(t, model(), latency)
				start := time.Now()
				report, err := client.Bulk.Ban(t.Context(), streamed(40_000), time.Hour, rcuser.BulkOptions{})
				took := time.Since(start)
				require.NoError(t, err, name)
				require.Equal(t, rcuser.BulkReport{Total: 40_000, Done: 40_000}, report)
				require.EqualValues(t, 2000, service.accepted.Load())
				require.Zero(t, service.refused.Load(), "%s, %v", name, latency)
				require.LessOrEqual(t, took, ideal+latency+ideal/100, "%s, %v", name, latency)
				require.GreaterOrEqual(t, took, 19*time.Second, "faster than RC allows")
				require.False(t, server.User("user39999").BannedUntil.IsZero())
			})
		}
	}
}

// TestBulkStaysWithinTheRate: the fake enforces its limits and refuses no call.
func TestBulkStaysWithinTheRate(t *testing.T) {
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

// TestBulkLimitsIDs deactivates 2,000 users: RC accepts 100 ids a second, not calls.
func TestBulkLimitsIDs(t *testing.T) {
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

// TestBulkSharesTheRate: another process uses a third of it.
func TestBulkSharesTheRate(t *testing.T) {
	t.Parallel()
	for name, model := range rateModels {
		synctest.Test(t, func(t *testing.T) {
			client, service, _ := newLimited(t, model(), 100*time.Millisecond)
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
			require.Less(t, took, 60*time.Second, "%s: all of the remaining rate is used", name)
		})
	}
}

// TestBulkKeeps256CallsInFlight without a limit and with a limiter that lets every call through at once.
func TestBulkKeeps256CallsInFlight(t *testing.T) {
	t.Parallel()
	for _, limiter := range []rcuser.Limiter{rcuser.NoLimit, struct{ rcuser.Limiter }{rcuser.NoLimit}} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			inFlight, most := 0, 0
			client, tap := newClient(t, func(req *http.Request) (*http.Response, error) {
				mu.Lock()
				inFlight++
				most = max(most, inFlight)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				inFlight--
				mu.Unlock()
				return reply(200, success)(req)
			}, func(c *rcuser.Config) { c.Limiter = limiter })
			start := time.Now()
			report, err := client.Bulk.Ban(t.Context(), streamed(20*600), time.Hour, rcuser.BulkOptions{})
			require.NoError(t, err)
			require.Equal(t, 20*600, report.Done)
			require.Len(t, tap.requests(), 600)
			require.Equal(t, 256, most)
			require.Equal(t, 3*time.Second, time.Since(start))
		})
	}
}

// TestBulkStreamPanics: the panic reaches the caller after the calls in flight have ended, and no goroutine stays.
func TestBulkStreamPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, service, _ := newLimited(t, slidingWindow(), time.Second)
		require.PanicsWithValue(t, "no more ids", func() {
			_, _ = client.Bulk.Unban(t.Context(), func(yield func(string, error) bool) {
				for _, id := range userIDs(100) {
					yield(id, nil)
				}
				panic("no more ids")
			}, rcuser.BulkOptions{})
		})
		require.EqualValues(t, 5, service.accepted.Load())
	})
}

// TestBulkHookEndsItsGoroutine, as require.FailNow in a hook of a test does: the goroutine that called ends, and so do the
// calls in flight.
func TestBulkHookEndsItsGoroutine(t *testing.T) {
	t.Parallel()
	client, tap := newClient(t, reply(200, success), func(c *rcuser.Config) {
		c.OnAttempt = func(context.Context, rcuser.Attempt) { runtime.Goexit() }
	})
	ended := make(chan bool)
	go func() {
		returned := false
		defer func() { ended <- !returned }()
		_, _ = client.Bulk.Unban(t.Context(), streamed(20*300), rcuser.BulkOptions{})
		returned = true
	}()
	require.True(t, <-ended)
	require.NotEmpty(t, tap.requests())
}

// TestBulkBeginsNoCallAfterAStop, not even for ids that the stream gives later.
func TestBulkBeginsNoCallAfterAStop(t *testing.T) {
	t.Parallel()
	for _, limiter := range []rcuser.Limiter{rcuser.NoLimit, struct{ rcuser.Limiter }{rcuser.NoLimit}} {
		for range 20 { // a select is random
			synctest.Test(t, func(t *testing.T) {
				taken := make(chan struct{}) // the first id of the second batch
				client, tap := newClient(t, func(req *http.Request) (*http.Response, error) {
					<-taken
					return reply(403, `{"code":1009}`)(req)
				}, func(c *rcuser.Config) { c.Limiter = limiter })
				report, err := client.Bulk.Unban(t.Context(), func(yield func(string, error) bool) {
					for _, id := range userIDs(40) {
						if id == "user20" {
							close(taken)
							synctest.Wait() // until the first batch has failed
						}
						if !yield(id, nil) {
							return
						}
					}
				}, rcuser.BulkOptions{StopAfter: 1})
				require.ErrorIs(t, err, rcuser.ErrNotEnabled)
				require.Equal(t, 1, report.NotStarted)
				require.Equal(t, "user20", report.Failures[20].UserID)
				require.Equal(t, 20, report.Failed)
				require.Len(t, tap.requests(), 1)
			})
		}
	}
}

// TestBulkGoesOnAfterArgumentErrors, which no limiter sees.
func TestBulkGoesOnAfterArgumentErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _, server := newLimited(t, slidingWindow(), time.Second)
		users := []rcuser.Registration{{UserID: "a\nb", Name: "n"}, {Name: "n"}, {UserID: "user1", Name: "n"}}
		var refused []string
		for result := range client.Bulk.Register(t.Context(), rcuser.Stream(slices.Values(users)), rcuser.BulkOptions{}) {
			if _, ok := errors.AsType[*rcuser.ArgumentError](result.Err); ok {
				refused = append(refused, result.UserID)
			}
		}
		require.ElementsMatch(t, []string{"a\nb", ""}, refused)
		require.True(t, server.User("user1").Registered)
	})
}
