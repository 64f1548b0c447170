package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver
)

//go:embed schema.sql
var schema string

// store is the database. What it changes is told to changed.
type store struct {
	db      *sql.DB
	changed func()
	owner   string // of the webhook's requests that are being handled
}

// openStore opens the database, or makes one, that only this system user may read: it holds tokens.
func openStore(ctx context.Context, path string, changed func()) (*store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := makePrivate(path); err != nil {
		return nil, err
	}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{
		"_busy_timeout": {"5000"},
		"_foreign_keys": {"on"},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"}, // with NORMAL a power failure could undo a deletion that was answered 202
	}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8) // more would only wait for each other: SQLite has one writer at a time
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return &store{db, changed, rand.Text()}, nil
}

// makePrivate is done before SQLite opens the file, as that gives its other files the same mode.
func makePrivate(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator chooses it
	if err != nil {
		return err
	}
	return errors.Join(file.Chmod(0o600), file.Close())
}

func (s *store) close() error { return s.db.Close() }

// change executes a statement and returns how many rows it changed.
func (s *store) change(ctx context.Context, statement string, args ...any) (int64, error) {
	result, err := s.db.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	if n > 0 {
		s.changed()
	}
	return n, err
}

// ready returns nil if the database answers.
func (s *store) ready(ctx context.Context) error {
	var any bool
	return s.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM users)").Scan(&any)
}

// prune deletes what no late event can be about any more. A result that somebody waits for stays.
func (s *store) prune(ctx context.Context, before time.Time) error {
	for _, statement := range []string{
		"DELETE FROM sessions WHERE at < ? AND NOT online",
		"DELETE FROM results WHERE at < ? AND operation NOT IN (SELECT operation FROM users)",
		"DELETE FROM deactivations WHERE at < ?",
		"DELETE FROM replays WHERE until < ?",
	} {
		if _, err := s.db.ExecContext(ctx, statement, before.UnixMilli()); err != nil {
			return err
		}
	}
	return nil
}
