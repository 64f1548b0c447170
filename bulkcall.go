package rcuser

import "errors"

// bulkCall is a call that bulk work has to make, and what is known from the times it was made before.
type bulkCall[I any] struct {
	item  I
	next  *bulkCall[I] // follows when this one has ended: the other half of a batch that was split
	trial bool         // its batch is split to find out whether any id can succeed
	began int          // how many calls RC had answered when it was launched

	callHistory
	unanswered int // how often it wasn't answered, though other calls succeeded in between
	succeeded  int // how many others had succeeded the last time
}

// callHistory is the result of all calls so far that carried the same ids. The zero value means that there were none.
type callHistory struct {
	err     error // of the last call
	unknown bool  // a call may have been applied
	refused bool  // a call was refused
}

// failed adds the error of a call.
func (c *callHistory) failed(err error) {
	c.err = err
	failure, ok := errors.AsType[*Error](err)
	changes, isList := errors.AsType[*BulkError](err)
	switch {
	case isList && changes.Report.Done > 0 && changes.Report.Failed == 0: // the list was changed in part
		c.unknown = true
	case !ok: // an invalid argument
		c.refused = true
	case failure.Outcome == Unknown:
		c.unknown = true
	case failure.StatusCode != 0:
		c.refused = true
	}
}

func (c *callHistory) state() BulkState {
	switch {
	case c.unknown:
		return BulkUnknown
	case c.refused:
		return BulkFailed
	}
	return BulkNotStarted
}

// failure returns why the call failed. stop is why the work ended, for a call that wasn't made.
func (c *callHistory) failure(stop error) error {
	switch failure, ok := c.err.(*Error); { //nolint:errorlint // a wrapped error is left as it is
	case c.err == nil:
		return stop
	case ok && c.unknown && failure.Outcome != Unknown: // an earlier call may have been applied
		known := *failure
		known.Outcome = Unknown
		return &known
	}
	return c.err
}

// maxUnanswered is how often a call may go unanswered while others succeed. After that the reason must lie in its ids.
const maxUnanswered = 3

// countUnanswered counts that the call wasn't answered. succeeded is how many others have succeeded so far.
func (c *bulkCall[I]) countUnanswered(succeeded int) {
	if failure, ok := errors.AsType[*Error](c.err); ok && failure.Code == ErrRateLimited {
		return // the others used the rate
	}
	if c.unanswered == 0 || succeeded > c.succeeded {
		c.unanswered++
	}
	c.succeeded = succeeded
}
