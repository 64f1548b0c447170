package main

import (
	"context"
	"time"

	"github.com/f0207b22/rcuser/webhook"
)

// claimLease is how long a claim is valid; an older one belongs to a process that has crashed, and is taken over. It is
// longer than the 4 s after which the handler ends a request's work, and a bit shorter than the 5 s that
// [webhook.ReplayGuard] allows: RC's next attempt, which begins 1 s after the crash at the earliest and is answered after 4 s
// more, is then still answered 200.
const claimLease = 4500 * time.Millisecond

// store is a [webhook.ReplayGuard], so that requests handled before a restart are recognized after it.
var _ webhook.ReplayGuard = (*store)(nil)

// Claim implements [webhook.ReplayGuard]. One statement takes over what has expired: a claim whose lease has ended, or whose
// end is more than two leases ahead, because the clock was set back; and a handled request whose signature is no longer valid.
// One lease isn't enough for a clock that was set back: a statement that waited for the database compares with an older time.
func (s *store) Claim(ctx context.Context, key string) (webhook.Claim, error) {
	now := time.Now()
	result, err := s.db.ExecContext(ctx, `INSERT INTO replays (key, owner, until) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET owner = excluded.owner, until = excluded.until
		WHERE until < ? OR (owner <> '' AND until > ?)`,
		key, s.owner, now.Add(claimLease).UnixMilli(), now.UnixMilli(), now.Add(2*claimLease).UnixMilli())
	if err != nil {
		return 0, err
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return webhook.Claimed, err
	}
	var handled bool
	err = s.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM replays WHERE key = ? AND owner = '')", key).Scan(&handled)
	if handled {
		return webhook.Handled, err
	}
	return webhook.Busy, err
}

// Commit implements [webhook.ReplayGuard]. It changes nothing if another process has taken over the claim. The row may be
// missing, if an older claim of this process for the same request was released.
func (s *store) Commit(ctx context.Context, key string, until time.Time) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO replays (key, owner, until) VALUES (?, '', ?)
		ON CONFLICT DO UPDATE SET owner = '', until = excluded.until WHERE owner = ?`, key, until.UnixMilli(), s.owner)
	return err
}

// Release implements [webhook.ReplayGuard]. It changes nothing if another process has taken over the claim.
func (s *store) Release(ctx context.Context, key string) error {
	_, err := s.db.ExecContext(ctx, "DELETE FROM replays WHERE key = ? AND owner = ?", key, s.owner)
	return err
}
