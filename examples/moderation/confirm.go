package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// confirmation holds the flags of commands that can't be undone, or that change much at once.
type confirmation struct {
	dryRun bool
	yes    bool
}

func (c *confirmation) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "only show what would change")
	cmd.Flags().BoolVar(&c.yes, "yes", false, "don't ask")
}

// errDeclined says that the question was answered with no.
var errDeclined = errors.New("not confirmed; nothing was changed")

// confirm asks a question once, on the terminal, even if ids come from standard input. It returns nil if the answer is y or
// yes, or if --yes was given.
func (a *app) confirm(ctx context.Context, c confirmation, question string) error {
	if c.yes {
		return nil
	}
	terminal, err := a.openTerminal()
	if err != nil {
		return newUsageError("there is no terminal to ask on, so nothing was changed: add --yes, or see what would change with --dry-run")
	}
	defer func() { _ = terminal.Close() }()
	if _, err := fmt.Fprint(terminal, question+" [y/N] "); err != nil {
		return err
	}
	answer, err := readAnswer(ctx, terminal)
	switch {
	case err != nil:
		_, _ = fmt.Fprintln(terminal)
		return err
	case answer != "y" && answer != "yes":
		return errDeclined
	}
	return nil
}

// readAnswer reads a line. It ends with the error of ctx, even during the read.
func readAnswer(ctx context.Context, terminal io.Reader) (string, error) {
	answer := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(io.LimitReader(terminal, maxLine)).ReadString('\n') // an end of input is no
		answer <- strings.ToLower(strings.TrimSpace(text))
	}()
	select {
	case text := <-answer:
		return text, ctx.Err()
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// console is standard input and standard error, where there is no /dev/tty.
type console struct{}

func (console) Read(p []byte) (int, error)  { return os.Stdin.Read(p) }
func (console) Write(p []byte) (int, error) { return os.Stderr.Write(p) }
func (console) Close() error                { return nil }

var errNoTerminal = errors.New("no terminal")

// openTerminal opens the terminal that the program was started from, unless the program runs in the background, where reading
// from it would stop the program.
func openTerminal() (io.ReadWriteCloser, error) {
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	switch {
	case err == nil && inForeground(int(terminal.Fd())):
		return terminal, nil
	case err == nil:
		_ = terminal.Close()
		return nil, errNoTerminal
	case isTerminal(os.Stdin) && isTerminal(os.Stderr):
		return console{}, nil
	}
	return nil, errNoTerminal
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
