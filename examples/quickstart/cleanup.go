package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/f0207b22/rcuser"
)

const cleanUpTimeout = 30 * time.Second // for all calls of the clean-up together

// trace is something that the steps leave on the app until it is undone.
type trace int

const (
	bobsBan trace = iota
	allowlistEntry
	allowlistSwitch
	blocklistEntry
	aliceRegistered
	bobRegistered
)

// certainty says whether a trace is on the app.
type certainty int

const (
	absent certainty = iota
	possible
	certain
)

// leaves notes what a call leaves on the app, and returns the call's error.
func (t *tour) leaves(what trace, err error) error { return t.becomes(what, certain, err) }

// undoes notes that a call has undone something, and returns the call's error.
func (t *tour) undoes(what trace, err error) error { return t.becomes(what, absent, err) }

func (t *tour) becomes(what trace, state certainty, err error) error {
	switch {
	case err == nil:
		t.traces[what] = state
	case !changedNothing(err):
		t.traces[what] = possible
	}
	return err
}

// changedNothing reports whether a call failed so that RC can't have applied it.
func changedNothing(err error) bool {
	if _, ok := errors.AsType[*rcuser.ArgumentError](err); ok {
		return true
	}
	failure, ok := errors.AsType[*rcuser.Error](err)
	return ok && failure.Outcome == rcuser.NotApplied
}

// cleanUp undoes on the real service what the steps have left there, also after a step that failed or an interrupt, and
// says what remains.
func (t *tour) cleanUp(ctx context.Context) {
	if ctx.Err() != nil {
		t.printf("\nInterrupted: cleaning up, for %v at most. A second interrupt ends the program at once.", cleanUpTimeout)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	problems := append(t.removeSettings(ctx), t.deactivateUsers(ctx)...)
	t.printf("\nWhat this run leaves on the app:")
	deactivated := t.deactivatedIDs()
	if len(deactivated) > 0 {
		t.printf("   %s, deactivated: RC deletes the data within 15 minutes and\n"+
			"   keeps the id in its list of deactivated users. No call removes an id from there but a reactivation.",
			strings.Join(deactivated, " and "))
	}
	for _, problem := range problems {
		t.printf("   %s", problem)
	}
	switch {
	case len(problems) > 0:
	case len(deactivated) > 0:
		t.printf("   Nothing else: no ban, no entry of a blocklist or an allowlist.")
	default:
		t.printf("   Nothing.")
	}
}

// removeSettings undoes all but the registrations, and returns what remains.
func (t *tour) removeSettings(ctx context.Context) (problems []string) {
	alice, bob := []string{t.alice}, []string{t.bob}
	for _, setting := range []struct {
		trace trace
		what  string
		undo  func() error
	}{
		{bobsBan, t.bob + " %s banned, for 10 minutes at most", func() error { return t.client.Bans.Remove(ctx, bob) }},
		{allowlistEntry, t.bob + " %s on the allowlist of " + t.alice, func() error {
			return t.client.Allowlist.Remove(ctx, t.alice, bob)
		}},
		{allowlistSwitch, "the allowlist of " + t.alice + " %s enabled", func() error {
			return t.client.Allowlist.Disable(ctx, alice)
		}},
		{blocklistEntry, t.bob + " %s on the blocklist of " + t.alice, func() error {
			return t.client.Blocklist.Remove(ctx, t.alice, bob)
		}},
	} {
		if t.traces[setting.trace] == absent {
			continue
		}
		if err := t.undoes(setting.trace, setting.undo()); err != nil {
			problems = append(problems, fmt.Sprintf(setting.what+": %v", t.verb(setting.trace), err))
		}
	}
	return problems
}

// deactivateUsers deactivates the users that are registered, and returns which remain so.
func (t *tour) deactivateUsers(ctx context.Context) (problems []string) {
	for _, user := range []struct {
		registered trace
		id         string
	}{{aliceRegistered, t.alice}, {bobRegistered, t.bob}} {
		if t.traces[user.registered] == absent {
			continue
		}
		if err := t.deactivateUser(ctx, user.registered, user.id); err != nil {
			problems = append(problems, fmt.Sprintf("%s %s registered, until somebody deactivates it: %v",
				user.id, t.verb(user.registered), err))
		}
	}
	return problems
}

func (t *tour) deactivateUser(ctx context.Context, registered trace, id string) error {
	_, err := t.client.Users.Deactivate(ctx, []string{id})
	if t.undoes(registered, err) == nil {
		t.deactivated[registered] = true
	}
	return err
}

// deactivatedIDs returns the users whose deactivation RC has accepted, and that can't be active again.
func (t *tour) deactivatedIDs() (ids []string) {
	if t.deactivated[aliceRegistered] && t.traces[aliceRegistered] == absent {
		ids = append(ids, t.alice)
	}
	if t.deactivated[bobRegistered] && t.traces[bobRegistered] == absent {
		ids = append(ids, t.bob)
	}
	return ids
}

func (t *tour) verb(what trace) string {
	if t.traces[what] == possible {
		return "may be"
	}
	return "is"
}
