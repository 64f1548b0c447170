package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/f0207b22/rcuser"
)

func (a *app) blocklistCommand() *cobra.Command {
	group := &cobra.Command{Use: "blocklist", Short: "Manage blocklists"}
	group.RunE = a.checked(func(*cobra.Command, []string) error { return newUsageError("blocklist needs the command sync") })
	cmd := &cobra.Command{Use: "sync", Short: "Make a user's blocklist equal to the ids in a file", Args: cobra.NoArgs}
	owner := cmd.Flags().String("owner", "", "the `user` whose blocklist it is")
	file := cmd.Flags().String("file", "", "`file` with one id per line, at most 3000; - is standard input")
	dryRun := cmd.Flags().Bool("dry-run", false, "only show what would change")
	_ = cmd.MarkFlagRequired("owner")
	_ = cmd.MarkFlagRequired("file")
	cmd.RunE = a.checked(func(cmd *cobra.Command, _ []string) error {
		want, err := a.readAll(cmd, *file)
		if err != nil {
			return err
		}
		client, disconnect, err := a.connect(cmd.Context())
		if err != nil {
			return err
		}
		defer disconnect()
		if *dryRun {
			return plan(cmd, client, *owner, want)
		}
		return replace(cmd, client, *owner, want)
	})
	group.AddCommand(cmd)
	return group
}

// readAll reads all ids before anything is changed: syncing to half a file would unblock the users in the other half.
func (a *app) readAll(cmd *cobra.Command, file string) ([]string, error) {
	src, err := a.source(cmd, file, nil)
	if err != nil {
		return nil, err
	}
	var want []string
	for id, err := range src.ids(cmd.Context()) {
		if err != nil {
			return nil, err
		}
		want = append(want, id)
	}
	if src.interrupted {
		return nil, context.Canceled
	}
	return want, nil
}

func plan(cmd *cobra.Command, client *rcuser.Client, owner string, want []string) error {
	change, err := client.Blocklist.Plan(cmd.Context(), owner, want)
	if err != nil {
		return asUsageError(err)
	}
	err = errors.Join(writeIDs(cmd.OutOrStdout(), "+", change.Added), writeIDs(cmd.OutOrStdout(), "-", change.Removed))
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "blocklist of %s: %d to add, %d to remove\n", owner, len(change.Added), len(change.Removed))
	return err
}

func replace(cmd *cobra.Command, client *rcuser.Client, owner string, want []string) error {
	change, err := client.Blocklist.Replace(cmd.Context(), owner, want)
	if _, ok := errors.AsType[*rcuser.ArgumentError](err); ok {
		return asUsageError(err)
	}
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "blocklist of %s: %d added, %d removed\n", owner, len(change.Added), len(change.Removed))
	if err != nil {
		return fmt.Errorf("not finished, run the same command again to do the rest: %w", err)
	}
	return nil
}

func writeIDs(w io.Writer, sign string, ids []string) error {
	for _, id := range ids {
		if _, err := fmt.Fprintln(w, sign+id); err != nil {
			return err
		}
	}
	return nil
}
