// Package clock corrects this machine's time by what a server's answers show of its own.
package clock

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// maxSkew is how far this machine's clock may be off before that counts as the reason for a refused signature.
const maxSkew = 4 * time.Minute

// Clock holds the correction of this machine's clock, which is 0 at first. It is safe for concurrent use.
type Clock struct{ correction atomic.Int64 } // nanoseconds

// Correction returns what to add to this machine's time.
func (c *Clock) Correction() time.Duration { return time.Duration(c.correction.Load()) }

// Replace changes the correction, unless it isn't the old one any more.
func (c *Clock) Replace(old, correction time.Duration) {
	c.correction.CompareAndSwap(int64(old), int64(correction))
}

// ServerTime returns the time at which an answer was made. It is the zero time if the answer doesn't say, says a time before
// 1970, or comes from a cache, whose Date is old.
func ServerTime(header http.Header) time.Time {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil || date.Unix() < 0 || header.Get("Age") != "" {
		return time.Time{}
	}
	return date
}

// Wrong reports whether signedAt, the time in a signature that a server refused, is more than 4 minutes off the server's, so
// that a signature with the server's time may be accepted.
func Wrong(signedAt, server time.Time) bool {
	return !server.IsZero() && server.Sub(signedAt).Abs() > maxSkew
}

// Skew returns an error that says how far this machine's clock is off, or nil for 4 minutes or less.
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
