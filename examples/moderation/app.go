package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/f0207b22/rcuser"
)

// app is what all commands share.
type app struct {
	fake      bool
	paced     bool
	stopAfter int
	running   bool // cobra accepted the command line
}

// usageError is a command line that can't be meant.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(text string) error { return usageError{errors.New(text)} }

// errReported is a failure that the user has read about already.
var errReported = errors.New("failed")

// refused makes a usage error of an argument that the SDK didn't accept.
func refused(err error) error {
	if _, ok := errors.AsType[*rcuser.ArgumentError](err); ok {
		return usageError{err}
	}
	return err
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "moderation",
		Short:         "Bans, presence, blocklists, tokens and accounts of an RC app's users",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	flags := root.PersistentFlags()
	flags.BoolVar(&a.fake, "fake", false, "run on a fake RC with 10,000 users inside this program")
	flags.BoolVar(&a.paced, "paced", false, "with --fake: keep to RC's rates, as with the real service")
	flags.IntVar(&a.stopAfter, "stop-after", 0, "stop after so many users that failed; 0 = never")
	root.AddCommand(a.banCommand(), a.unbanCommand(), a.bannedCommand(), a.onlineCommand(), a.blocklistCommand(),
		a.expireTokensCommand(), a.deactivateCommand())
	return root
}

// runs checks the shared flags before a command does its work.
func (a *app) runs(do func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.running = true
		switch {
		case a.stopAfter < 0:
			return usage("--stop-after is negative")
		case a.paced && !a.fake:
			return usage("--paced is of no use without --fake")
		}
		return do(cmd, args)
	}
}

// connect returns a client of the fake or of what the environment names, and what to call in the end.
func (a *app) connect(ctx context.Context) (*rcuser.Client, func(), error) {
	if a.fake {
		return connectFake(ctx, a.paced)
	}
	cfg, err := rcuser.ConfigFromEnv()
	if err != nil {
		return nil, nil, refused(err)
	}
	client, err := rcuser.NewClient(cfg)
	return client, func() {}, refused(err)
}
