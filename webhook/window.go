package webhook

import (
	"fmt"
	"time"

	"github.com/f0207b22/rcuser"
)

// Window limits how far the signing time of a request may be from now. The zero value means the defaults.
type Window struct {
	// Past is the maximum age of a request; 0 = 10 minutes, because RC may deliver 5 minutes late and may repeat a request
	// with its old signature.
	Past time.Duration
	// Future is how far the signing time may be ahead of this machine's clock; 0 = 5 minutes.
	Future time.Duration
}

// Unlimited turns off one side of a [Window]. Without a limit for the past, anyone who has seen a request can send it
// again later: the [ReplayGuard] of a [Handler] then remembers requests for 24 hours.
const Unlimited time.Duration = -1

const (
	defaultPast   = 10 * time.Minute
	defaultFuture = 5 * time.Minute
)

func (w Window) withDefaults() Window {
	if w.Past == 0 {
		w.Past = defaultPast
	}
	if w.Future == 0 {
		w.Future = defaultFuture
	}
	return w
}

func (w Window) check(name string) error {
	if w.Past < Unlimited {
		return &rcuser.ArgumentError{Name: name + ".Past", Reason: fmt.Sprintf("%v is negative", w.Past)}
	}
	if w.Future < Unlimited {
		return &rcuser.ArgumentError{Name: name + ".Future", Reason: fmt.Sprintf("%v is negative", w.Future)}
	}
	return nil
}

// checkTime returns an error for a signing time outside the window. Both limits are inclusive.
func (w Window) checkTime(signedAt, now time.Time) error {
	age := now.Sub(signedAt)
	switch {
	case w.Past != Unlimited && age > w.Past:
		return &Error{Reason: ErrStale, Detail: fmt.Sprintf("signed %v ago, at most %v are allowed", age, w.Past)}
	case w.Future != Unlimited && -age > w.Future:
		return &Error{Reason: ErrFuture, Detail: fmt.Sprintf("signed %v ahead of now, at most %v are allowed", -age, w.Future)}
	}
	return nil
}

// unlimitedRetention is how long the guard remembers a signature that never expires.
const unlimitedRetention = 24 * time.Hour

// retainUntil returns how long the guard must remember a request: until its signature expires, plus a minute because the
// time is checked before the guard is asked.
func (w Window) retainUntil(signedAt time.Time) time.Time {
	if w.Past == Unlimited {
		return time.Now().Add(unlimitedRetention)
	}
	return signedAt.Add(w.Past).Add(time.Minute) // added one by one, as w.Past + time.Minute can overflow
}
