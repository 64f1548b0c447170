package main

import (
	"context"
	"sync"
)

// userLocks has a lock for each user who has one held or waited for.
type userLocks struct {
	mu    sync.Mutex
	locks map[string]*userLock
}

type userLock struct {
	held chan struct{} // has room for one value, which is there while the lock is held
	uses int           // by holders and waiters; guarded by userLocks.mu
}

func newUserLocks() *userLocks { return &userLocks{locks: make(map[string]*userLock)} }

// lock waits for the lock of a user, and returns the function that releases it, or an error as soon as ctx ends.
func (l *userLocks) lock(ctx context.Context, id string) (unlock func(), err error) {
	lock := l.use(id)
	select {
	case lock.held <- struct{}{}:
		return func() {
			<-lock.held
			l.drop(id, lock)
		}, nil
	case <-ctx.Done():
		l.drop(id, lock)
		return nil, ctx.Err()
	}
}

func (l *userLocks) use(id string) *userLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	lock := l.locks[id]
	if lock == nil {
		lock = &userLock{held: make(chan struct{}, 1)}
		l.locks[id] = lock
	}
	lock.uses++
	return lock
}

func (l *userLocks) drop(id string, lock *userLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lock.uses--; lock.uses == 0 {
		delete(l.locks, id)
	}
}
