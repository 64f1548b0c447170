package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/f0207b22/rcuser"
)

// summary is the report that is printed at the end of bulk work.
type summary struct {
	name            string
	total           int
	done            int
	failed, unknown int
	failures        []rcuser.BulkFailure // of them and of those that weren't started
	otherCauses     []error              // causes that concern no single user
	readErr         error
	interrupted     bool
	duration        time.Duration
	resumable       bool
	resumed         string // what it means that an earlier run did users; "" = none did
	over            bool   // what the earlier run did has ended since
}

// newSummary keeps only those causes of err that are neither the errors of single users nor of the input: a journal that
// can't be written, for example.
func newSummary(name string, report rcuser.BulkReport, err error, from *records) *summary {
	s := &summary{
		name: name, total: max(from.count, report.Total), done: report.Done, failed: report.Failed, unknown: report.Unknown,
		failures: report.Failures, readErr: from.readErr, interrupted: from.interrupted,
	}
	bulk, ok := errors.AsType[*rcuser.BulkError](err)
	if !ok {
		if err != nil {
			s.otherCauses = []error{err}
		}
		return s
	}
	ofUsers := map[string]bool{}
	for _, f := range report.Failures {
		if f.State != rcuser.BulkNotStarted {
			ofUsers[f.Err.Error()] = true
		}
	}
	for _, cause := range bulk.Causes {
		if !ofUsers[cause.Error()] && (from.readErr == nil || !errors.Is(cause, from.readErr)) {
			s.otherCauses = append(s.otherCauses, cause)
		}
	}
	return s
}

func (s *summary) notStarted() int { return s.total - s.done - s.failed - s.unknown }

// print writes the summary and returns the error that decides the exit status, nil if every user is done.
func (s *summary) print(w io.Writer) error {
	printf := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	printf("%s: total %d, done %d, failed %d, unknown %d, not started %d, in %s", s.name, s.total, s.done,
		s.failed, s.unknown, s.notStarted(), s.duration.Round(time.Millisecond))
	s.printFailures(printf, rcuser.BulkFailed, s.failed)
	s.printFailures(printf, rcuser.BulkUnknown, s.unknown)
	for _, cause := range s.otherCauses[:min(3, len(s.otherCauses))] {
		if !s.interrupted || !errors.Is(cause, context.Canceled) {
			printf("cause: %v", cause)
		}
	}
	if s.readErr != nil {
		printf("%v: the users after that were not read", s.readErr)
	}
	if s.resumed != "" {
		printf("%s", s.resumed)
	}
	return s.outcome(printf)
}

func (s *summary) outcome(printf func(string, ...any)) error {
	complete := s.complete()
	switch {
	case complete && !s.over:
		return nil
	case !complete && s.resumable:
		printf("Run the same command again to do the rest.")
	}
	if s.interrupted {
		return context.Canceled
	}
	return errReported
}

func (s *summary) complete() bool {
	return s.notStarted() == 0 && s.failed+s.unknown+len(s.otherCauses) == 0 && s.readErr == nil && !s.interrupted
}

// printFailures prints the first of the n failures of a state.
func (s *summary) printFailures(printf func(string, ...any), state rcuser.BulkState, n int) {
	printed := 0
	for _, f := range s.failures {
		if f.State == state && printed < maxListed {
			printf("  %v: %q: %v", state, f.UserID, f.Err)
			printed++
		}
	}
	if more := n - printed; more > 0 {
		printf("  %v: %d more", state, more)
	}
}
