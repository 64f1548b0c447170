package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/f0207b22/rcuser/webhook"
)

// store is a [webhook.Store], so that results received before a restart are known after it.
var _ webhook.Store = (*store)(nil)

// PutResult implements [webhook.Store].
func (s *store) PutResult(ctx context.Context, operationID, userID string, r webhook.Result) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO results (operation, user_id, type, code, at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, operationID, userID, string(r.Type), r.Code, r.Time.UnixMilli())
	return err
}

// Results implements [webhook.Store].
func (s *store) Results(ctx context.Context, operationID string, userIDs []string) (map[string]webhook.Result, error) {
	ids, err := json.Marshal(userIDs)
	if err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, `SELECT user_id, type, code, at FROM results
		WHERE operation = ? AND user_id IN (SELECT value FROM json_each(?))`, operationID, string(ids))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	results := make(map[string]webhook.Result)
	for rows.Next() {
		var id string
		var at int64
		var r webhook.Result
		if err := rows.Scan(&id, &r.Type, &r.Code, &at); err != nil {
			return nil, err
		}
		r.Time = time.UnixMilli(at)
		results[id] = r
	}
	return results, rows.Err()
}

// PutDeactivated implements [webhook.Store].
func (s *store) PutDeactivated(ctx context.Context, userIDs []string, at time.Time) error {
	ids, err := json.Marshal(userIDs)
	if err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx, `INSERT INTO deactivations (user_id, at) SELECT value, ? FROM json_each(?) WHERE true
		ON CONFLICT DO UPDATE SET at = excluded.at`, at.UnixMilli(), string(ids))
	return err
}

// Deactivated implements [webhook.Store].
func (s *store) Deactivated(ctx context.Context, userIDs []string) (map[string]time.Time, error) {
	ids, err := json.Marshal(userIDs)
	if err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, `SELECT user_id, at FROM deactivations
		WHERE user_id IN (SELECT value FROM json_each(?))`, string(ids))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	times := make(map[string]time.Time)
	for rows.Next() {
		var id string
		var at int64
		if err := rows.Scan(&id, &at); err != nil {
			return nil, err
		}
		times[id] = time.UnixMilli(at)
	}
	return times, rows.Err()
}

// isClosed reports whether the account was deactivated at RC, as far as this program knows, and not reactivated since.
func (s *store) isClosed(ctx context.Context, id string) (closed bool, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM deactivations WHERE user_id = ?)", id).Scan(&closed)
	return closed, err
}

func (s *store) forgetClosed(ctx context.Context, id string) error {
	_, err := s.db.ExecContext(ctx, "DELETE FROM deactivations WHERE user_id = ?", id)
	return err
}
