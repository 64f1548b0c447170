package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

const (
	// deletionTimeout limits the wait for RC's result: 15 minutes, up to 5 more for a late event, and the rest for polling.
	deletionTimeout = 25 * time.Minute
	retryInterval   = time.Minute // between the attempts of a deletion that failed
	pollInterval    = time.Minute // between reads of RC's list of deactivated users, in case an event was lost
	saveTimeout     = time.Second // for a write that must succeed during a shutdown
	maxDeletions    = 10_000      // at once; each takes a goroutine for 15 minutes
)

// deleter deletes the accounts whose state in the database is deleting. The database is the only place where it keeps
// state, so that a deletion continues after a restart.
type deleter struct {
	store   *store
	ops     *webhook.Operations
	log     *slog.Logger
	wake    chan struct{}
	running sync.Map // the ids of users whose deletion runs
}

func newDeleter(s *store, ops *webhook.Operations, log *slog.Logger) *deleter {
	return &deleter{store: s, ops: ops, log: log, wake: make(chan struct{}, 1)}
}

// notify makes run look for new deletions at once.
func (d *deleter) notify() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run starts deletions until ctx ends, and returns when all of them have ended too. Of more than [maxDeletions] the others
// start as the first ones end.
func (d *deleter) run(ctx context.Context) {
	var deletions sync.WaitGroup
	defer deletions.Wait()
	ticker := time.NewTicker(retryInterval)
	defer ticker.Stop()
	for {
		users, err := d.store.users(ctx, whereDeleting+" LIMIT ?", maxDeletions)
		if err != nil && ctx.Err() == nil {
			d.log.Error("finding deletions failed", "error", err)
		}
		for _, u := range users {
			if _, running := d.running.LoadOrStore(u.ID, true); !running {
				deletions.Go(func() { d.attempt(ctx, u.ID) })
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-ticker.C:
		}
	}
}

// attempt runs one deletion. One that fails is tried again at the next tick.
func (d *deleter) attempt(ctx context.Context, id string) {
	err := d.delete(ctx, id)
	d.running.Delete(id)
	switch {
	case err == nil:
		d.notify() // DELETE may have been called again before the id was removed from running
	case ctx.Err() == nil:
		d.log.Warn("deletion failed, will be retried", "user", id, "error", err)
	}
}

// delete deactivates the user, waits for RC's result, and only then deletes the row.
func (d *deleter) delete(ctx context.Context, id string) error {
	users, err := d.store.users(ctx, "WHERE id = ? AND state = 'deleting'", id)
	if err != nil || len(users) == 0 {
		return err
	}
	operation := users[0].operation
	if operation == "" {
		if operation, err = d.deactivate(ctx, id); err != nil {
			return d.handleRefusal(ctx, id, err)
		}
	}
	waiting, cancel := context.WithTimeout(ctx, deletionTimeout)
	defer cancel()
	results, err := d.ops.Wait(waiting, rcuser.Operation{ID: operation}, []string{id})
	switch {
	case ctx.Err() != nil: // a shutdown; the next start waits for the same operation
		return ctx.Err()
	case err != nil: // RC's event was lost; a new deactivation causes a new event
		return errors.Join(err, d.store.setOperation(ctx, id, ""))
	case !results[id].Done():
		return d.markFailed(ctx, id, results[id].Code)
	}
	if err := d.store.deleteUser(ctx, id); err != nil {
		return err
	}
	d.log.Info("account deleted", "user", id)
	return nil
}

// deactivate sends the deactivation, and saves the operation to wait for even during a shutdown.
func (d *deleter) deactivate(ctx context.Context, id string) (string, error) {
	op, err := d.ops.Deactivate(ctx, []string{id})
	if err != nil {
		return "", err
	}
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	return op.ID, d.store.setOperation(saving, id, op.ID)
}

// appErrors concern the app and not the user: the deletion is retried until the operator has corrected the settings.
var appErrors = []rcuser.ErrorCode{rcuser.ErrAppSecret, rcuser.ErrSignature, rcuser.ErrAppLocked, rcuser.ErrForbidden}

// handleRefusal marks the deletion as failed if RC would refuse it again, and returns err otherwise.
func (d *deleter) handleRefusal(ctx context.Context, id string, err error) error {
	failure, ok := errors.AsType[*rcuser.Error](err)
	if !ok || failure.Outcome != rcuser.NotApplied || failure.Code == 0 || failure.Retryable() || slices.Contains(appErrors, failure.Code) {
		return err
	}
	return d.markFailed(ctx, id, strconv.Itoa(int(failure.Code)))
}

func (d *deleter) markFailed(ctx context.Context, id, code string) error {
	d.log.Warn("RC refused a deletion", "user", id, "code", code)
	return d.store.markDeleteFailed(ctx, id, code)
}
