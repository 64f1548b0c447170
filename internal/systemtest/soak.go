package systemtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// SoakStep is a call of one of the soak test's goroutines.
type SoakStep struct {
	Switch  string // name of the [Switch] to turn
	On      bool
	Timeout time.Duration // of the call
	Pause   time.Duration // before the call
}

// Soak starts a goroutine for each plan. It carries out the plan's steps for a user of its own, while the faults are
// injected, 3 s apart, and the fake's clock is advanced by a minute after each. In the end the fake's state must be what
// the results of the calls imply: a call that succeeded was applied, a call that failed with NotApplied was not, and only
// after Unknown either is right. The error says what is wrong. Call it in a synctest bubble.
func Soak(ctx context.Context, plans [][]SoakStep, faults []rctest.Fault, hosts int) error {
	server := rctest.NewServer()
	defer server.Close()
	config := server.Config()
	config.Limiter = nil // the SDK's own
	if hosts == 1 {
		config.DataCenter.Backup = ""
	}
	client, err := rcuser.NewClient(config)
	if err != nil {
		return err
	}
	errs := make([]error, len(plans))
	workers := make([]*worker, len(plans))
	var group sync.WaitGroup
	for i, plan := range plans {
		workers[i] = newWorker(fmt.Sprintf("u%d", i), client)
		if err := workers[i].register(ctx); err != nil {
			return err
		}
		group.Go(func() { errs[i] = workers[i].run(ctx, plan) })
	}
	for _, f := range faults {
		server.Inject(f)
		time.Sleep(3 * time.Second)
		server.Advance(time.Minute)
	}
	group.Wait()
	for _, w := range workers {
		errs = append(errs, w.compare(server))
	}
	return errors.Join(errs...)
}

// worker is one goroutine of the soak test.
type worker struct {
	users    Pair
	client   *rcuser.Client
	switches map[string]Switch
	possible map[string]map[bool]bool // by switch, the states that the calls' results allow
}

func newWorker(id string, client *rcuser.Client) *worker {
	w := &worker{Pair{id, "other"}, client, map[string]Switch{}, map[string]map[bool]bool{}}
	for _, s := range switches() {
		w.switches[s.Name] = s
		w.possible[s.Name] = map[bool]bool{false: true}
	}
	return w
}

func (w *worker) register(ctx context.Context) error {
	_, err := w.client.Users.Register(ctx, rcuser.Registration{UserID: w.users.ID, Name: "off"})
	return err
}

func (w *worker) run(ctx context.Context, plan []SoakStep) error {
	for _, step := range plan {
		time.Sleep(step.Pause)
		start := time.Now()
		limited, cancel := context.WithTimeout(ctx, step.Timeout)
		err := w.switches[step.Switch].Turn(limited, w.client, w.users, step.On)
		cancel()
		if took := time.Since(start); took > step.Timeout {
			return fmt.Errorf("%+v took %v", step, took)
		}
		failure, failed := errors.AsType[*rcuser.Error](err)
		switch {
		case err == nil:
			w.possible[step.Switch] = map[bool]bool{step.On: true}
		case !failed:
			return fmt.Errorf("%+v: %w", step, err)
		case failure.Attempts > 4: // 3 and one with another time
			return fmt.Errorf("%+v: %d attempts", step, failure.Attempts)
		case failure.Outcome == rcuser.Unknown:
			w.possible[step.Switch][step.On] = true
		}
	}
	return nil
}

func (w *worker) compare(server *rctest.Server) error {
	for name, s := range w.switches {
		if on := s.IsOn(server, w.users); !w.possible[name][on] {
			return fmt.Errorf("%s of %s is %t, the results of the calls allow only %v", name, w.users.ID, on, w.possible[name])
		}
	}
	return nil
}
