package rcuser

import (
	"errors"
	"fmt"
	"iter"
)

// Stream makes a stream for [BulkService] of a sequence that can't fail: rcuser.Stream(slices.Values(ids)).
func Stream[T any](seq iter.Seq[T]) iter.Seq2[T, error] {
	if seq == nil {
		return nil
	}
	return func(yield func(T, error) bool) {
		for item := range seq {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// BulkReport counts the ids that were taken from the stream: Total is the sum of Done, Failed, Unknown and NotStarted. An id
// that was given several times is counted each time.
type BulkReport struct {
	Total      int
	Done       int           // confirmed by RC, in this run or, with a journal, in an earlier one
	Failed     int           // refused by RC or by something in between, or not a valid id
	Unknown    int           // sent; it isn't known whether RC applied a call that carried the id
	NotStarted int           // never sent
	Resumed    int           // of Done, those that an earlier run with the journal did
	Failures   []BulkFailure // of Failed, Unknown and NotStarted, the first BulkOptions.KeepFailures, in the stream's order
}

// BulkFailure is an id that isn't done.
type BulkFailure struct {
	UserID   string
	Position int // in the stream, from 0
	State    BulkState
	Err      error // an [*ArgumentError], an [*Error] or, for an id that was never sent, what ended the work
}

// BulkState says how far an id that isn't done has got.
type BulkState int

const (
	// BulkFailed means that RC refused the id, that something in between refused its call, or that it isn't a valid id.
	// It wasn't applied. Of a user's list, some ids were refused, and other changes may have been made.
	BulkFailed BulkState = iota + 1
	// BulkUnknown means that a call that carried the id may have been applied, and none was confirmed later, or that only
	// some changes of the user's list were made.
	BulkUnknown
	// BulkNotStarted means that the id was never sent.
	BulkNotStarted
)

// String returns "failed", "unknown" or "not started".
func (s BulkState) String() string {
	switch s {
	case BulkFailed:
		return "failed"
	case BulkUnknown:
		return "unknown"
	case BulkNotStarted:
		return "not started"
	}
	return fmt.Sprintf("BulkState(%d)", int(s))
}

// BulkResult is the result for one user of bulk work that returns values. The last result may concern no user: its UserID
// is "" and its Err a [*BulkError] that says why the work ended early, or an [*ArgumentError].
type BulkResult[T any] struct {
	UserID string
	Value  T
	Err    error
}

// BulkError is the error of bulk work that isn't complete. errors.Is and errors.As find its causes.
type BulkError struct {
	Work   string // such as "ban 24h0m0s"
	Report BulkReport
	// Causes has what ended the work early, then one error of each kind of failure, at most 16 in all.
	Causes []error
}

// Error returns a text such as "rcuser: unban: 60 of 80 ids done, 20 failed, 0 unknown, 0 not started: " and the first cause.
func (e *BulkError) Error() string {
	r := &e.Report
	text := fmt.Sprintf("rcuser: %s: %d of %d ids done, %d failed, %d unknown, %d not started", e.Work, r.Done, r.Total, r.Failed, r.Unknown, r.NotStarted)
	if len(e.Causes) > 0 {
		text += ": " + e.Causes[0].Error()
	}
	return text
}

// Unwrap returns the causes.
func (e *BulkError) Unwrap() []error { return e.Causes }

// ErrStopped is a cause of a [*BulkError]: as many ids as [BulkOptions.StopAfter] says have failed.
var ErrStopped = errors.New("stopped after BulkOptions.StopAfter failures")
