package rcuser

import (
	"context"
	"fmt"
	"math"
	"time"
)

// rateWindow is the time in which as many units may start as RC accepts in a second: 2 % more than a second, because the two
// clocks differ and requests take differently long to reach RC.
const rateWindow = time.Second * 100 / 98

// rateSchedule says when the next attempt of an endpoint may start. RC doesn't document how it counts: even spacing suits
// token buckets, and the units of the last rateWindow suit fixed and sliding windows. An attempt is paid for once the time
// has passed that its units take at the current rate. A rateSchedule isn't safe for concurrent use.
type rateSchedule struct {
	share       float64
	perSecond   int     // units that RC accepts
	perWindow   float64 // units that may start within rateWindow
	level       rateLevel
	started     startLog
	paid        time.Time // when all that started is paid for
	pausedUntil time.Time
	latest      time.Time // of all times that were observed
}

// observe is called before each use. If the clock went back, as it does for a limiter that was first used in a
// testing/synctest bubble, the times of the past say nothing and are forgotten.
func (s *rateSchedule) observe(now time.Time, perSecond int) {
	if now.Before(s.latest) {
		s.started = startLog{}
		s.paid, s.pausedUntil, s.level.loweredAt = time.Time{}, time.Time{}, now
	}
	s.latest = now
	if perSecond > s.perSecond {
		s.perSecond, s.perWindow = perSecond, float64(perSecond)*s.share
		if whole := math.Floor(s.perWindow + 1e-9); whole >= 1 { // 0.29 * 100 is less than 29
			s.perWindow = whole
		}
	}
}

// paidAt returns the earliest time at which an attempt may start, however few units it has.
func (s *rateSchedule) paidAt(now time.Time) time.Time {
	return later(now, later(s.paid, s.pausedUntil))
}

// startTime returns when an attempt with that many units may start.
func (s *rateSchedule) startTime(now time.Time, units int) time.Time {
	return later(s.paidAt(now), s.started.roomFor(now, units, max(1, int(s.perWindow))))
}

func (s *rateSchedule) start(now time.Time, units int) {
	s.started.add(now, units)
	s.paid = now.Add(s.payTime(now, units))
}

// payTime returns how long it takes from now to pay for units while the rate recovers.
func (s *rateSchedule) payTime(now time.Time, units int) time.Duration {
	const step = time.Second // in which the level is taken for constant
	var took time.Duration
	rest := s.fullRateTime(units)
	for {
		level := s.level.at(now.Add(took))
		if paid := time.Duration(level * float64(step)); level < 1 && rest > paid {
			rest, took = rest-paid, took+step
			continue
		}
		return took + nanoseconds(float64(rest)/level)
	}
}

// fullRateTime returns how long it takes to pay for units at the full rate.
func (s *rateSchedule) fullRateTime(units int) time.Duration {
	return nanoseconds(float64(units) * float64(rateWindow) / s.perWindow)
}

// pause delays the next attempt for d at least, and lowers the rate. What has started is paid for as before.
func (s *rateSchedule) pause(now time.Time, d time.Duration) {
	s.pausedUntil = later(s.pausedUntil, now.Add(d))
	s.level.lower(now)
}

// errTooLate is the error for a deadline that passes before an attempt may start.
func (s *rateSchedule) errTooLate(now time.Time) error {
	if wait := s.pausedUntil.Sub(now); wait > 0 {
		return fmt.Errorf("RC's rate limit asks to wait %v: %w", wait, context.DeadlineExceeded)
	}
	return fmt.Errorf("the wait for one of %d a second would be too long: %w", s.perSecond, context.DeadlineExceeded)
}

// nanoseconds rounds up, and limits what a tiny share makes too long.
func nanoseconds(d float64) time.Duration { return time.Duration(math.Ceil(min(d, 1<<62))) }

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// The level is lowered when RC refuses a call. It then follows a cubic curve, as the congestion window of TCP CUBIC does
// (RFC 9438): back to the level that RC refused, ever more slowly, and beyond it, ever faster. The numbers come from
// simulations of eight clients that begin at once: after 20 s RC refuses about 0.4 % of their calls, and they use 93 % of
// the rate or more. A client that is alone again with an eighth of the rate has all of it after 2 minutes.
const (
	lowerFactor   = 0.8
	lowerInterval = time.Second // at least, between two times: calls in flight are refused for the same reason
	soonFactor    = 0.5         // within soonInterval of the last time: the level is far too high
	soonInterval  = 5 * time.Second
	minLevel      = 0.02
	levelCurve    = 1.2e-6 // per s³
)

// rateLevel is the part of the full rate that is used. The zero value is 1.
type rateLevel struct {
	loweredAt time.Time
	refused   float64 // the level at which RC refused a call; 0: it never did
	plateau   float64 // seconds after loweredAt at which that level is reached again
}

func (l *rateLevel) at(now time.Time) float64 {
	if l.refused == 0 {
		return 1
	}
	t := now.Sub(l.loweredAt).Seconds() - l.plateau
	return min(1, l.refused+levelCurve*t*t*t)
}

// lower lowers the level, unless that was done less than lowerInterval ago.
func (l *rateLevel) lower(now time.Time) {
	level, factor := l.at(now), lowerFactor
	if l.refused > 0 {
		switch since := now.Sub(l.loweredAt); {
		case since < lowerInterval:
			return
		case since < soonInterval:
			factor = soonFactor
		}
	}
	lowered := max(minLevel, level*factor)
	*l = rateLevel{loweredAt: now, refused: level, plateau: math.Cbrt((level - lowered) / levelCurve)}
}

// startLog holds the attempts that started within the last rateWindow, oldest first. Those that start within a millisecond
// are one entry, which limits the size of the log and is within the 2 %.
type startLog struct {
	starts []attemptStart // from first on
	first  int
	units  int // of these
}

type attemptStart struct {
	at    time.Time
	units int
}

func (l *startLog) add(now time.Time, units int) {
	l.units += units
	if n := len(l.starts); n > l.first && now.Sub(l.starts[n-1].at) < time.Millisecond {
		l.starts[n-1].units += units
		return
	}
	if len(l.starts) == cap(l.starts) && l.first > len(l.starts)/2 {
		l.starts = l.starts[:copy(l.starts, l.starts[l.first:])]
		l.first = 0
	}
	l.starts = append(l.starts, attemptStart{now, units})
}

// roomFor returns when as many more units are within limit. More than limit count as limit.
func (l *startLog) roomFor(now time.Time, units, limit int) time.Time {
	l.forget(now)
	excess := l.units + min(units, limit) - limit
	at := now
	for i := l.first; excess > 0; i++ {
		excess -= l.starts[i].units
		at = l.starts[i].at.Add(rateWindow)
	}
	return at
}

// forget drops the attempts that started rateWindow ago or earlier.
func (l *startLog) forget(now time.Time) {
	for l.first < len(l.starts) && now.Sub(l.starts[l.first].at) >= rateWindow {
		l.units -= l.starts[l.first].units
		l.first++
	}
	if l.first == len(l.starts) {
		l.starts, l.first = l.starts[:0], 0
	}
}
