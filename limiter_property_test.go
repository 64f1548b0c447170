package rcuser_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/f0207b22/rcuser"
)

// visit is one Wait, and what became of it. Times count from the test's beginning.
type visit struct {
	At, Deadline, Cancel time.Duration // zero: none
	Units                int
	started, ended       time.Duration
	err                  error
}

// stop is one Pause.
type stop struct{ At, For time.Duration }

type visits struct {
	Visits []visit
	Stops  []stop
}

// drawVisits draws visits in the order in which they come. No two events are at the same time, so that their order is known.
func drawVisits(r *rapid.T, stops int) visits {
	tick := func(label string, most, offset int) time.Duration {
		return time.Duration(rapid.IntRange(1, most).Draw(r, label))*time.Millisecond + time.Duration(offset)*time.Microsecond
	}
	var v visits
	for i := range rapid.IntRange(1, 80).Draw(r, "visits") {
		visit := visit{At: tick("at", 3000, i), Units: rapid.SampledFrom([]int{1, 1, 1, 10, 50, 99, 100}).Draw(r, "units")}
		switch rapid.IntRange(0, 5).Draw(r, "how it ends") {
		case 0:
			visit.Cancel = visit.At + tick("cancel", 4000, 200)
		case 1:
			visit.Deadline = visit.At + tick("deadline", 9000, 300)
		}
		v.Visits = append(v.Visits, visit)
	}
	for i := range rapid.IntRange(0, stops).Draw(r, "stops") {
		v.Stops = append(v.Stops, stop{tick("stop", 8000, 400+i), tick("for", 2000, 0)})
	}
	slices.SortFunc(v.Visits, func(a, b visit) int { return cmp.Compare(a.At, b.At) })
	return v
}

// run makes the visits in a bubble. It ends only if no waiter is forgotten.
func (v *visits) run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := rcuser.NewLimiter(rcuser.LimiterOptions{})
		begin := time.Now()
		var group sync.WaitGroup
		for i := range v.Visits {
			group.Go(func() { v.Visits[i].make(t.Context(), limiter, begin) })
		}
		for _, s := range v.Stops {
			group.Go(func() {
				time.Sleep(s.At)
				limiter.Pause(ofUnits(1).Endpoint, s.For)
			})
		}
		group.Wait()
	})
}

func (v *visit) make(ctx context.Context, limiter rcuser.Limiter, begin time.Time) {
	time.Sleep(v.At)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if v.Cancel > 0 {
		time.AfterFunc(v.Cancel-v.At, cancel)
	}
	if v.Deadline > 0 {
		ctx, cancel = context.WithDeadline(ctx, begin.Add(v.Deadline))
		defer cancel()
	}
	v.err = limiter.Wait(ctx, ofUnits(v.Units))
	v.ended = time.Since(begin)
	if v.err == nil {
		v.started = v.ended
	}
}

func (v *visits) whoStarted() []visit {
	return slices.DeleteFunc(slices.Clone(v.Visits), func(v visit) bool { return v.err != nil })
}

// check compares the visits with the rules that hold whatever happens.
func (v *visits) check() error {
	started := v.whoStarted()
	for i, one := range started {
		if i > 0 && one.started < started[i-1].started {
			return fmt.Errorf("visit at %v started at %v, before one that came earlier", one.At, one.started)
		}
		inWindow := 0
		for _, before := range started[:i+1] {
			if one.started-before.started < time.Second*100/98 {
				inWindow += before.Units
			}
		}
		if inWindow > 100 {
			return fmt.Errorf("%d units in the window that ends at %v", inWindow, one.started)
		}
		for _, s := range v.Stops {
			if s.At < one.started && one.started < s.At+s.For {
				return fmt.Errorf("started at %v, in the pause at %v of %v", one.started, s.At, s.For)
			}
		}
	}
	return v.checkErrors()
}

func (v *visits) checkErrors() error {
	for _, one := range v.Visits {
		switch {
		case one.err == nil:
		case one.Cancel > 0 && errors.Is(one.err, context.Canceled) && one.ended == one.Cancel:
		case one.Deadline > 0 && errors.Is(one.err, context.DeadlineExceeded) && one.ended <= one.Deadline:
		default:
			return fmt.Errorf("visit at %v ended at %v: %w", one.At, one.ended, one.err)
		}
	}
	return nil
}

// checkTimes computes when each visit that started should have: not before those that started earlier were paid for and had
// left the window, and not later, as long as the head of the queue doesn't leave. It needs visits without pauses.
func (v *visits) checkTimes() error {
	started := v.whoStarted()
	for i, one := range started {
		want := one.At
		if i > 0 {
			paid := started[i-1].started + time.Duration(started[i-1].Units)*time.Second/98
			want = max(want, started[i-1].started, paid)
		}
		sum := one.Units
		for j := i - 1; j >= 0; j-- {
			if sum += started[j].Units; sum > 100 {
				want = max(want, started[j].started+time.Second*100/98)
				break
			}
		}
		if late := one.started - want; late < -1000 || late > 1000 && !v.leftBetween(want, one.started) {
			return fmt.Errorf("visit at %v with %d units started at %v instead of %v", one.At, one.Units, one.started, want)
		}
	}
	return nil
}

// leftBetween reports whether a visitor left in that time: those behind may have waited for it.
func (v *visits) leftBetween(from, to time.Duration) bool {
	return slices.ContainsFunc(v.Visits, func(v visit) bool { return v.err != nil && from <= v.ended && v.ended <= to+1000 })
}

// TestRandomWaits waits, cancels, and pauses at random.
func TestRandomWaits(t *testing.T) {
	t.Parallel()
	for stops, also := range map[int]func(*visits) error{
		0: (*visits).checkTimes,
		3: func(*visits) error { return nil },
	} {
		rapid.Check(t, func(r *rapid.T) {
			v := drawVisits(r, stops)
			v.run(t)
			if err := errors.Join(v.check(), also(&v)); err != nil {
				r.Fatal(err)
			}
		})
	}
}
