package rcuser

import (
	"errors"
	"time"
)

const (
	defaultMaxOutage = 10 * time.Minute
	firstProbeWait   = time.Second
	maxProbeWait     = 30 * time.Second
)

// outage is the time since RC stopped answering. While it lasts, one call at a time is made, to see whether RC answers again.
type outage struct {
	limit time.Duration // BulkOptions.MaxOutage with its default
	since time.Time     // zero: there is none
	wait  time.Duration // before the next call
	probe time.Time     // when the next call may begin
	err   error         // of the last call that wasn't answered
}

func newOutage(limit time.Duration) outage {
	if limit == 0 {
		limit = defaultMaxOutage
	}
	return outage{limit: limit}
}

func (o *outage) active() bool { return !o.since.IsZero() }

// failed is for a call that wasn't answered. It begins an outage or, after a probe, sets the time of the next.
func (o *outage) failed(now time.Time, err error, probed bool) {
	o.err = err
	switch {
	case !o.active():
		o.since, o.wait = now, firstProbeWait
	case probed:
		o.wait = min(2*o.wait, maxProbeWait)
	default:
		return // launched before the outage began
	}
	o.probe = now.Add(max(o.wait, min(askedWait(err), maxProbeWait)))
}

// askedWait returns the Retry-After of the answer that the error describes.
func askedWait(err error) time.Duration {
	if failure, ok := errors.AsType[*Error](err); ok {
		return failure.RetryAfter
	}
	return 0
}

func (o *outage) over() { o.since = time.Time{} }

// end returns when the work ends if RC hasn't answered by then.
func (o *outage) end() time.Time { return o.since.Add(max(o.limit, 0)) }

// nextEvent returns when the next call may begin or, if that time has come, when the work ends.
func (o *outage) nextEvent(now time.Time) time.Time {
	if o.probe.After(now) && o.probe.Before(o.end()) {
		return o.probe
	}
	return o.end()
}
