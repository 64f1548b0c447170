package main

import (
	"context"
	"errors"
	"time"

	"github.com/f0207b22/rcuser/webhook"
)

var (
	errNoUser       = errors.New("no such user")
	errDeleting     = errors.New("the account is being deleted")
	errDeleteFailed = errors.New("RC refused to delete the account; DELETE tries again")
	errClosed       = errors.New("the account is closed: RC gives this userId no tokens any more, use another one")
	errLoginBusy    = errors.New("another login of this user is still waiting for RC; try again")
)

// state says whether a user is being deleted.
type state string

const (
	active       state = "active"
	deleting     state = "deleting"
	deleteFailed state = "delete failed" // RC refused
)

// user is a row of the database with its sessions. Its JSON has no token.
type user struct {
	ID            string    `json:"userId"`
	Name          string    `json:"name"`
	State         state     `json:"state"`
	Refusal       string    `json:"refusal,omitempty"`      // RC's code, if the state is delete failed
	TokenIssuedAt time.Time `json:"tokenIssuedAt,omitzero"` // zero if there is no token
	Online        bool      `json:"online"`
	Devices       string    `json:"devices"` // operating systems of the devices that are online, such as "PC, iOS"

	token, operation string
	portrait         string // "" if none was given
	profileSent      bool   // RC has this name and portrait
}

const selectUsers = `SELECT id, name, state, refusal, token_issued, token, operation, portrait, profile_sent,
	(SELECT count(*) > 0 FROM sessions WHERE user_id = id AND online),
	(SELECT coalesce(group_concat(os, ', ' ORDER BY os), '') FROM sessions WHERE user_id = id AND online)
	FROM users `

const whereDeleting = "WHERE state = 'deleting'" // uses the index deletions

// users returns the users that match the clauses, which follow FROM in the query.
func (s *store) users(ctx context.Context, clauses string, args ...any) ([]user, error) {
	rows, err := s.db.QueryContext(ctx, selectUsers+clauses, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	users := []user{}
	for rows.Next() {
		var u user
		var issued int64
		err := rows.Scan(&u.ID, &u.Name, &u.State, &u.Refusal, &issued, &u.token, &u.operation,
			&u.portrait, &u.profileSent, &u.Online, &u.Devices)
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

// addUser saves the token and the profile of a new user, or of one whom another process has added. It returns errDeleting if
// the user is being deleted.
func (s *store) addUser(ctx context.Context, in loginRequest, token string, issued time.Time) error {
	return s.changeActive(ctx, `INSERT INTO users (name, portrait, profile_sent, token, token_issued, id) VALUES (?, ?, 1, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, portrait = coalesce(nullif(excluded.portrait, ''), portrait),
			profile_sent = 1, token = excluded.token, token_issued = excluded.token_issued
		WHERE state = 'active'`, in.Name, in.PortraitURI, token, issued.UnixMilli(), in.UserID)
}

// saveToken saves the new token of a user and the profile that RC got with it. It returns errDeleting if the account is being
// deleted or was deleted during the login.
func (s *store) saveToken(ctx context.Context, in loginRequest, token string, issued time.Time) error {
	return s.changeActive(ctx, `UPDATE users SET name = ?, portrait = coalesce(nullif(?, ''), portrait), profile_sent = 1,
		token = ?, token_issued = ? WHERE id = ? AND state = 'active'`,
		in.Name, in.PortraitURI, token, issued.UnixMilli(), in.UserID)
}

// saveProfile saves a profile that RC has confirmed. Its error is that of saveToken.
func (s *store) saveProfile(ctx context.Context, in loginRequest) error {
	return s.changeActive(ctx, `UPDATE users SET name = ?, portrait = coalesce(nullif(?, ''), portrait), profile_sent = 1
		WHERE id = ? AND state = 'active'`, in.Name, in.PortraitURI, in.UserID)
}

// forgetProfile says that RC may have another profile than the row, as is true from the moment when a new one is sent until
// it is confirmed.
func (s *store) forgetProfile(ctx context.Context, id string) error {
	_, err := s.db.ExecContext(ctx, "UPDATE users SET profile_sent = 0 WHERE id = ?", id)
	return err
}

// clearToken makes the next login ask RC for a token.
func (s *store) clearToken(ctx context.Context, id string) error {
	_, err := s.change(ctx, "UPDATE users SET token = '' WHERE id = ? AND token <> ''", id)
	return err
}

// changeActive executes a statement that changes the row of an active user, and returns errDeleting if there is none.
func (s *store) changeActive(ctx context.Context, statement string, args ...any) error {
	n, err := s.change(ctx, statement, args...)
	if err == nil && n == 0 {
		return errDeleting
	}
	return err
}

// beginDeletion marks a user as being deleted and clears the token. It returns false if the deletion is already running or
// the user is unknown.
func (s *store) beginDeletion(ctx context.Context, id string) (bool, error) {
	n, err := s.change(ctx, `UPDATE users SET state = 'deleting', operation = '', refusal = '', token = ''
		WHERE id = ? AND state <> 'deleting'`, id)
	return n > 0, err
}

// setOperation saves the operation at RC that a deletion waits for. "" makes the next attempt deactivate the user again.
func (s *store) setOperation(ctx context.Context, id, operation string) error {
	_, err := s.change(ctx, "UPDATE users SET operation = ? WHERE id = ? AND state = 'deleting'", operation, id)
	return err
}

func (s *store) markDeleteFailed(ctx context.Context, id, code string) error {
	_, err := s.change(ctx, "UPDATE users SET state = 'delete failed', refusal = ?, operation = '' WHERE id = ?", code, id)
	return err
}

// deleteUser deletes a user and, by the foreign key, the sessions.
func (s *store) deleteUser(ctx context.Context, id string) error {
	_, err := s.change(ctx, "DELETE FROM users WHERE id = ?", id)
	return err
}

// putPresence saves an event unless a later one of the same session is already known. Of two events with the same
// millisecond the end of the session counts as later. Events of unknown users are ignored, so that a deleted account doesn't
// come back.
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
