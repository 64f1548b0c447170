package rctest

import "time"

// window holds what was spent within the last second. It slides, which no client can be lucky with: a second that
// starts at a fixed time lets twice the rate pass around its edge.
type window struct {
	spent []spending // oldest first
	sum   int
}

type spending struct {
	at    time.Time
	units int
}

// take spends units unless that makes more than most within a second.
func (w *window) take(now time.Time, units, most int) bool {
	for len(w.spent) > 0 && now.Sub(w.spent[0].at) >= time.Second {
		w.sum -= w.spent[0].units
		w.spent = w.spent[1:]
	}
	if w.sum+units > most {
		return false
	}
	w.spent = append(w.spent, spending{now, units})
	w.sum += units
	return true
}

func (e *endpoint) spend(in *received) *refusal {
	units, counted := 1, "calls"
	if e.perID {
		units, counted = in.idCount(), "ids"
	}
	if !e.window.take(in.at, units, e.rate) {
		return refuse(codeRateLimited, "more than %d %s a second", e.rate, counted)
	}
	return nil
}
