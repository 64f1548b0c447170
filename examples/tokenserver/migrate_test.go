package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

// version0 makes a database as the program did before it had migrations, and returns its path.
func version0(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	script, err := os.ReadFile("testdata/version0.sql")
	require.NoError(t, err)
	execute(t, path, "PRAGMA journal_mode = WAL", string(script))
	return path
}

func execute(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, statement := range statements {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
}

// dump returns the rows of the tables that the first version had too, with the columns that it had.
func dump(t *testing.T, path string) (rows []string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, query := range []string{
		"SELECT concat_ws('|', id, name, token, token_issued, state, operation, refusal) AS row FROM users ORDER BY row",
		"SELECT concat_ws('|', user_id, session, os, online, at) AS row FROM sessions ORDER BY row",
		"SELECT concat_ws('|', operation, user_id, type, code, at) AS row FROM results ORDER BY row",
		"SELECT concat_ws('|', user_id, at) AS row FROM deactivations ORDER BY row",
		"SELECT concat_ws('|', key, owner, until) AS row FROM replays ORDER BY row",
	} {
		result, err := db.QueryContext(t.Context(), query)
		require.NoError(t, err)
		for result.Next() {
			var row string
			require.NoError(t, result.Scan(&row))
			rows = append(rows, row)
		}
		require.NoError(t, result.Err())
		require.NoError(t, result.Close())
	}
	return rows
}

func TestDatabaseOfTheFirstVersionIsTakenOver(t *testing.T) {
	path := version0(t)
	before := dump(t, path)
	require.Len(t, before, 11)
	for range 2 { // the second time there is nothing to migrate
		db, err := openStore(t.Context(), path, func() {})
		require.NoError(t, err)
		claim, err := db.Claim(t.Context(), "handled")
		require.NoError(t, err)
		require.Equal(t, webhook.Handled, claim)
		require.NoError(t, db.close())
		require.Equal(t, before, dump(t, path))
	}
}

// TestProgramOnADatabaseOfTheFirstVersion sends the profile once, because nobody knows which one RC has.
func TestProgramOnADatabaseOfTheFirstVersion(t *testing.T) {
	fake := newFake(t)
	client, err := rcuser.NewClient(fake.Config())
	require.NoError(t, err)
	_, err = client.Users.Register(t.Context(), rcuser.Registration{UserID: "alice", Name: "An old name"})
	require.NoError(t, err)
	s := fakeSettings(t, fake)
	s.database = version0(t)
	p := start(t, s)
	for range 2 {
		a := p.loginAs(`"name": "Alice"`)
		require.Equal(t, "token of alice", a.field(t, "token"), a.body)
	}
	require.Equal(t, "Alice", fake.User("alice").Name)
	require.Equal(t, 1, count(fake, refreshPath))
	require.Equal(t, "PC, iOS", p.user("alice").field(t, "devices"))
	require.Equal(t, http.StatusConflict, p.do("POST", "/login", `{"userId": "carol", "name": "Carol"}`).status)
	p.waitUntilDeleted("bob") // the result of the deletion was in the database
}

func TestDatabaseOfANewerVersionIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := openStore(t.Context(), path, func() {})
	require.NoError(t, err)
	require.NoError(t, db.addUser(t.Context(), loginRequest{UserID: "alice", Name: "Alice"}, "token", time.Now()))
	require.NoError(t, db.close())
	execute(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)", "ALTER TABLE users RENAME COLUMN name TO names")
	_, err = openStore(t.Context(), path, func() {})
	require.ErrorContains(t, err, "the schema has version 99, but this program knows only versions up to 2")
	require.ErrorContains(t, err, "use the newer program")
	execute(t, path, "ALTER TABLE users RENAME COLUMN names TO name", "DELETE FROM goose_db_version WHERE version_id = 99")
	db, err = openStore(t.Context(), path, func() {})
	require.NoError(t, err, "the refusal changed nothing")
	require.NoError(t, db.close())
}

// TestProcessesThatMigrateAtOnce opens a database, new or old, from many connections of their own, as processes do.
func TestProcessesThatMigrateAtOnce(t *testing.T) {
	for _, path := range []string{version0(t), version0(t), filepath.Join(t.TempDir(), "new.db"), filepath.Join(t.TempDir(), "new.db")} {
		var starts sync.WaitGroup
		for i := range 8 {
			starts.Go(func() {
				db, err := openStore(t.Context(), path, func() {})
				if err == nil {
					user := loginRequest{UserID: fmt.Sprint("user", i), Name: "name"}
					err = db.addUser(t.Context(), user, "token", time.Now())
				}
				if err == nil {
					err = db.close()
				}
				if err != nil {
					t.Errorf("start %d: %v", i, err)
				}
			})
		}
		starts.Wait()
		require.Equal(t, "8", queryDB(t, settings{database: path}, "SELECT count(*) FROM users WHERE id LIKE 'user%'"))
		require.Equal(t, "2", queryDB(t, settings{database: path}, "SELECT count(*) FROM goose_db_version WHERE version_id > 0"))
	}
}

// TestMigrationLockIsNotWaitedForForever names the file, so that the operator can find who holds it.
func TestMigrationLockIsNotWaitedForForever(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	lock := flock.New(path + ".lock")
	require.NoError(t, lock.Lock())
	ctx, cancel := context.WithTimeout(t.Context(), 3*lockInterval)
	defer cancel()
	_, err := openStore(ctx, path, func() {})
	require.ErrorContains(t, err, path+".lock")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, lock.Close())
	db, err := openStore(t.Context(), path, func() {})
	require.NoError(t, err)
	require.NoError(t, db.close())
}
