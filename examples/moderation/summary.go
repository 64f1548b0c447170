package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/f0207b22/rcuser"
)

const maxListed = 10 // failed users that are printed with their errors

// summary is the report that is printed at the end of bulk work.
type summary struct {
	name            string
	expected        int // -1 = unknown
	read            int // ids read
	done            int
	failed, unknown int
	failures        []rcuser.BulkFailure // of them and of those that weren't started
	otherCauses     []error              // causes that concern no single id
	readErr         error
	interrupted     bool
	duration        time.Duration
	journaled       bool
}

func (s *summary) total() int { return max(s.expected, s.read) }

func (s *summary) notStarted() int {
	return s.total() - s.done - s.failed - s.unknown
}

// print writes the summary and returns the error that decides the exit status, nil if every user is done.
func (s *summary) print(w io.Writer) error {
	printf := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	printf("%s: total %d, done %d, failed %d, unknown %d, not started %d, in %s", s.name, s.total(), s.done,
		s.failed, s.unknown, s.notStarted(), s.duration.Round(time.Millisecond))
	s.printFailures(printf, rcuser.BulkFailed, s.failed)
	s.printFailures(printf, rcuser.BulkUnknown, s.unknown)
	for _, cause := range s.otherCauses[:min(3, len(s.otherCauses))] {
		if !s.interrupted || !errors.Is(cause, context.Canceled) {
			printf("cause: %v", cause)
		}
	}
	if s.readErr != nil {
		printf("%v: the ids after that were not read", s.readErr)
	}
	if s.complete() {
		return nil
	}
	if s.journaled {
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
