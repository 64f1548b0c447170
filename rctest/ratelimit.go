package rctest

import (
	"strings"
	"time"
)

// window counts the units used within the last second. It is a sliding window: a fixed one would let twice the rate
// pass around its boundary.
type window struct {
	uses []use // oldest first
	sum  int
}

type use struct {
	at    time.Time
	units int
}

// take adds units, or returns false if that makes more than limit within a second.
func (w *window) take(now time.Time, units, limit int) bool {
	for len(w.uses) > 0 && now.Sub(w.uses[0].at) >= time.Second {
		w.sum -= w.uses[0].units
		w.uses = w.uses[1:]
	}
	if w.sum+units > limit {
		return false
	}
	w.uses = append(w.uses, use{now, units})
	w.sum += units
	return true
}

func (s *state) checkRate(in *received) *refusal {
	e, units, unit := in.endpoint, 1, "calls"
	if e.perID {
		units, unit = in.joinedIDCount(), "ids"
	}
	used := s.windows[e]
	if used == nil {
		used = new(window)
		s.windows[e] = used
	}
	if !used.take(in.at, units, e.rate) {
		return refuse(codeRateLimited, "more than %d %s a second", e.rate, unit)
	}
	return nil
}

// joinedIDCount returns the number of ids in userId, joined or repeated, at most maxJoinedIDs: a call with more ids must be
// refused for that and not for its rate.
func (in *received) joinedIDCount() int {
	count := 0
	for _, value := range in.form["userId"] {
		count += 1 + strings.Count(value, ",")
	}
	return min(max(count, 1), maxJoinedIDs)
}
