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
	// deletionPatience is for RC's word: it takes 15 minutes, may be 5 minutes late, and then the list is read a few times.
	deletionPatience = 25 * time.Minute
	lookAgain        = time.Minute // for deletions that failed on the way
	listPoll         = time.Minute // for deactivations that no event told of
	savePatience     = time.Second // for what must be saved though the program is about to end
)

// deletions closes the accounts that the database says are being deleted. As nothing is known but there, a restart is no
// different from a failure: the deletion goes on.
type deletions struct {
	store   *store
	ops     *webhook.Operations
	log     *slog.Logger
	wake    chan struct{}
	running sync.Map // the ids of users whose job runs
}

func newDeletions(s *store, ops *webhook.Operations, log *slog.Logger) *deletions {
	return &deletions{store: s, ops: ops, log: log, wake: make(chan struct{}, 1)}
}

// look lets run find a deletion that has begun.
func (d *deletions) look() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run returns after ctx ended and all jobs with it.
func (d *deletions) run(ctx context.Context) {
	var jobs sync.WaitGroup
	defer jobs.Wait()
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		users, err := d.store.users(ctx, whereDeleting)
		if err != nil && ctx.Err() == nil {
			d.log.Error("looking for deletions", "error", err)
		}
		for _, u := range users {
			if _, runs := d.running.LoadOrStore(u.ID, true); !runs {
				jobs.Go(func() { d.work(ctx, u.ID) })
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

// work is a user's job. What fails is tried again at the next tick.
func (d *deletions) work(ctx context.Context, id string) {
	err := d.delete(ctx, id)
	d.running.Delete(id)
	switch {
	case err == nil:
		d.look() // it may have been asked for once more since it ended
	case ctx.Err() == nil:
		d.log.Warn("deletion goes on later", "user", id, "error", err)
	}
}

// delete deletes the user when RC says that it did, and not before.
func (d *deletions) delete(ctx context.Context, id string) error {
	users, err := d.store.users(ctx, "WHERE id = ? AND state = 'deleting'", id)
	if err != nil || len(users) == 0 {
		return err
	}
	operation := users[0].operation
	if operation == "" {
		if operation, err = d.deactivate(ctx, id); err != nil {
			return d.refused(ctx, id, err)
		}
	}
	waiting, cancel := context.WithTimeout(ctx, deletionPatience)
	defer cancel()
	results, err := d.ops.Wait(waiting, rcuser.Operation{ID: operation}, []string{id})
	switch {
	case ctx.Err() != nil: // the next start waits for the same operation
		return ctx.Err()
	case err != nil: // RC's word was lost; it gives it once more if it is asked once more
		return errors.Join(err, d.store.setOperation(ctx, id, ""))
	case !results[id].Done():
		return d.refuse(ctx, id, results[id].Code)
	}
	if err := d.store.deleteUser(ctx, id); err != nil {
		return err
	}
	d.log.Info("account deleted", "user", id)
	return nil
}

// deactivate asks RC, and keeps which operation to wait for even if the program is about to end.
func (d *deletions) deactivate(ctx context.Context, id string) (string, error) {
	op, err := d.ops.Deactivate(ctx, []string{id})
	if err != nil {
		return "", err
	}
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), savePatience)
	defer cancel()
	return op.ID, d.store.setOperation(saving, id, op.ID)
}

// aboutTheApp are refusals that say nothing of the user: when whoever runs this has mended them, the deletion goes on.
var aboutTheApp = []rcuser.ErrorCode{rcuser.ErrAppSecret, rcuser.ErrSignature, rcuser.ErrAppLocked, rcuser.ErrForbidden}

// refused ends a deletion if RC's answer was a refusal that it would repeat. Else it returns the error.
func (d *deletions) refused(ctx context.Context, id string, err error) error {
	failure, ok := errors.AsType[*rcuser.Error](err)
	if !ok || failure.Outcome != rcuser.NotApplied || failure.Code == 0 || failure.Retryable() || slices.Contains(aboutTheApp, failure.Code) {
		return err
	}
	return d.refuse(ctx, id, strconv.Itoa(int(failure.Code)))
}

func (d *deletions) refuse(ctx context.Context, id, code string) error {
	d.log.Warn("RC refused a deletion", "user", id, "code", code)
	return d.store.refuseDeletion(ctx, id, code)
}
