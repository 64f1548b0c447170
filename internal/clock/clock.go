// Package clock keeps this machine's time, corrected by what a server's answers show of its own.
package clock

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// maxSkew is how far this machine's clock may be off before it is taken for the reason of a refused signature.
const maxSkew = 4 * time.Minute

// Clock is this machine's clock and a correction, which is 0 at first. It is safe for concurrent use.
type Clock struct{ offset atomic.Int64 } // nanoseconds

// Correct returns the corrected time for a time of this machine's clock.
func (c *Clock) Correct(t time.Time) time.Time { return t.Add(time.Duration(c.offset.Load())) }

// ServerTime returns the time at which an answer was made. It is the zero time if the answer doesn't say, or comes from
// a cache, whose Date is old.
func ServerTime(header http.Header) time.Time {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil || header.Get("Age") != "" {
		return time.Time{}
	}
	return date
}

// Wrong reports whether a signature that a server refused was made with a time that is far from the server's, so that
// another with the right time may be accepted. The correction that it was made with may have been wrong too.
func Wrong(signedAt, server time.Time) bool {
	return !server.IsZero() && server.Sub(signedAt).Abs() > maxSkew
}

// Set makes the corrected time that of the server.
func (c *Clock) Set(server time.Time) { c.offset.Store(int64(time.Until(server))) }

// Skew returns an error that says how far this machine's clock is off, or nil if that isn't much.
func Skew(server time.Time) error {
	ahead := time.Since(server)
	if server.IsZero() || ahead.Abs() <= maxSkew {
		return nil
	}
	direction := "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	return fmt.Errorf("this machine's clock is %v %s RC's", ahead.Abs().Round(time.Second), direction)
}
