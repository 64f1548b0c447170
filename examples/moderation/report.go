package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/f0207b22/rcuser"
)

const listed = 10 // failures that are printed with their reasons

// outcome is what is told about many users in the end.
type outcome struct {
	name            string
	expected        int // -1 = unknown
	taken           int // ids read
	done            int
	failed, unknown []rcuser.BulkFailure
	others          []error // causes that aren't those of certain ids
	readErr         error
	interrupted     bool
	took            time.Duration
	journaled       bool
}

func (o *outcome) missed() int {
	return max(o.expected, o.taken) - o.done - len(o.failed) - len(o.unknown)
}

// print writes the report and returns the error that the exit status is made of.
func (o *outcome) print(w io.Writer) error {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	say("%s: total %d, done %d, failed %d, unknown %d, not started %d, in %s", o.name, max(o.expected, o.taken), o.done,
		len(o.failed), len(o.unknown), o.missed(), o.took.Round(time.Millisecond))
	sayFailures(say, "failed", o.failed)
	sayFailures(say, "unknown", o.unknown)
	for _, cause := range o.others[:min(3, len(o.others))] {
		if !o.interrupted || !errors.Is(cause, context.Canceled) {
			say("cause: %v", cause)
		}
	}
	if o.readErr != nil {
		say("%v: users after that were not seen", o.readErr)
	}
	if o.complete() {
		return nil
	}
	if o.journaled {
		say("The same command does the rest.")
	}
	if o.interrupted {
		return context.Canceled
	}
	return errReported
}

func (o *outcome) complete() bool {
	return o.missed() == 0 && len(o.failed)+len(o.unknown)+len(o.others) == 0 && o.readErr == nil && !o.interrupted
}

func sayFailures(say func(string, ...any), what string, failures []rcuser.BulkFailure) {
	for _, f := range failures[:min(listed, len(failures))] {
		say("  %s: %q: %v", what, f.UserID, f.Err)
	}
	if more := len(failures) - listed; more > 0 {
		say("  %s: and %d more", what, more)
	}
}
