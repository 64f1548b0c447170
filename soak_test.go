package rcuser_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// TestSoak lets several goroutines, each with a user of its own, make random calls while faults strike, clocks jump and
// contexts end. In the end the fake must hold what the client's answers imply: what succeeded is there, what was not
// applied isn't, and only where the outcome is unknown may it be either way.
func TestSoak(t *testing.T) {
	skipUnderRace(t)
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		plans := rapid.SliceOfN(rapid.SliceOfN(steps, 1, 12), 3, 3).Draw(r, "plans")
		storms := rapid.SliceOfN(storm, 0, 6).Draw(r, "storms")
		hosts := rapid.IntRange(1, 2).Draw(r, "hosts")
		var wrong error
		synctest.Test(t, func(t *testing.T) { wrong = soak(t.Context(), plans, storms, hosts) })
		if wrong != nil {
			r.Fatal(wrong)
		}
	})
}

// skipUnderRace is for tests in which several goroutines of one bubble make timers of no duration, as repeating at once
// does: the race detector of Go 1.26.8 can crash on them, in timer.maybeRunChan. Others look for races outside bubbles.
func skipUnderRace(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("the race detector may crash")
	}
}

// step is a call of a worker.
type step struct {
	attribute string // that it changes
	on        bool   // to what
	patience  time.Duration
	pause     time.Duration // before it
}

var attributes = []string{"name", "ban", "blocklist", "allowlist", "switch"}

var steps = rapid.Custom(func(r *rapid.T) step {
	return step{
		attribute: rapid.SampledFrom(attributes).Draw(r, "attribute"),
		on:        rapid.Bool().Draw(r, "on"),
		patience:  rapid.SampledFrom([]time.Duration{time.Hour, time.Minute, 6 * time.Second, time.Second, 0}).Draw(r, "patience"),
		pause:     rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second, time.Minute}).Draw(r, "pause"),
	}
})

var storm = rapid.Custom(func(r *rapid.T) rctest.Fault {
	f := rapid.SampledFrom(matrixFaults).Draw(r, "fault").fault
	f.Host = rapid.SampledFrom([]rctest.Host{rctest.AnyHost, rctest.PrimaryHost, rctest.BackupHost}).Draw(r, "host")
	f.Times = rapid.SampledFrom([]int{1, 2, 5, rctest.Always}).Draw(r, "times")
	f.Probability = rapid.SampledFrom([]float64{0.2, 0.5, 1}).Draw(r, "probability")
	f.Seed = rapid.Uint64().Draw(r, "seed")
	return f
})

func soak(ctx context.Context, plans [][]step, storms []rctest.Fault, hosts int) error {
	server := rctest.NewServer()
	defer server.Close()
	config := server.Config()
	config.Limiter = nil // the real one
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
	for _, f := range storms {
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

// worker knows for each attribute of its user which values the answers allow.
type worker struct {
	id       string
	client   *rcuser.Client
	possible map[string]map[bool]bool
}

func newWorker(id string, client *rcuser.Client) *worker {
	w := &worker{id: id, client: client, possible: map[string]map[bool]bool{}}
	for _, attribute := range attributes {
		w.possible[attribute] = map[bool]bool{false: true}
	}
	return w
}

func (w *worker) register(ctx context.Context) error {
	_, err := w.client.Users.Register(ctx, rcuser.Registration{UserID: w.id, Name: "off"})
	return err
}

func (w *worker) run(ctx context.Context, plan []step) error {
	for _, s := range plan {
		time.Sleep(s.pause)
		start := time.Now()
		limited, cancel := context.WithTimeout(ctx, s.patience)
		err := w.call(limited, s.attribute, s.on)
		cancel()
		if took := time.Since(start); took > s.patience {
			return fmt.Errorf("%+v took %v", s, took)
		}
		failure, failed := errors.AsType[*rcuser.Error](err)
		switch {
		case err == nil:
			w.possible[s.attribute] = map[bool]bool{s.on: true}
		case !failed:
			return fmt.Errorf("%+v: %w", s, err)
		case failure.Attempts > 3:
			return fmt.Errorf("%+v: %d attempts", s, failure.Attempts)
		case failure.Outcome == rcuser.Unknown:
			w.possible[s.attribute][s.on] = true
		}
	}
	return nil
}

func (w *worker) call(ctx context.Context, attribute string, on bool) error {
	c, self, other := w.client, []string{w.id}, []string{"other"}
	switch attribute + fmt.Sprint(on) {
	case "nametrue", "namefalse":
		name := map[bool]string{true: "on", false: "off"}[on]
		return c.Users.Update(ctx, w.id, rcuser.UserUpdate{Name: &name})
	case "bantrue":
		return c.Bans.Add(ctx, self, 30*24*time.Hour)
	case "banfalse":
		return c.Bans.Remove(ctx, self)
	case "blocklisttrue":
		return c.Blocklist.Add(ctx, w.id, other)
	case "blocklistfalse":
		return c.Blocklist.Remove(ctx, w.id, other)
	case "allowlisttrue":
		return c.Allowlist.Add(ctx, w.id, other)
	case "allowlistfalse":
		return c.Allowlist.Remove(ctx, w.id, other)
	case "switchtrue":
		return c.Allowlist.Enable(ctx, self)
	default:
		return c.Allowlist.Disable(ctx, self)
	}
}

func (w *worker) compare(server *rctest.Server) error {
	user := server.User(w.id)
	state := map[string]bool{
		"name": user.Name == "on", "ban": !user.BannedUntil.IsZero(), "blocklist": len(user.Blocklist) > 0,
		"allowlist": len(user.Allowlist) > 0, "switch": user.AllowlistEnabled,
	}
	for attribute, on := range state {
		if !w.possible[attribute][on] {
			return fmt.Errorf("%s of %s is %t, the answers allow only %v", attribute, w.id, on, w.possible[attribute])
		}
	}
	return nil
}
