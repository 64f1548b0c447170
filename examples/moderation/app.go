package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/f0207b22/rcuser"
)

// app holds the flags that all commands share.
type app struct {
	fake         bool
	paced        bool
	stopAfter    int
	parsed       bool // cobra accepted the command line
	openTerminal func() (io.ReadWriteCloser, error)
}

// usageError reports a wrong command line or environment.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func newUsageError(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errReported is a failure whose details were printed already.
var errReported = errors.New("failed")

// asUsageError turns an argument that the SDK refused into a usage error, and returns other errors as they are.
func asUsageError(err error) error {
	if _, ok := errors.AsType[*rcuser.ArgumentError](err); ok {
		return usageError{err}
	}
	return err
}

// environmentHelp ends the help of every command.
const environmentHelp = `
Environment, unless --fake is given:
  RC_APP_KEY, RC_APP_SECRET   the app's key and secret
  RC_DATA_CENTER              Beijing, Singapore, SingaporeB, NorthAmerica or
                              SaudiArabia
  RC_BASE_URL, RC_BACKUP_URL  replace the data center's addresses, for a proxy

Example:
  export RC_APP_KEY=... RC_APP_SECRET=... RC_DATA_CENTER=Singapore
  moderation ban --file ids.txt --for 24h --journal run.log
`

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:                "moderation",
		Short:              "Manage bans, blocklists, allowlists, tokens and accounts of an RC app's users, and see who is online",
		SilenceErrors:      true,
		SilenceUsage:       true,
		DisableSuggestions: true, // a suggestion could be the opposite of what was meant, such as deactivate for reactivat
	}
	root.SetHelpTemplate(root.HelpTemplate() + environmentHelp)
	flags := root.PersistentFlags()
	flags.BoolVar(&a.fake, "fake", false, "use a fake RC with 10,000 users inside this program")
	flags.BoolVar(&a.paced, "paced", false, "with --fake: keep to RC's rate limits, as with the real service")
	flags.IntVar(&a.stopAfter, "stop-after", 0, "stop after this `number` of failed users; 0 means never")
	root.AddCommand(a.banCommand(), a.unbanCommand(), a.bannedCommand(), a.onlineCommand(), a.listCommand(blocklist),
		a.listCommand(allowlist), a.expireTokensCommand(), a.deactivateCommand(), a.reactivateCommand())
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
