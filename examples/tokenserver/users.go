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
	errRefused  = errors.New("RC refused to delete the account, which can be tried again")
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

const whereDeleting = "WHERE state = 'deleting'" // which has an index

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

// addUser keeps the token of a user who is new, or whom another login has added since it was asked for.
func (s *store) addUser(ctx context.Context, id, name, token string, issued time.Time) error {
	return s.keepToken(ctx, `INSERT INTO users (name, token, token_issued, id) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, token = excluded.token, token_issued = excluded.token_issued
		WHERE state = 'active'`, name, token, issued.UnixMilli(), id)
}

// saveToken keeps a user's new token, unless the account was deleted since it was asked for, or is being deleted.
func (s *store) saveToken(ctx context.Context, id, name, token string, issued time.Time) error {
	return s.keepToken(ctx, "UPDATE users SET name = ?, token = ?, token_issued = ? WHERE id = ? AND state = 'active'",
		name, token, issued.UnixMilli(), id)
}

func (s *store) keepToken(ctx context.Context, statement string, args ...any) error {
	n, err := s.change(ctx, statement, args...)
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

// putPresence keeps an event, unless a later one about the same session came before it; of two of the same millisecond a
// session's end is the later one. Events about users whom the database doesn't have are ignored, so that nothing of a
// deleted account comes back.
func (s *store) putPresence(ctx context.Context, e webhook.PresenceEvent, online bool) error {
	session := "session " + e.SessionID
	if e.SessionID == "" {
		session = "os " + e.OS
	}
	_, err := s.change(ctx, `INSERT INTO sessions (user_id, session, os, online, at)
		SELECT id, ?, ?, ?, ? FROM users WHERE id = ?
		ON CONFLICT (user_id, session) DO UPDATE SET os = excluded.os, online = excluded.online, at = excluded.at
		WHERE excluded.at > at OR (excluded.at = at AND NOT excluded.online)`,
		session, e.OS, online, e.Time.UnixMilli(), e.UserID)
	return err
}
