package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

// TestWrongDatabaseIsLeftAlone: a path that names something else changes neither its content nor its mode.
func TestWrongDatabaseIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	notes, script := filepath.Join(dir, "notes.txt"), filepath.Join(dir, "run.sh")
	require.NoError(t, os.WriteFile(notes, []byte("SQLite"), 0o644))
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\necho SQLite format 3"), 0o755))
	for _, path := range []string{notes, script, os.DevNull} {
		before, err := os.Stat(path)
		require.NoError(t, err)
		_, err = openStore(t.Context(), path, func() {})
		require.ErrorContains(t, err, path+": it isn't ")
		after, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, before.Mode(), after.Mode(), path)
		require.NoFileExists(t, path+".lock")
	}
}

func TestDatabaseFilesArePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	db, err := openStore(t.Context(), path, func() {})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.close()) }()
	require.NoError(t, db.addUser(t.Context(), loginRequest{UserID: "alice", Name: "Alice"}, "token", time.Now()))
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Len(t, files, 4, "the database, two files of SQLite, and the lock of migrations")
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode(), file)
	}
}

// TestCommitsSurvivePowerFailure expects FULL (2), see PRAGMA synchronous.
func TestCommitsSurvivePowerFailure(t *testing.T) {
	db, err := openStore(t.Context(), filepath.Join(t.TempDir(), "test.db"), func() {})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.close()) }()
	var synchronous int
	require.NoError(t, db.db.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&synchronous))
	require.Equal(t, 2, synchronous)
}

func TestDeletionsAreFoundByIndex(t *testing.T) {
	db, err := openStore(t.Context(), filepath.Join(t.TempDir(), "test.db"), func() {})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.close()) }()
	var id, parent, unused int
	var plan string
	err = db.db.QueryRowContext(t.Context(), "EXPLAIN QUERY PLAN "+selectUsers+whereDeleting).Scan(&id, &parent, &unused, &plan)
	require.NoError(t, err)
	require.Equal(t, "SEARCH users USING INDEX deletions (state=?)", plan)
}

func TestResultsSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := openStore(t.Context(), path, func() {})
	require.NoError(t, err)
	first := webhook.Result{Type: webhook.Deactivation, Code: webhook.CodeDone, Time: time.UnixMilli(1000)}
	second := webhook.Result{Type: webhook.Deactivation, Code: "4711", Time: time.UnixMilli(2000)}
	require.NoError(t, db.PutResult(t.Context(), "op", "alice", first))
	require.NoError(t, db.PutResult(t.Context(), "op", "alice", second), "the first result is kept")
	require.NoError(t, db.PutResult(t.Context(), "op", "bob, the builder", second))
	require.NoError(t, db.PutResult(t.Context(), "other", "carol", second))
	require.NoError(t, db.PutDeactivated(t.Context(), []string{"alice", "bob"}, time.UnixMilli(1000)))
	require.NoError(t, db.PutDeactivated(t.Context(), []string{"bob", "carol"}, time.UnixMilli(2000)))
	require.NoError(t, db.close())

	db, err = openStore(t.Context(), path, func() {})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.close()) }()
	results, err := db.Results(t.Context(), "op", []string{"alice", "bob, the builder", "carol"})
	require.NoError(t, err)
	require.Equal(t, map[string]webhook.Result{"alice": first, "bob, the builder": second}, results)
	times, err := db.Deactivated(t.Context(), []string{"alice", "bob", "dave"})
	require.NoError(t, err)
	require.Equal(t, map[string]time.Time{"alice": time.UnixMilli(1000), "bob": time.UnixMilli(2000)}, times)
}

// TestPruningInBatches has more expired rows than one statement deletes.
func TestPruningInBatches(t *testing.T) {
	db, err := openStore(t.Context(), filepath.Join(t.TempDir(), "test.db"), func() {})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.close()) }()
	now := time.Now()
	const numbers = "WITH RECURSIVE numbers (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM numbers WHERE value < 25000) "
	for _, statement := range []string{
		"INSERT INTO replays (key, owner, until) SELECT 'old ' || value, '', ? FROM numbers",
		"INSERT INTO results (operation, user_id, type, code, at) SELECT 'op', value, '0', '0', ? FROM numbers",
	} {
		_, err := db.db.ExecContext(t.Context(), numbers+statement, now.Add(-retention-time.Second).UnixMilli())
		require.NoError(t, err)
	}
	require.NoError(t, db.Commit(t.Context(), "still valid", now.Add(time.Minute)))
	require.NoError(t, db.prune(t.Context(), now))
	var left string
	require.NoError(t, db.db.QueryRowContext(t.Context(), "SELECT (SELECT count(*) FROM results) || ' ' || group_concat(key) FROM replays").Scan(&left))
	require.Equal(t, "0 still valid", left)
}
