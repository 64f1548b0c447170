package rcuser_test

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// errThrown is what the hooks below panic with.
var errThrown = http.ErrAbortHandler

// thrower panics at its third call.
type thrower struct{ calls atomic.Int64 }

func (p *thrower) call() {
	if p.calls.Add(1) == 3 {
		panic(errThrown)
	}
}

// throwingJournal panics in one of its methods.
type throwingJournal struct {
	rcuser.Journal
	recorded, done, record func()
}

func (j throwingJournal) Recorded(id string) int          { j.recorded(); return j.Journal.Recorded(id) }
func (j throwingJournal) Done(ids []string) (bool, error) { j.done(); return j.Journal.Done(ids) }
func (j throwingJournal) Record(ids []string) error       { j.record(); return j.Journal.Record(ids) }

// hooks returns, by name, how a hook of bulk work is made to panic.
func hooks(p *thrower) map[string]func(*rcuser.Config, *rcuser.BulkOptions) {
	nothing := func() {}
	return map[string]func(*rcuser.Config, *rcuser.BulkOptions){
		"OnAttempt": func(c *rcuser.Config, _ *rcuser.BulkOptions) {
			c.OnAttempt = func(context.Context, rcuser.Attempt) { p.call() }
		},
		"Credentials": func(c *rcuser.Config, _ *rcuser.BulkOptions) {
			credentials := fixedCredentials(c.AppKey, c.AppSecret)
			c.AppKey, c.AppSecret = "", ""
			c.Credentials = func(ctx context.Context) (rcuser.Credentials, error) { p.call(); return credentials(ctx) }
		},
		"Limiter": func(c *rcuser.Config, _ *rcuser.BulkOptions) {
			c.Limiter = limiterFunc(func(context.Context) error { p.call(); return nil })
		},
		"transport": func(c *rcuser.Config, _ *rcuser.BulkOptions) {
			next := c.HTTPClient.Transport
			c.HTTPClient = &http.Client{Transport: roundTripFunc(func(req *http.Request) (*http.Response, error) { p.call(); return next.RoundTrip(req) })}
		},
		"Progress": func(_ *rcuser.Config, o *rcuser.BulkOptions) {
			o.Progress = func(rcuser.BulkProgress) { p.call() }
		},
		"OnFailure": func(_ *rcuser.Config, o *rcuser.BulkOptions) {
			o.OnFailure = func(rcuser.BulkFailure) { p.call() }
		},
		"OnOperation": func(_ *rcuser.Config, o *rcuser.BulkOptions) {
			o.OnOperation = func(rcuser.Operation, []string) { p.call() }
		},
		"Journal.Recorded": func(_ *rcuser.Config, o *rcuser.BulkOptions) {
			o.Journal = throwingJournal{o.Journal, p.call, nothing, nothing}
		},
		"Journal.Done": func(_ *rcuser.Config, o *rcuser.BulkOptions) {
			o.Journal = throwingJournal{o.Journal, nothing, p.call, nothing}
		},
		"Journal.Record": func(_ *rcuser.Config, o *rcuser.BulkOptions) {
			o.Journal = throwingJournal{o.Journal, nothing, nothing, p.call}
		},
	}
}

