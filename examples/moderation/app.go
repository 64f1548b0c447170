package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/f0207b22/rcuser"
)

// app holds the flags that all commands share.
type app struct {
	fake      bool
	paced     bool
	stopAfter int
	parsed    bool // cobra accepted the command line
}

// usageError reports a wrong command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func newUsageError(text string) error { return usageError{errors.New(text)} }

// errReported is a failure whose details were printed already.
var errReported = errors.New("failed")

// asUsageError turns an argument that the SDK refused into a usage error, and returns other errors as they are.
func asUsageError(err error) error {
	if _, ok := errors.AsType[*rcuser.ArgumentError](err); ok {
		return usageError{err}
	}
	return err
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "moderation",
		Short:         "Manage bans, blocklists, tokens and accounts of an RC app's users, and see who is online",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	flags := root.PersistentFlags()
	flags.BoolVar(&a.fake, "fake", false, "use a fake RC with 10,000 users inside this program")
	flags.BoolVar(&a.paced, "paced", false, "with --fake: keep to RC's rate limits, as with the real service")
	flags.IntVar(&a.stopAfter, "stop-after", 0, "stop after this `number` of failed users; 0 means never")
	root.AddCommand(a.banCommand(), a.unbanCommand(), a.bannedCommand(), a.onlineCommand(), a.blocklistCommand(),
		a.expireTokensCommand(), a.deactivateCommand())
	return root
}

// checked returns a RunE function that checks the shared flags before it calls run.
func (a *app) checked(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.parsed = true
		switch {
		case a.stopAfter < 0:
			return newUsageError("--stop-after must not be negative")
		case a.paced && !a.fake:
			return newUsageError("--paced needs --fake")
		}
		return run(cmd, args)
	}
}

// connect returns a client for the fake or for the service that the environment names, and a function that closes it.
func (a *app) connect(ctx context.Context) (*rcuser.Client, func(), error) {
	if a.fake {
		return connectFake(ctx, a.paced)
	}
	cfg, err := rcuser.ConfigFromEnv()
	if err != nil {
		return nil, nil, asUsageError(err)
	}
	client, err := rcuser.NewClient(cfg)
	return client, func() {}, asUsageError(err)
}
