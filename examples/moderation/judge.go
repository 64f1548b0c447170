package main

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
)

// maxListed is how many lines, or users, a message lists with what is wrong with them.
const maxListed = 10

// maxRemembered is how many different records are remembered in order to notice repeated ones.
const maxRemembered = 1 << 20

// inputError says that the input is refused, and why. Nothing was sent.
type inputError struct{ error }

func (e inputError) Unwrap() error { return e.error }

func newInputError(format string, args ...any) error { return inputError{fmt.Errorf(format, args...)} }

// judge decides whether an input can be used. It sees all lines before anything is sent, counts what is wrong, and keeps the
// records of the others.
type judge struct {
	name   string                                                                // of the input, for messages
	unit   string                                                                // "line" or "argument"
	detect func(first string) (format inputFormat, consumed bool, advice string) // by the first line that holds something
	refuse func(record string) string                                            // what else is wrong with a record; may be nil

	format   inputFormat
	records  *spool
	problems int
	listed   []string // the first maxListed problems
	repeated int      // records that occurred before; not all of them after maxRemembered different ones
	seen     map[uint64]struct{}
	seed     maphash.Seed
}

func newJudge(name string) *judge {
	return &judge{name: name, unit: "line", detect: detect, records: newSpool(), seen: map[uint64]struct{}{}, seed: maphash.MakeSeed()}
}

// line judges a line. An error ends the judgement: no further line can change it, or the record can't be kept.
func (j *judge) line(l line) error {
	if j.format == nil {
		first := strings.Trim(l.text, " ")
		if isNothing(first) {
			return nil
		}
		format, consumed, advice := j.detect(first)
		if advice != "" {
			return newInputError("%s: %s %d: %s\nNothing was sent.", j.name, j.unit, l.number, advice)
		}
		j.format = format
		if consumed {
			return nil
		}
	}
	record, problem := j.format.parse(l.text)
	switch {
	case l.cut:
		problem = tooLong
	case problem == "" && record == "":
		return nil
	case problem == "" && j.refuse != nil:
		problem = j.refuse(record)
	}
	if problem != "" {
		j.addProblem(l, problem)
	}
	if j.problems > 0 {
		return nil // what is kept won't be sent
	}
	j.countRepeat(record)
	return j.records.add(record)
}

func (j *judge) addProblem(l line, problem string) {
	j.problems++
	if len(j.listed) < maxListed {
		j.listed = append(j.listed, fmt.Sprintf("%s: %s %d: %s %s", j.name, j.unit, l.number, shorten(l.text), problem))
	}
}

// shorten quotes a text, so that nothing in it can act on a terminal.
func shorten(text string) string {
	if len(text) > 80 {
		return fmt.Sprintf("%q...", text[:80])
	}
	return fmt.Sprintf("%q", text)
}

func (j *judge) countRepeat(record string) {
	hash := maphash.String(j.seed, record)
	if _, ok := j.seen[hash]; ok {
		j.repeated++
	} else if len(j.seen) < maxRemembered {
		j.seen[hash] = struct{}{}
	}
}

// verdict returns an inputError that lists the problems, if there are any.
func (j *judge) verdict() error {
	j.seen = nil
	if j.format != nil {
		if problem := j.format.end(); problem != "" {
			j.problems++
			j.listed = append(j.listed, j.name+": "+problem)
		}
	}
	if j.problems == 0 {
		return nil
	}
	if more := j.problems - len(j.listed); more > 0 {
		j.listed = append(j.listed, fmt.Sprintf("%s: and %d more", j.name, more))
	}
	return inputError{errors.New(strings.Join(j.listed, "\n") + fmt.Sprintf("\nNothing was sent: %s.", countOf(j.problems, "problem")))}
}
