package main

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	migrationTimeout = time.Minute            // includes waiting for another process that migrates the same database
	lockInterval     = 100 * time.Millisecond // between attempts to get the lock
)

// migrate brings the schema of the database at path up to date. It refuses a database that a newer version of the program
// has migrated. It holds a lock on path + ".lock", because the migrations of two processes that start at once would collide.
// The empty lock file stays: a process that removed it could take it away from another one that waits for it.
func migrate(ctx context.Context, db *sql.DB, path string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, migrationTimeout)
	defer cancel()
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockInterval); err != nil {
		return fmt.Errorf("waiting for another process that migrates the database, see %s: %w", lock.Path(), err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	current, known, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > known {
		return fmt.Errorf("the schema has version %d, but this program knows only versions up to %d: "+
			"use the newer program that migrated the database, or a backup from before", current, known)
	}
	_, err = provider.Up(ctx)
	return err
}
