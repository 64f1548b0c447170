// Moderation is a command-line tool for the moderators of an app. For any number of users it adds and removes bans, lists
// who is banned or online, syncs blocklists and allowlists with a file, expires tokens, and deactivates and reactivates
// accounts.
//
//	go run . ban --fake --for 24h
//
// uses a fake RC inside the program. Without --fake it reads RC_APP_KEY, RC_APP_SECRET and RC_DATA_CENTER, and uses the
// real service.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	ctx, stop := untilSignal()
	status := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr, openTerminal})
	stop()
	os.Exit(status)
}

// untilSignal returns a context that a signal ends. A second SIGINT or SIGTERM ends the program at once; SIGHUP never does,
// because the end of one terminal sends it several times. SIGINT and SIGHUP do nothing if the program was started to ignore
// them, as nohup and the shell's & do.
func untilSignal() (ctx context.Context, stop context.CancelFunc) {
	signals := append(notIgnored(os.Interrupt), syscall.SIGTERM)
	ctx, stop = signal.NotifyContext(context.Background(), signals...)
	restore := stop
	if hangUp := notIgnored(syscall.SIGHUP); len(hangUp) > 0 {
		ctx, stop = signal.NotifyContext(ctx, hangUp...)
	}
	context.AfterFunc(ctx, restore)
	return ctx, stop
}

func notIgnored(signals ...os.Signal) []os.Signal { return slices.DeleteFunc(signals, signal.Ignored) }

// The exit statuses other than 0.
const (
	statusFailed      = 1
	statusUsage       = 2
	statusInterrupted = 130
)

// streams connect a run with its surroundings.
type streams struct {
	in           io.Reader
	out, errOut  io.Writer
	openTerminal func() (io.ReadWriteCloser, error) // for questions
}

// run executes one command line and returns the exit status.
func run(ctx context.Context, args []string, s streams) int {
	a := app{openTerminal: s.openTerminal}
	root := a.command()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.errOut)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !a.parsed { // cobra itself refused the command line
		err = usageError{err}
	}
	text, status := verdictOn(ctx, err, cmd.CommandPath())
	if text != "" {
		_, _ = fmt.Fprintln(s.errOut, text)
	}
	return status
}

// verdictOn returns what to print about the end of a command, if anything, and the exit status.
func verdictOn(ctx context.Context, err error, command string) (text string, status int) {
	usage, isUsage := errors.AsType[usageError](err)
	refused, isRefused := errors.AsType[inputError](err)
	switch {
	case err == nil:
		return "", 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return "interrupted", statusInterrupted
	case isUsage:
		return fmt.Sprintf("%v\nTry: %s --help", usage, command), statusUsage
	case isRefused:
		return refused.Error(), statusUsage
	case errors.Is(err, errReported):
		return "", statusFailed
	}
	return err.Error(), statusFailed
}
