// Quickstart shows the whole life of a user: tokens, who may message whom, bans, presence, closing an account and
// opening it again, and three typical mistakes.
//
//	go run ./examples/quickstart
//
// runs it on a fake RC inside the program. With RC_APP_KEY, RC_APP_SECRET and RC_DATA_CENTER set it talks to the real
// service instead, with users of its own that it deactivates in the end, and skips what only the fake can show.
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

// tour is what its steps share.
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
		{"Alice hears only from whom she lists", t.allowlist},
		{"Bob is banned for 10 minutes", t.ban},
		{"Bob's phone is stolen: his tokens expire", t.expire},
		{"Alice changes her name and clears her portrait", t.update},
		{"Bob closes his account, and comes back", t.deactivate},
		{"Three typical mistakes", t.mistakes},
	}
	for i, step := range steps {
		t.say("\n%d. %s", i+1, step.title)
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	t.say("\nThat was every service of the client.")
	return nil
}

// connect makes a client of the real service if the environment names one, of a fake otherwise.
func (t *tour) connect() (err error) {
	if os.Getenv("RC_APP_KEY") == "" && os.Getenv("RC_APP_SECRET") == "" {
		t.fake = rctest.NewServer()
		t.config = t.fake.Config()
		t.say("RC_APP_KEY and RC_APP_SECRET are not set: this runs on a fake RC inside this program.")
	} else {
		if t.config, err = rcuser.ConfigFromEnv(); err != nil {
			return err
		}
		t.say("This talks to RC at %s.", t.config.DataCenter.Primary)
	}
	t.client, err = rcuser.NewClient(t.config)
	return err
}

// cleanUp leaves nothing of the tour at the real service, even if it failed on the way.
func (t *tour) cleanUp(ctx context.Context) {
	both := []string{t.alice, t.bob}
	for _, err := range []error{
		t.client.Bans.Remove(ctx, both),
		t.client.Allowlist.Remove(ctx, t.alice, []string{t.bob}),
		t.client.Allowlist.Disable(ctx, both),
		t.client.Blocklist.Remove(ctx, t.alice, []string{t.bob}),
	} {
		if err != nil {
			t.say("cleaning up: %v", err)
		}
	}
	if _, err := t.client.Users.Deactivate(ctx, both); err != nil {
		t.say("cleaning up: %v", err)
	}
}

func (t *tour) say(format string, args ...any) {
	_, _ = fmt.Fprintf(t.out, format+"\n", args...)
}
