package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// source is a stream of user ids.
type source struct {
	lines    iter.Seq2[string, error] // ends with the first error
	count    int                      // -1 = unknown
	checksum string                   // of all ids in order; "" if they can be read only once

	err         error // the read error that ended the ids early
	interrupted bool  // the context ended before the ids did
}

// source returns the ids that a command works on: its arguments, a file, standard input or, with the fake, all its users.
func (a *app) source(cmd *cobra.Command, file string, args []string) (*source, error) {
	switch {
	case file != "" && len(args) > 0:
		return nil, newUsageError("give ids either as arguments or with --file, not both")
	case len(args) > 0:
		return rereadable(withoutErrors(slices.Values(args)))
	case file == "-":
		return &source{lines: interruptible(cmd.Context(), readLines(cmd.InOrStdin())), count: -1}, nil
	case file != "":
		return openSource(cmd.Context(), file)
	case a.fake:
		return rereadable(withoutErrors(fakeIDs(1, fakeUsers)))
	}
	return nil, newUsageError("--file is required; - is standard input")
}

func openSource(ctx context.Context, path string) (*source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	lines := func(yield func(string, error) bool) {
		file, err := os.Open(path) //nolint:gosec // the user chooses the path
		if err != nil {
			yield("", err)
			return
		}
		defer func() { _ = file.Close() }()
		readLines(file)(yield)
	}
	if !info.Mode().IsRegular() {
		return &source{lines: interruptible(ctx, lines), count: -1}, nil
	}
	return rereadable(lines)
}

// rereadable reads all ids once, to count them and to compute their checksum.
func rereadable(lines iter.Seq2[string, error]) (*source, error) {
	s := &source{lines: lines}
	hash := sha256.New()
	for id, err := range lines {
		if err != nil {
			return nil, err
		}
		s.count++
		_, _ = fmt.Fprintf(hash, "%q\n", id)
	}
	s.checksum = fmt.Sprintf("%x", hash.Sum(nil)[:8])
	return s, nil
}

// ids streams the ids until ctx ends. If it ended early, err or interrupted says why.
func (s *source) ids(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for id, err := range s.lines {
			switch {
			case ctx.Err() != nil:
				s.interrupted = true
				return
			case err != nil:
				s.err = fmt.Errorf("reading ids: %w", err)
				yield("", s.err)
				return
			case !yield(id, nil):
				return
			}
		}
	}
}

// readLines yields the lines, without surrounding spaces, that aren't blank and don't begin with #.
func readLines(r io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		scanner := bufio.NewScanner(r)
		for scanner.Scan() {
			line := strings.TrimSpace(strings.TrimPrefix(scanner.Text(), "\ufeff"))
			if line == "" || line[0] == '#' {
				continue
			}
			if !yield(line, nil) {
				return
			}
		}
		if err := scanner.Err(); err != nil {
			yield("", err)
		}
	}
}

func withoutErrors(ids iter.Seq[string]) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for id := range ids {
			if !yield(id, nil) {
				return
			}
		}
	}
}

// interruptible ends with the error of ctx as soon as ctx ends, even during a read that blocks, such as one from a
// terminal. The goroutine of such a read remains until the program ends.
func interruptible(ctx context.Context, lines iter.Seq2[string, error]) iter.Seq2[string, error] {
	type line struct {
		id  string
		err error
	}
	return func(yield func(string, error) bool) {
		reading, stop := context.WithCancel(ctx)
		defer stop()
		read := make(chan line)
		go func() {
			defer close(read)
			for id, err := range lines {
				select {
				case read <- line{id, err}:
				case <-reading.Done():
					return
				}
			}
		}()
		for {
			select {
			case l, ok := <-read:
				if !ok || !yield(l.id, l.err) {
					return
				}
			case <-ctx.Done():
				yield("", ctx.Err())
				return
			}
		}
	}
}
