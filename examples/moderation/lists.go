package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/spf13/cobra"

	"github.com/f0207b22/rcuser"
)

// maxListUsers is how many users RC keeps on a list.
const maxListUsers = 3000

// listKind is a blocklist or an allowlist.
type listKind struct {
	name       string
	service    func(*rcuser.Client) listService
	replaceAll func(*rcuser.BulkService, context.Context, iter.Seq2[rcuser.OwnedList, error], rcuser.BulkOptions) iter.Seq[rcuser.BulkResult[rcuser.Change]]
}

// listService is what the services of both lists have.
type listService interface {
	Plan(ctx context.Context, ownerID string, want []string) (rcuser.Change, error)
	Replace(ctx context.Context, ownerID string, want []string) (rcuser.Change, error)
}

var (
	blocklist = listKind{
		name:       "blocklist",
		service:    func(c *rcuser.Client) listService { return c.Blocklist },
		replaceAll: (*rcuser.BulkService).ReplaceBlocklists,
	}
	allowlist = listKind{
		name:       "allowlist",
		service:    func(c *rcuser.Client) listService { return c.Allowlist },
		replaceAll: (*rcuser.BulkService).ReplaceAllowlists,
	}
)

const ownersHelp = `

The file of --owners begins with a header, and has a line for each pair. The
lines of an owner stand together, 3000 at most:

  owner,user
  alice,bob
  alice,carol
  dave,

makes dave's list empty, for which --allow-empty is needed. Users who aren't
owners in the file keep their lists.`

// syncCommand makes lists equal to files.
type syncCommand struct {
	kind    listKind
	owner   string
	owners  string // a file with the lists of many owners
	input   input
	confirm confirmation
}

func (a *app) listCommand(kind listKind) *cobra.Command {
	group := &cobra.Command{Use: kind.name, Short: "Manage " + kind.name + "s"}
	group.RunE = a.checked(func(*cobra.Command, []string) error { return newUsageError("%s needs the command sync", kind.name) })
	s := syncCommand{kind: kind}
	cmd := &cobra.Command{
		Use: "sync", Short: "Make the " + kind.name + " of one user, or of many, equal to a file", Args: cobra.NoArgs,
		Long: "Make the " + kind.name + " of one user equal to the ids in --file, or those of many users to the pairs in --owners." + ownersHelp,
	}
	cmd.Flags().Var((*once)(&s.owner), "owner", "the `user` whose "+kind.name+" it is")
	cmd.Flags().Var((*once)(&s.owners), "owners", "CSV `file` with the lists of many users; - is standard input")
	s.input.addFlags(cmd)
	s.confirm.addFlags(cmd)
	cmd.RunE = a.checked(func(cmd *cobra.Command, _ []string) error { return a.sync(cmd, &s) })
	group.AddCommand(cmd)
	return group
}

func (a *app) sync(cmd *cobra.Command, s *syncCommand) error {
	switch {
	case (s.owner == "") == (s.owners == ""):
		return newUsageError("give either --owner and --file, or --owners")
	case s.owner != "" && s.input.file == "":
		return newUsageError("--owner needs --file; - is standard input")
	case s.owners != "" && s.input.file != "":
		return newUsageError("--owners names the file; remove --file")
	case s.owner != "" && lineProblem(s.owner) != "":
		return newUsageError("--owner: %s %s", shorten(s.owner), lineProblem(s.owner))
	}
	to, err := a.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer to.close()
	if s.owners != "" {
		return a.syncOwners(cmd, s, to)
	}
	return a.syncOwner(cmd, s, to)
}

func (a *app) syncOwner(cmd *cobra.Command, s *syncCommand, to *target) error {
	want, err := a.readWanted(cmd, &s.input)
	if err != nil {
		return err
	}
	list := s.kind.service(to.client)
	plan, err := list.Plan(cmd.Context(), s.owner, want)
	if err != nil {
		return asUsageError(err)
	}
	title := fmt.Sprintf("%s of %s", s.kind.name, s.owner)
	if s.confirm.dryRun {
		err := errors.Join(writeIDs(cmd.OutOrStdout(), "+", plan.Added), writeIDs(cmd.OutOrStdout(), "-", plan.Removed))
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "dry run, nothing was changed: %s: %d to add, %d to remove\n", title, len(plan.Added), len(plan.Removed))
		return err
	}
	if len(plan.Added)+len(plan.Removed) > 0 {
		question := fmt.Sprintf("%s sync: %s of %s: add %s, remove %s?", s.kind.name, s.owner, to.name,
			countOf(len(plan.Added), "user"), countOf(len(plan.Removed), "user"))
		if err := a.confirm(cmd.Context(), s.confirm, question); err != nil {
			return err
		}
	}
	change, err := list.Replace(cmd.Context(), s.owner, want)
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d added, %d removed\n", title, len(change.Added), len(change.Removed))
	if err != nil {
		return fmt.Errorf("not finished, run the same command again to do the rest: %w", err)
	}
	return nil
}

// readWanted returns the different ids of the input, at most maxListUsers.
func (a *app) readWanted(cmd *cobra.Command, in *input) ([]string, error) {
	ids, err := a.readIDs(cmd, in, nil)
	if err != nil {
		return nil, err
	}
	defer ids.close()
	var want []string
	seen := map[string]bool{}
	for id, err := range ids.until(cmd.Context()) {
		if err != nil {
			return nil, err
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		if want = append(want, id); len(want) > maxListUsers {
			return nil, newInputError("%s: more than %d users, which RC keeps on no list. Nothing was sent.", inputName(in.file), maxListUsers)
		}
	}
	return want, cmd.Context().Err()
}

func writeIDs(w io.Writer, sign string, ids []string) error {
	for _, id := range ids {
		if _, err := fmt.Fprintln(w, sign+id); err != nil {
			return err
		}
	}
	return nil
}
