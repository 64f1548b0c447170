package rcuser

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// maxSkew is how far this machine's clock may be off before it is taken for the reason of a refused signature.
const maxSkew = 4 * time.Minute

// clock is this machine's, corrected by how far RC's answers show it to be off.
type clock struct{ offset atomic.Int64 } // nanoseconds

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// learn takes RC's time from an answer that refused a signature. It returns how far this machine's clock is off, nil
// if that isn't much, and whether a signature made anew would have another time: the correction that the refused one
// was made with may itself have been wrong, as clocks get mended.
func (c *clock) learn(signedAt time.Time, header http.Header) (off *clockError, again bool) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil || header.Get("Age") != "" { // a cache's answer tells an old time
		return nil, false
	}
	if again = date.Sub(signedAt).Abs() > maxSkew; again {
		c.offset.Store(int64(time.Until(date)))
	}
	if ahead := time.Since(date); ahead.Abs() > maxSkew {
		off = &clockError{ahead}
	}
	return off, again
}

type clockError struct{ ahead time.Duration }

func (e *clockError) Error() string {
	direction := "ahead of"
	if e.ahead < 0 {
		direction = "behind"
	}
	return fmt.Sprintf("this machine's clock is %v %s RC's", e.ahead.Abs().Round(time.Second), direction)
}
