package main

import (
	"context"
	"errors"
	"time"

	"github.com/f0207b22/rcuser/webhook"
)

var (
	errNoUser   = errors.New("there is no such user")
	errDeleting = errors.New("the account is being deleted")
)

// state is how far the deletion of a user is.
type state string

const (
	active       state = "active"
	deleting     state = "deleting"
	deleteFailed state = "delete failed" // RC refused
)

// user is what the database knows about one. As JSON it has no token.
type user struct {
	ID            string    `json:"userId"`
	Name          string    `json:"name"`
	State         state     `json:"state"`
	Refusal       string    `json:"refusal,omitempty"`      // RC's code
	TokenIssuedAt time.Time `json:"tokenIssuedAt,omitzero"` // zero without a token
	Online        bool      `json:"online"`
	Devices       string    `json:"devices"` // that are online

	token, operation string
}

const selectUsers = `SELECT id, name, state, refusal, token_issued, token, operation,
	(SELECT count(*) > 0 FROM sessions WHERE user_id = id AND online),
	(SELECT coalesce(group_concat(os, ', ' ORDER BY os), '') FROM sessions WHERE user_id = id AND online)
	FROM users `

// users returns those that the end of the query chooses.
func (s *store) users(ctx context.Context, query string, args ...any) ([]user, error) {
	rows, err := s.db.QueryContext(ctx, selectUsers+query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	users := []user{}
	for rows.Next() {
		var u user
		var issued int64
		err := rows.Scan(&u.ID, &u.Name, &u.State, &u.Refusal, &issued, &u.token, &u.operation, &u.Online, &u.Devices)
		if err != nil {
			return nil, err
		}
		if u.token != "" {
			u.TokenIssuedAt = time.UnixMilli(issued).UTC()
		}
		users = append(users, u)
	}
	return users, rows.Err()
}

func (s *store) user(ctx context.Context, id string) (user, error) {
	users, err := s.users(ctx, "WHERE id = ?", id)
	switch {
	case err != nil:
		return user{}, err
	case len(users) == 0:
		return user{}, errNoUser
	}
	return users[0], nil
}

// saveToken keeps a user's new token, unless the account is being deleted since it was asked for.
func (s *store) saveToken(ctx context.Context, id, name, token string, issued time.Time) error {
	n, err := s.change(ctx, `INSERT INTO users (id, name, token, token_issued) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, token = excluded.token, token_issued = excluded.token_issued
		WHERE state = 'active'`, id, name, token, issued.UnixMilli())
	if err == nil && n == 0 {
		return errDeleting
	}
	return err
}

// beginDeletion reports whether the deletion began now: it hasn't if it runs already. The token is void from then on.
func (s *store) beginDeletion(ctx context.Context, id string) (bool, error) {
	n, err := s.change(ctx, `UPDATE users SET state = 'deleting', operation = '', refusal = '', token = ''
		WHERE id = ? AND state <> 'deleting'`, id)
	return n > 0, err
}

// setOperation keeps which operation of RC's a deletion waits for; "" = RC is to be asked.
func (s *store) setOperation(ctx context.Context, id, operation string) error {
	_, err := s.change(ctx, "UPDATE users SET operation = ? WHERE id = ? AND state = 'deleting'", operation, id)
	return err
}

func (s *store) refuseDeletion(ctx context.Context, id, code string) error {
	_, err := s.change(ctx, "UPDATE users SET state = 'delete failed', refusal = ?, operation = '' WHERE id = ?", code, id)
	return err
}

// deleteUser deletes the user's sessions too.
func (s *store) deleteUser(ctx context.Context, id string) error {
	_, err := s.change(ctx, "DELETE FROM users WHERE id = ?", id)
	return err
}

// putPresence keeps an event, unless a later one about the same session came before it. Events about users whom the
// database doesn't have are ignored, so that nothing of a deleted account comes back.
func (s *store) putPresence(ctx context.Context, e webhook.PresenceEvent, online bool) error {
	session := "session " + e.SessionID
	if e.SessionID == "" {
		session = "os " + e.OS
	}
	_, err := s.change(ctx, `INSERT INTO sessions (user_id, session, os, online, at)
		SELECT id, ?, ?, ?, ? FROM users WHERE id = ?
		ON CONFLICT (user_id, session) DO UPDATE SET os = excluded.os, online = excluded.online, at = excluded.at
		WHERE excluded.at >= at`, session, e.OS, online, e.Time.UnixMilli(), e.UserID)
	return err
}
