package webhook_test

import (
	"context"
	"sync"
	"time"

	"github.com/f0207b22/rcuser/webhook"
)

// leaseGuards is a store that several processes share, with claims that end after a lease, as the documentation of
// ReplayGuard describes it.
type leaseGuards struct {
	mu   sync.Mutex
	rows map[string]leaseRow
}

type leaseRow struct {
	owner string // "" = handled
	until time.Time
}

func newLeaseGuards() *leaseGuards { return &leaseGuards{rows: map[string]leaseRow{}} }

const testLease = 5 * time.Second

// process returns the guard of one process.
func (s *leaseGuards) process(owner string) fakeGuard {
	return fakeGuard{
		claim: func(_ context.Context, key string) (webhook.Claim, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			row, ok := s.rows[key]
			switch {
			case !ok || !time.Now().Before(row.until):
				s.rows[key] = leaseRow{owner, time.Now().Add(testLease)}
				return webhook.Claimed, nil
			case row.owner == "":
				return webhook.Handled, nil
			}
			return webhook.Busy, nil
		},
		commit: func(_ context.Context, key string, until time.Time) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.rows[key] = leaseRow{"", until}
			return nil
		},
		release: func(_ context.Context, key string) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.rows[key].owner == owner {
				delete(s.rows, key)
			}
			return nil
		},
	}
}
