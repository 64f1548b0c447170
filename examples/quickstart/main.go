// Quickstart shows the life cycle of a user: registration, blocklist and allowlist, bans, presence, expired tokens,
// deactivation and reactivation, and three typical mistakes.
//
//	go run ./examples/quickstart
//
// uses a fake RC inside the program. With RC_APP_KEY, RC_APP_SECRET and RC_DATA_CENTER set it uses the real service
// instead, and skips what only the fake can show.
//
// On the real service it registers two new users, quickstart…alice and quickstart…bob, and cleans up at its end, also
// after an error or an interrupt: it removes their ban and their list entries and deactivates both. It then says what it
// leaves on the app. That is at least the two ids: RC deletes a deactivated user's data within 15 minutes, but no call
// deletes the id, which stays in the list of deactivated users. It changes no other user.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

const usage = `Usage: quickstart

Shows the life cycle of a user, on a fake RC inside the program.

With RC_APP_KEY, RC_APP_SECRET and RC_DATA_CENTER (Beijing, Singapore, SingaporeB, NorthAmerica or SaudiArabia) in the
environment it uses the real service. There it registers two new users, quickstart…alice and quickstart…bob, and cleans up
at its end, also after an error or an interrupt: it removes their ban and their list entries and deactivates both.
It then says what it leaves on the app: at least the two ids, in RC's list of deactivated users.
`

func main() {
	flag.Usage = func() { _, _ = io.WriteString(flag.CommandLine.Output(), usage) }
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	signal.Ignore(syscall.SIGPIPE) // the end of a pipe that reads the output must not keep the program from cleaning up
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP) // never ends the program: the end of one terminal sends it several times
	context.AfterFunc(ctx, restore)                        // so that a second signal ends the program
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// tour holds what the steps share.
type tour struct {
	out         io.Writer
	config      rcuser.Config
	client      *rcuser.Client
	fake        *rctest.Server // nil on the real service
	alice, bob  string
	traces      map[trace]certainty // what the steps have left on the app
	deactivated map[trace]bool      // whose deactivation RC has accepted, by their registration
}

func run(ctx context.Context, out io.Writer) error {
	t := &tour{out: out, alice: "alice", bob: "bob", traces: make(map[trace]certainty), deactivated: make(map[trace]bool)}
	if err := t.connect(); err != nil {
		return err
	}
	if t.fake != nil {
		defer t.fake.Close()
	} else {
		own := "quickstart" + rand.Text()[:8]
		t.alice, t.bob = own+"alice", own+"bob"
		t.printf("It registers %s and %s.", t.alice, t.bob)
		defer t.cleanUp(ctx)
	}
	for i, step := range t.steps() {
		t.printf("\n%d. %s", i+1, step.title)
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	t.printf("\nAll steps succeeded.")
	return nil
}

type step struct {
	title string
	run   func(context.Context) error
}

func (t *tour) steps() []step {
	return []step{
		{"Two users register", t.register},
		{"Alice blocks Bob", t.blocklist},
		{"Alice allows messages only from her allowlist", t.allowlist},
		{"Bob is banned for 10 minutes", t.ban},
		{"Bob's phone is stolen: his tokens expire", t.expire},
		{"Alice changes her name and clears her portrait", t.update},
		{"Bob is deactivated, and reactivated", t.deactivate},
		{"Three typical mistakes", t.mistakes},
	}
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

func (t *tour) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(t.out, format+"\n", args...)
}
