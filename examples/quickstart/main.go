// Quickstart shows the life cycle of a user: registration, blocklist and allowlist, bans, presence, expired tokens,
// deactivation and reactivation, and three typical mistakes.
//
//	go run ./examples/quickstart
//
// uses a fake RC inside the program. With RC_APP_KEY, RC_APP_SECRET and RC_DATA_CENTER set it uses the real service
// instead: it registers two new users, deactivates them at the end, and skips what only the fake can show.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// tour holds what the steps share.
type tour struct {
	out        io.Writer
	config     rcuser.Config
	client     *rcuser.Client
	fake       *rctest.Server // nil on the real service
	alice, bob string
}

func run(ctx context.Context, out io.Writer) error {
	t := &tour{out: out, alice: "alice", bob: "bob"}
	if err := t.connect(); err != nil {
		return err
	}
	if t.fake != nil {
		defer t.fake.Close()
	} else {
		own := "quickstart" + rand.Text()[:8]
		t.alice, t.bob = own+"alice", own+"bob"
		defer t.cleanUp(context.WithoutCancel(ctx))
	}
	steps := []struct {
		title string
		run   func(context.Context) error
	}{
		{"Two users register", t.register},
		{"Alice blocks Bob", t.blocklist},
		{"Alice allows messages only from her allowlist", t.allowlist},
		{"Bob is banned for 10 minutes", t.ban},
		{"Bob's phone is stolen: his tokens expire", t.expire},
		{"Alice changes her name and clears her portrait", t.update},
		{"Bob is deactivated, and reactivated", t.deactivate},
		{"Three typical mistakes", t.mistakes},
	}
	for i, step := range steps {
		t.printf("\n%d. %s", i+1, step.title)
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	t.printf("\nAll steps succeeded.")
	return nil
}

// connect makes a client for the real service if the environment has an app key or secret, and for a fake otherwise.
func (t *tour) connect() (err error) {
	if os.Getenv("RC_APP_KEY") == "" && os.Getenv("RC_APP_SECRET") == "" {
		t.fake = rctest.NewServer()
		t.config = t.fake.Config()
		t.printf("RC_APP_KEY and RC_APP_SECRET are not set: using a fake RC inside this program.")
	} else {
		if t.config, err = rcuser.ConfigFromEnv(); err != nil {
			return err
		}
		t.printf("Using RC at %s.", t.config.DataCenter.Primary)
	}
	t.client, err = rcuser.NewClient(t.config)
	return err
}

// cleanUp undoes the steps on the real service, also after a step that failed.
func (t *tour) cleanUp(ctx context.Context) {
	both := []string{t.alice, t.bob}
	for _, err := range []error{
		t.client.Bans.Remove(ctx, both),
		t.client.Allowlist.Remove(ctx, t.alice, []string{t.bob}),
		t.client.Allowlist.Disable(ctx, both),
		t.client.Blocklist.Remove(ctx, t.alice, []string{t.bob}),
	} {
		if err != nil {
			t.printf("cleaning up: %v", err)
		}
	}
	if _, err := t.client.Users.Deactivate(ctx, both); err != nil {
		t.printf("cleaning up: %v", err)
	}
}

func (t *tour) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(t.out, format+"\n", args...)
}
