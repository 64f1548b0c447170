// Moderation is a command-line tool for the moderators of an app. For any number of users it adds and removes bans, lists
// who is banned or online, syncs a blocklist with a file, expires tokens and deactivates accounts.
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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// The exit statuses other than 0.
const (
	statusFailed      = 1
	statusUsage       = 2
	statusInterrupted = 130
)

// run executes one command line and returns the exit status.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	var a app
	root := a.command()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !a.parsed { // cobra itself refused the command line
		err = usageError{err}
	}
	usage, isUsage := errors.AsType[usageError](err)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		_, _ = fmt.Fprintln(errOut, "interrupted")
		return statusInterrupted
	case isUsage:
		_, _ = fmt.Fprintf(errOut, "%v\nTry: %s --help\n", usage, cmd.CommandPath())
		return statusUsage
	case !errors.Is(err, errReported):
		_, _ = fmt.Fprintln(errOut, err)
	}
	return statusFailed
}
