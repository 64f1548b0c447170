package failover_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/internal/failover"
)

const (
	primary = 0
	backup  = 1
)

// onBackup returns hosts that have just switched.
func onBackup(t *testing.T) *failover.Hosts {
	t.Helper()
	h := failover.New(2)
	require.True(t, h.Failed(h.Pick(true)))
	require.Equal(t, backup, h.Pick(true).Index)
	return h
}

// picks counts how many of many goroutines are sent to the primary.
func picks(h *failover.Hosts, goroutines int) int {
	var toPrimary atomic.Int32
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() {
			if h.Pick(true).Index == primary {
				toPrimary.Add(1)
			}
		})
	}
	group.Wait()
	return int(toPrimary.Load())
}

func TestBurstSwitchesOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := failover.New(2)
		var switches atomic.Int32
		var group sync.WaitGroup
		choices := make([]failover.Choice, 1000)
		for i := range choices {
			choices[i] = h.Pick(true)
		}
		for i, choice := range choices {
			group.Go(func() {
				time.Sleep(time.Duration(i/100) * 6 * time.Second) // they fail within a minute
				if h.Failed(choice) {
					switches.Add(1)
				}
			})
		}
		group.Wait()
		require.EqualValues(t, 1, switches.Load())
		require.Equal(t, backup, h.Pick(true).Index)
	})
}

// TestBurstThatPicksAgain has every failure followed by a further attempt, as calls do.
func TestBurstThatPicksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := failover.New(2)
		var switches atomic.Int32
		var group sync.WaitGroup
		for range 1000 {
			group.Go(func() {
				for choice, n := h.Pick(true), 0; n < 3; choice, n = h.Other(choice), n+1 {
					if h.Failed(choice) {
						switches.Add(1)
					}
				}
			})
		}
		group.Wait()
		require.EqualValues(t, 1, switches.Load())
	})
}

func TestAtMostOneSwitchIn30Seconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := onBackup(t)
		time.Sleep(30*time.Second - 1)
		require.False(t, h.Failed(h.Pick(true)))
		require.Equal(t, backup, h.Pick(true).Index)
		time.Sleep(time.Nanosecond)
		require.True(t, h.Failed(h.Pick(true)))
		require.Equal(t, primary, h.Pick(true).Index)
		time.Sleep(29 * time.Second)
		require.False(t, h.Failed(h.Pick(true)), "the time counts from the last switch")
		time.Sleep(time.Second)
		require.True(t, h.Failed(h.Pick(true)))
		require.Equal(t, backup, h.Pick(true).Index)
	})
}

// TestFailureUnderAnEarlierPreference has an attempt outlast two switches.
func TestFailureUnderAnEarlierPreference(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := failover.New(2)
		slow := h.Pick(true)
		require.True(t, h.Failed(h.Pick(true)))
		time.Sleep(time.Minute)
		require.True(t, h.Failed(h.Pick(true)))
		time.Sleep(time.Minute)
		require.Equal(t, primary, h.Pick(true).Index)
		require.False(t, h.Failed(slow))
		require.Equal(t, primary, h.Pick(true).Index)
		require.True(t, h.Failed(h.Pick(true)))
	})
}

func TestOtherHostsFailureSaysNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := failover.New(2)
		other := h.Other(h.Pick(true))
		require.Equal(t, backup, other.Index)
		require.False(t, h.Failed(other))
		require.Equal(t, primary, h.Pick(true).Index)
		require.Equal(t, primary, h.Other(other).Index)
		require.Equal(t, backup, h.Again(other).Index)
		h.Succeeded(other)
		h.Abandoned(other)
		require.Equal(t, primary, h.Pick(true).Index)
	})
}

func TestOneHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := failover.New(1)
		for range 5 {
			choice := h.Pick(true)
			require.Equal(t, primary, choice.Index)
			require.Equal(t, primary, h.Other(choice).Index)
			require.False(t, h.Failed(choice))
			time.Sleep(5 * time.Minute)
		}
	})
}

func TestOneProbeAfter5Minutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := onBackup(t)
		time.Sleep(5*time.Minute - 1)
		require.Zero(t, picks(h, 1000))
		time.Sleep(time.Nanosecond)
		require.Equal(t, 1, picks(h, 1000))
		time.Sleep(time.Minute)
		require.Zero(t, picks(h, 1000), "it is still under way")
	})
}

func TestProbeSucceeds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := onBackup(t)
		time.Sleep(5 * time.Minute)
		probe := h.Pick(true)
		require.Equal(t, backup, h.Pick(true).Index)
		h.Succeeded(probe)
		require.Equal(t, 1000, picks(h, 1000))
		time.Sleep(30*time.Second - 1)
		require.False(t, h.Failed(h.Pick(true)), "the return is a switch too")
		time.Sleep(time.Nanosecond)
		require.True(t, h.Failed(h.Pick(true)))
		time.Sleep(5*time.Minute - 1)
		require.Equal(t, backup, h.Pick(true).Index)
		time.Sleep(time.Nanosecond)
		require.Equal(t, primary, h.Pick(true).Index, "the next probe")
	})
}

func TestProbeFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := onBackup(t)
		for range 3 {
			time.Sleep(5*time.Minute - 1)
			require.Zero(t, picks(h, 100))
			time.Sleep(time.Nanosecond)
			probe := h.Pick(true)
			require.Equal(t, primary, probe.Index)
			require.False(t, h.Failed(probe))
			require.Equal(t, backup, h.Other(probe).Index)
			require.Zero(t, picks(h, 100))
		}
	})
}

func TestProbeAbandoned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := onBackup(t)
		time.Sleep(5 * time.Minute)
		probe := h.Pick(true)
		time.Sleep(time.Second)
		h.Abandoned(probe)
		time.Sleep(10*time.Second - 1)
		require.Zero(t, picks(h, 100))
		time.Sleep(time.Nanosecond)
		require.Equal(t, 1, picks(h, 100), "another takes its place")
	})
}

// TestNextAttemptIsNoProbe has a call go on after its probe; that must not count as one more.
func TestNextAttemptIsNoProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := onBackup(t)
		time.Sleep(5 * time.Minute)
		probe := h.Pick(true)
		for _, next := range []failover.Choice{h.Again(probe), h.Other(h.Other(probe))} {
			require.Equal(t, primary, next.Index)
			h.Succeeded(next)
			h.Abandoned(next)
			require.False(t, h.Failed(next))
			require.Zero(t, picks(h, 100))
		}
		h.Succeeded(probe)
		require.Equal(t, 100, picks(h, 100))
	})
}

// TestBackupFailsDuringAProbe switches back before the probe has ended.
func TestBackupFailsDuringAProbe(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*failover.Hosts, failover.Choice){
		"succeeds":  (*failover.Hosts).Succeeded,
		"abandoned": (*failover.Hosts).Abandoned,
		"fails":     func(h *failover.Hosts, c failover.Choice) { h.Failed(c) },
	} {
		synctest.Test(t, func(t *testing.T) {
			h := onBackup(t)
			time.Sleep(5 * time.Minute)
			probe := h.Pick(true)
			require.True(t, h.Failed(h.Pick(true)))
			end(h, probe)
			require.Equal(t, primary, h.Pick(true).Index, name)
			time.Sleep(30 * time.Second)
			require.True(t, h.Failed(h.Pick(true)), name)
			time.Sleep(5*time.Minute - 1)
			require.Zero(t, picks(h, 100), name)
			time.Sleep(time.Nanosecond)
			require.Equal(t, 1, picks(h, 100), name)
		})
	}
}

// TestProbeThatNeverEnds has a caller's code panic during the probe: nothing is reported of it.
func TestProbeThatNeverEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := onBackup(t)
		time.Sleep(5 * time.Minute)
		require.Equal(t, 1, picks(h, 100))
		time.Sleep(time.Hour)
		require.Equal(t, 1, picks(h, 100))
	})
}

// TestOnlyCallsThatMayProbeDo leaves the probe to a later call.
func TestOnlyCallsThatMayProbeDo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := onBackup(t)
		time.Sleep(time.Hour)
		require.Equal(t, backup, h.Pick(false).Index)
		require.Equal(t, primary, h.Pick(true).Index)
		require.Equal(t, backup, h.Pick(true).Index)
	})
}

// TestAgain chooses the preferred host only after a switch.
func TestAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := failover.New(2)
		choice := h.Pick(true)
		require.Equal(t, primary, h.Again(choice).Index)
		require.True(t, h.Failed(h.Pick(true)))
		again := h.Again(choice)
		require.Equal(t, backup, again.Index)
		require.Equal(t, backup, h.Again(again).Index)
		require.Equal(t, primary, h.Again(h.Other(again)).Index, "no switch since")
		time.Sleep(time.Minute)
		require.True(t, h.Failed(again), "the choice belongs to the new preference")
	})
}

func TestFailedLately(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := failover.New(2)
		choice := h.Pick(true)
		lately := func() [2]bool { return [2]bool{h.FailedLately(primary), h.FailedLately(backup)} }
		require.Equal(t, [2]bool{}, lately())
		h.Failed(choice)
		require.Equal(t, [2]bool{true, false}, lately())
		h.Failed(h.Other(choice))
		require.Equal(t, [2]bool{true, true}, lately())
		h.Abandoned(choice)
		require.Equal(t, [2]bool{true, true}, lately())
		h.Succeeded(choice)
		require.Equal(t, [2]bool{false, true}, lately())
		time.Sleep(30*time.Second - 1)
		require.Equal(t, [2]bool{false, true}, lately())
		time.Sleep(time.Nanosecond)
		require.Equal(t, [2]bool{}, lately())
	})
}
