package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// input says where a command gets its ids from.
type input struct {
	file       string
	allowEmpty bool
	refuse     func(id string) string // what is wrong with an id for this command only; may be nil
}

const fileUsage = "`file` with one id per line, or what banned --format csv or json printed; - is standard input"

func (in *input) addFlags(cmd *cobra.Command) {
	cmd.Flags().Var((*once)(&in.file), "file", fileUsage)
	cmd.Flags().BoolVar(&in.allowEmpty, "allow-empty", false, "accept an input without ids")
}

// once is a flag that can't be given again. A text flag of pflag would keep the last value, and the users of the files
// before it would be left out without a word.
type once string

// Set implements [pflag.Value].
func (o *once) Set(value string) error {
	if *o != "" {
		return errors.New("it can be given only once")
	}
	*o = once(value)
	return nil
}

// String implements [pflag.Value].
func (o *once) String() string { return string(*o) }

// Type implements [pflag.Value].
func (*once) Type() string { return "string" }

// records is an input that was judged as a whole.
type records struct {
	*spool
	different   int   // of them; more than there are if the judge couldn't remember all
	readErr     error // why the records ended early when they were read again
	interrupted bool  // the context ended before the records did
}

// readIDs reads and judges the ids that a command works on: its arguments, a file, standard input or, with the fake, all its
// users.
func (a *app) readIDs(cmd *cobra.Command, in *input, args []string) (*records, error) {
	var read func(context.Context, *judge) error
	var name string
	switch {
	case in.file != "" && len(args) > 0:
		return nil, newUsageError("give ids either as arguments or with --file, not both")
	case len(args) > 0:
		name, read = "command line", judgeArguments(args)
	case in.file != "":
		name, read = inputName(in.file), judgeInput(in.file, cmd.InOrStdin())
	case a.fake:
		name, read = "fake", judgeFake
	default:
		return nil, newUsageError("--file is required; - is standard input")
	}
	j := newJudge(name)
	j.refuse = in.refuse
	return judged(cmd, j, read, in.allowEmpty)
}

// judged lets a judge read everything, and returns the records if it accepts them.
func judged(cmd *cobra.Command, j *judge, read func(context.Context, *judge) error, allowEmpty bool) (*records, error) {
	err := read(cmd.Context(), j)
	if err == nil {
		err = j.verdict()
	}
	if err == nil && j.records.count == 0 && !allowEmpty {
		err = newInputError("%s: no ids, so nothing was sent. If that is meant, add --allow-empty.", j.name)
	}
	if err != nil {
		j.records.close()
		return nil, err
	}
	if j.repeated > 0 {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d of %d %ss repeat an earlier one, which changes nothing\n", j.name, j.repeated, j.records.count, j.unit)
	}
	return &records{spool: j.records, different: j.records.count - j.repeated}, nil
}

func inputName(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}

func judgeArguments(args []string) func(context.Context, *judge) error {
	return func(_ context.Context, j *judge) error {
		j.unit, j.format = "argument", &idLines{begun: true}
		for i, arg := range args {
			l := line{number: i + 1, text: arg}
			if isNothing(strings.Trim(arg, " ")) {
				j.addProblem(l, "is not a user's id")
			} else if err := j.line(l); err != nil {
				return err
			}
		}
		return nil
	}
}

func judgeFake(_ context.Context, j *judge) error {
	for id := range fakeIDs(1, fakeUsers) {
		if err := j.records.add(id); err != nil {
			return err
		}
	}
	return nil
}

// judgeInput reads a file, or stdin if its name is -.
func judgeInput(file string, stdin io.Reader) func(context.Context, *judge) error {
	return func(ctx context.Context, j *judge) error {
		r, stop := readUntilDone(ctx, func(w io.Writer) error {
			if file != "-" {
				return readFile(w, file)
			}
			if f, ok := stdin.(*os.File); ok {
				return copyFile(w, f)
			}
			_, err := io.Copy(w, stdin)
			return err
		})
		defer stop()
		err := judgeReader(r, j)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errFileChanged):
			return newInputError("%s: %w\nNothing was sent.", j.name, errFileChanged)
		}
		return err
	}
}

func judgeReader(r io.Reader, j *judge) error {
	buffered := bufio.NewReaderSize(r, maxLine)
	if advice := fileAdvice(buffered); advice != "" {
		return newInputError("%s: %s\nNothing was sent.", j.name, advice)
	}
	skipBOM(buffered)
	for l, err := range readLines(buffered) {
		if err != nil {
			return fmt.Errorf("reading ids: %w; nothing was sent", err)
		}
		if err := j.line(l); err != nil {
			return err
		}
	}
	return nil
}

// until yields the records until ctx ends. If they ended early, readErr or interrupted says why.
func (r *records) until(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for record, err := range r.lines() {
			switch {
			case ctx.Err() != nil:
				r.interrupted = true
				return
			case err != nil:
				r.readErr = err
				yield("", err)
				return
			case !yield(record, nil):
				return
			}
		}
	}
}