// TestBulkPanicsWhereItWasCalled: the panic of each hook has the same value there, no call is in flight any more, and what
// was confirmed isn't sent again.
func TestBulkPanicsWhereItWasCalled(t *testing.T) {
	t.Parallel()
	for name := range hooks(nil) {
		path := filepath.Join(t.TempDir(), "journal")
		synctest.Test(t, func(t *testing.T) {
			journal := openJournal(t, path)
			defer func() { _ = journal.Close() }()
			before, _ := newIDService(t, nil)
			_, err := before.Bulk.Deactivate(t.Context(), streamOf("old1", "old2", "old3"), rcuser.BulkOptions{Journal: journal})
			require.NoError(t, err)
			require.NoError(t, journal.Close())
			journal = openJournal(t, path)
			var running atomic.Int64
			opts := rcuser.BulkOptions{Journal: journal}
			client, service := newIDService(t, nil, defaultLimiter, func(c *rcuser.Config) {
				next := c.HTTPClient.Transport
				c.HTTPClient = &http.Client{Transport: roundTripFunc(func(req *http.Request) (*http.Response, error) {
					running.Add(1)
					defer running.Add(-1)
					return next.RoundTrip(req)
				})}
				hooks(new(thrower))[name](c, &opts)
			})
			service.latency = 3 * time.Second
			ids := func(yield func(string, error) bool) {
				for _, id := range append([]string{"old1", "old2", "old3", "old1", "old2", "old3", "old1", "old2", "old3", "", "", ""}, userIDs(5000)...) {
					if !yield(id, nil) {
						return
					}
				}
			}
			require.PanicsWithValue(t, errThrown, func() { _, _ = client.Bulk.Deactivate(t.Context(), ids, opts) }, name)
			require.Zero(t, running.Load(), name)
			synctest.Wait()
			require.NoError(t, journal.Close())
			if name == "Journal.Record" || name == "OnAttempt" {
				return // the call that panicked had succeeded
			}
			requireConfirmedIsRecorded(t, path, service)
		})
	}
}

// requireConfirmedIsRecorded resumes the work with a client of its own, and requires nothing that was confirmed to be sent.
func requireConfirmedIsRecorded(t *testing.T, path string, confirmed *idService) {
	t.Helper()
	journal := openJournal(t, path)
	defer func() { _ = journal.Close() }()
	client, service := newIDService(t, nil)
	_, err := client.Bulk.Deactivate(t.Context(), streamed(5000), rcuser.BulkOptions{Journal: journal})
	require.NoError(t, err)
	for id := range service.confirmed {
		require.False(t, confirmed.confirmed[id], id)
	}
}

// TestBulkResultsPanicWhereTheyAreRanged: as above, in the loop of the caller too.
func TestBulkResultsPanicWhereTheyAreRanged(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"OnAttempt", "Credentials", "Limiter", "transport", "Progress", "OnFailure", "stream", "body"} {
		synctest.Test(t, func(t *testing.T) {
			p := new(thrower)
			var opts rcuser.BulkOptions
			client, service := newIDService(t, nil, defaultLimiter, func(c *rcuser.Config) {
				if hook := hooks(p)[name]; hook != nil {
					hook(c, &opts)
				}
			})
			service.latency = time.Second
			ids := func(yield func(string, error) bool) {
				for _, id := range append([]string{"", "", ""}, userIDs(1000)...) {
					if name == "stream" {
						p.call()
					}
					if !yield(id, nil) {
						return
					}
				}
			}
			require.PanicsWithValue(t, errThrown, func() {
				for range client.Bulk.Register(t.Context(), registrations(ids), opts) {
					if name == "body" {
						p.call()
					}
				}
			}, name)
		})
	}
}

// TestBulkHooksAreNotCalledConcurrently, and all by the goroutine that called.
func TestBulkHooksAreNotCalledConcurrently(t *testing.T) {
	t.Parallel()
	var inHook atomic.Bool
	calls := 0 // the race detector tells if another goroutine has it
	hook := func() {
		require.True(t, inHook.CompareAndSwap(false, true))
		calls++
		inHook.Store(false)
	}
	client, _ := newIDService(t, func(_ int, ids []string) (roundTripFunc, bool) {
		if strings.Contains(strings.Join(ids, ",")+",", "00,") { // one in each batch but the first
			return reply(400, `{"code":1002}`), false
		}
		return nil, true
	})
	_, err := client.Bulk.Reactivate(t.Context(), streamed(20_000), rcuser.BulkOptions{
		Progress:    func(rcuser.BulkProgress) { hook() },
		OnFailure:   func(rcuser.BulkFailure) { hook() },
		OnOperation: func(rcuser.Operation, []string) { hook() },
	})
	require.Error(t, err)
	require.Greater(t, calls, 200)
}
