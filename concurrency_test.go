package rcuser_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

const goroutines = 64

// TestOneClientForManyGoroutines is for the race detector, in memory and over real connections; each goroutine must
// also find its own state and nobody else's.
func TestOneClientForManyGoroutines(t *testing.T) {
	t.Parallel()
	for _, over := range []string{"memory", "loopback"} {
		t.Run(over, func(t *testing.T) {
			t.Parallel()
			server := rctest.NewServer()
			t.Cleanup(server.Close)
			config := server.Config()
			if over == "loopback" {
				config.HTTPClient = nil
				config.DataCenter = rcuser.DataCenter{Primary: server.Listen()}
			}
			client, err := rcuser.NewClient(config)
			require.NoError(t, err)
			t.Cleanup(client.CloseIdleConnections)
			errs := make([]error, goroutines)
			var group sync.WaitGroup
			for i := range goroutines {
				group.Go(func() { errs[i] = ownLife(t.Context(), client, fmt.Sprintf("user%d", i)) })
			}
			group.Wait()
			for _, err := range errs {
				require.NoError(t, err)
			}
		})
	}
}

// ownLife uses every service for one user.
func ownLife(ctx context.Context, client *rcuser.Client, id string) error {
	token, err := client.Users.Register(ctx, rcuser.Registration{UserID: id, Name: "name of " + id})
	if err != nil {
		return err
	}
	user, err := client.Users.Get(ctx, id)
	if err != nil {
		return err
	}
	if token.UserID != id || user.Name != "name of "+id {
		return fmt.Errorf("%s got the token of %s and the name %q", id, token.UserID, user.Name)
	}
	for _, err := range []error{
		client.Bans.Add(ctx, []string{id}, time.Minute),
		client.Tokens.Expire(ctx, []string{id}, time.Now()),
		client.Blocklist.Add(ctx, id, []string{"x" + id}),
		client.Allowlist.Enable(ctx, []string{id}),
		client.Allowlist.Add(ctx, id, []string{"y" + id}),
	} {
		if err != nil {
			return err
		}
	}
	page, err := client.Blocklist.List(ctx, id, rcuser.CursorOptions{})
	if err != nil {
		return err
	}
	if len(page.UserIDs) != 1 || page.UserIDs[0] != "x"+id {
		return fmt.Errorf("%s has the blocklist %v", id, page.UserIDs)
	}
	_, err = client.Presence.Online(ctx, id)
	return err
}
