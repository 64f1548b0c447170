package main

import (
	"context"
	"time"

	"github.com/f0207b22/rcuser/webhook"
)

// claimLease is longer than a request takes: a claim that is older belongs to a process that has crashed.
const claimLease = time.Minute

// store is a [webhook.ReplayGuard], so that requests handled before a restart are recognized after it.
var _ webhook.ReplayGuard = (*store)(nil)

// Claim implements [webhook.ReplayGuard].
func (s *store) Claim(ctx context.Context, key string) (webhook.Claim, error) {
	now := time.Now()
	result, err := s.db.ExecContext(ctx, `INSERT INTO replays (key, owner, until) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET owner = excluded.owner, until = excluded.until WHERE until < ?`,
		key, s.owner, now.Add(claimLease).UnixMilli(), now.UnixMilli())
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

// Commit implements [webhook.ReplayGuard].
func (s *store) Commit(ctx context.Context, key string, until time.Time) error {
	_, err := s.db.ExecContext(ctx, "UPDATE replays SET owner = '', until = ? WHERE key = ? AND owner = ?",
		until.UnixMilli(), key, s.owner)
	return err
}

// Release implements [webhook.ReplayGuard].
func (s *store) Release(ctx context.Context, key string) error {
	_, err := s.db.ExecContext(ctx, "DELETE FROM replays WHERE key = ? AND owner = ?", key, s.owner)
	return err
}
