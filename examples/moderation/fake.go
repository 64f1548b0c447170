package main

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

const fakeUsers = 10_000

func fakeID(n int) string { return fmt.Sprintf("user%05d", n) }

// fakeIDs yields the ids of every step-th user of the fake, up to number last.
func fakeIDs(step, last int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for n := step; n <= last; n += step {
			if !yield(fakeID(n)) {
				return
			}
		}
	}
}

// connectFake starts a fake RC where every third user is online, every hundredth is banned, and user00001 to user00040 are
// on u1's blocklist. The users aren't registered, because no command needs that.
func connectFake(ctx context.Context, paced bool) (*rcuser.Client, func(), error) {
	server := rctest.NewServer()
	client, err := rcuser.NewClient(server.Config())
	if err != nil {
		return nil, nil, err
	}
	if err := populate(ctx, server, client); err != nil {
		server.Close()
		return nil, nil, fmt.Errorf("populating the fake: %w", err)
	}
	if paced {
		cfg := server.Config()
		cfg.Limiter = nil
		if client, err = rcuser.NewClient(cfg); err != nil {
			server.Close()
			return nil, nil, err
		}
	}
	return client, server.Close, nil
}

func populate(ctx context.Context, server *rctest.Server, client *rcuser.Client) error {
	for id := range fakeIDs(3, fakeUsers) {
		server.SetOnline(id, true)
	}
	if _, err := client.Bulk.Ban(ctx, rcuser.Stream(fakeIDs(100, fakeUsers)), 48*time.Hour, rcuser.BulkOptions{}); err != nil {
		return err
	}
	_, err := client.Blocklist.Replace(ctx, "u1", slices.Collect(fakeIDs(1, 40)))
	return err
}
