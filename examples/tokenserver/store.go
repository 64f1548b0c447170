package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // registers the driver
)

// store is the database. It calls onChange after every change that the page shows.
type store struct {
	db       *sql.DB
	onChange func()
	owner    string // identifies this process in claims of webhook requests
}

// openStore opens or creates the database and brings its schema up to date. Only the process's user may read the file,
// because it contains tokens.
func openStore(ctx context.Context, path string, onChange func()) (*store, error) {
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
		"_synchronous":  {"FULL"}, // with NORMAL a power failure could lose a deletion that was answered with 202
	}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8) // SQLite has one writer at a time, so more connections would only wait
	if err := migrate(ctx, db, path); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return &store{db, onChange, rand.Text()}, nil
}

// makePrivate creates the file before SQLite opens it, because SQLite gives its other files the same mode.
func makePrivate(path string) (err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator chooses the path
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := checkDatabase(file); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return file.Chmod(0o600)
}

const databaseHeader = "SQLite format 3\x00"

// checkDatabase refuses what a wrong path may name: a device, or a file of something else. Those must keep their mode.
func checkDatabase(file *os.File) error {
	info, err := file.Stat()
	if err != nil || info.Mode().IsRegular() && info.Size() == 0 {
		return err
	}
	header := make([]byte, len(databaseHeader))
	if !info.Mode().IsRegular() {
		return errors.New("it isn't a regular file")
	}
	if _, err := io.ReadFull(file, header); err != nil || string(header) != databaseHeader {
		return errors.New("it isn't an SQLite database")
	}
	return nil
}

func (s *store) close() error { return s.db.Close() }

// change executes a statement and returns the number of rows that it changed.
func (s *store) change(ctx context.Context, statement string, args ...any) (int64, error) {
	result, err := s.db.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	if n > 0 {
		s.onChange()
	}
	return n, err
}

// ready returns nil if the database answers.
func (s *store) ready(ctx context.Context) error {
	var any bool
	return s.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM users)").Scan(&any)
}

const pruneBatch = 10_000 // rows in one statement, so that events don't wait for long: SQLite has one writer at a time

// prune deletes the rows that no late event can refer to any more: claims and handled requests when they have expired,
// others when they are older than [retention]. It keeps the results of deletions that are still running, and the ids of closed
// accounts.
func (s *store) prune(ctx context.Context, now time.Time) error {
	before := now.Add(-retention)
	for _, p := range []struct {
		table, key, where string
		at                time.Time
	}{
		{"sessions", "user_id, session", "at < ? AND NOT online", before},
		{"results", "operation, user_id", "at < ? AND operation NOT IN (SELECT operation FROM users)", before},
		{"replays", "key", "until < ?", now},
	} {
		statement := fmt.Sprintf("DELETE FROM %[1]s WHERE (%[2]s) IN (SELECT %[2]s FROM %[1]s WHERE %[3]s LIMIT %[4]d)",
			p.table, p.key, p.where, pruneBatch)
		if err := s.deleteInBatches(ctx, statement, p.at); err != nil {
			return err
		}
	}
	return nil
}

// deleteInBatches repeats a statement that deletes at most [pruneBatch] rows until there are no more.
func (s *store) deleteInBatches(ctx context.Context, statement string, at time.Time) error {
	for {
		result, err := s.db.ExecContext(ctx, statement, at.UnixMilli())
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n < pruneBatch {
			return err
		}
	}
}
