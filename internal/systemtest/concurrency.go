package systemtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

const goroutines = 64

// Concurrency lets 64 goroutines share a client, in memory and over loopback connections; run it with the race detector.
// Each goroutine calls every endpoint for users of its own, and starts at another endpoint than the one before it. Every
// call must be applied to its own users and stay so, whatever the others do.
func Concurrency(t *testing.T) {
	var rows, waiting []Row // rows with a Wait get another server: advancing its clock would undo what the others did
	for _, row := range Rows() {
		if row.Wait == 0 {
			rows = append(rows, row)
		} else {
			waiting = append(waiting, row)
		}
	}
	for _, over := range []string{"memory", "loopback"} {
		t.Run(over, func(t *testing.T) {
			t.Parallel()
			shareClient(t, rows, over == "loopback")
			shareClient(t, waiting, over == "loopback")
		})
	}
}

func shareClient(t *testing.T, rows []Row, loopback bool) {
	t.Helper()
	server := rctest.NewServer()
	t.Cleanup(server.Close)
	config := server.Config()
	if loopback {
		config.HTTPClient = nil
		config.DataCenter = rcuser.DataCenter{Primary: server.Listen()}
	}
	client, err := rcuser.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	s := sharing{server, client, rows}
	inParallel(t, func(goroutine int) error { return s.setUp(t.Context(), goroutine) })
	var wait time.Duration
	for _, row := range rows {
		wait = max(wait, row.Wait)
	}
	server.Advance(wait)
	inParallel(t, func(goroutine int) error { return s.call(t.Context(), goroutine) })
	inParallel(t, s.check)
}

// inParallel runs f in all goroutines and fails the test with their errors.
func inParallel(t *testing.T, f func(goroutine int) error) {
	t.Helper()
	errs := make([]error, goroutines)
	var group sync.WaitGroup
	for i := range goroutines {
		group.Go(func() { errs[i] = f(i) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// sharing is a client that several goroutines use.
type sharing struct {
	server *rctest.Server
	client *rcuser.Client
	rows   []Row
}

// eachRow calls f for every row, starting with another one in each goroutine.
func (s sharing) eachRow(goroutine int, f func(Row, Pair) error) error {
	for i := range s.rows {
		n := (goroutine + i) % len(s.rows)
		id := fmt.Sprintf("user%d.%d", goroutine, n)
		if err := f(s.rows[n], Pair{id, "friend of " + id}); err != nil {
			return fmt.Errorf("%s for %s: %w", s.rows[n].Path, id, err)
		}
	}
	return nil
}

func (s sharing) setUp(ctx context.Context, goroutine int) error {
	return s.eachRow(goroutine, func(row Row, users Pair) error {
		if row.Setup == nil {
			return nil
		}
		return row.Setup(ctx, s.client, users)
	})
}

func (s sharing) call(ctx context.Context, goroutine int) error {
	return s.eachRow(goroutine, func(row Row, users Pair) error {
		err := row.Call(ctx, s.client, users)
		if err == nil && !row.applied(s.server, users, true) {
			return errors.New("the call succeeded, but it was not applied")
		}
		return err
	})
}

func (s sharing) check(goroutine int) error {
	return s.eachRow(goroutine, func(row Row, users Pair) error {
		if !row.applied(s.server, users, true) {
			return errors.New("the call was applied, but another goroutine undid it")
		}
		return nil
	})
}
