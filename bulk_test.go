package rcuser_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// newBulk returns a fake and a client of it that has no limiter.
func newBulk(t require.TestingT) (*rcuser.Client, *rctest.Server) {
	server := rctest.NewServer()
	client, err := rcuser.NewClient(server.Config())
	require.NoError(t, err)
	return client, server
}

// requireSum requires that each id of a report is counted once. That holds for every run.
func requireSum(t require.TestingT, report rcuser.BulkReport) {
	require.Equal(t, report.Total, report.Done+report.Failed+report.Unknown+report.NotStarted)
}

// streamed returns a stream of n ids.
func streamed(n int) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for i := range n {
			if !yield(fmt.Sprintf("user%d", i), nil) {
				return
			}
		}
	}
}

// userIDs returns the ids of streamed.
func userIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("user%d", i)
	}
	return ids
}

// streamOf returns a stream of ids.
func streamOf(ids ...string) iter.Seq2[string, error] { return rcuser.Stream(slices.Values(ids)) }

// TestBulkMethods calls each method and checks its effect on the fake.
func TestBulkMethods(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	ctx, opts := t.Context(), rcuser.BulkOptions{}
	ids := func() iter.Seq2[string, error] { return streamed(205) }
	check := func(report rcuser.BulkReport, err error) {
		t.Helper()
		require.NoError(t, err)
		require.Equal(t, rcuser.BulkReport{Total: 205, Done: 205}, report)
	}
	last := func() rctest.User { return server.User("user204") }
	for result := range client.Bulk.Register(ctx, registrations(ids()), opts) {
		require.NoError(t, result.Err)
		require.True(t, server.ValidToken(result.UserID, result.Value.Value))
	}
	require.True(t, last().Registered)
	check(client.Bulk.ExpireTokens(ctx, ids(), time.Now().Add(time.Hour), opts))
	require.Empty(t, last().Tokens)
	check(client.Bulk.Ban(ctx, ids(), time.Hour, opts))
	require.False(t, last().BannedUntil.IsZero())
	check(client.Bulk.Unban(ctx, ids(), opts))
	require.True(t, last().BannedUntil.IsZero())
	check(client.Bulk.EnableAllowlist(ctx, ids(), opts))
	require.True(t, last().AllowlistEnabled)
	check(client.Bulk.DisableAllowlist(ctx, ids(), opts))
	require.False(t, last().AllowlistEnabled)
	check(client.Bulk.Block(ctx, "owner", ids(), opts))
	require.Len(t, server.User("owner").Blocklist, 205)
	check(client.Bulk.Unblock(ctx, "owner", ids(), opts))
	require.Empty(t, server.User("owner").Blocklist)
	check(client.Bulk.Allow(ctx, "owner", ids(), opts))
	require.Len(t, server.User("owner").Allowlist, 205)
	check(client.Bulk.Disallow(ctx, "owner", ids(), opts))
	require.Empty(t, server.User("owner").Allowlist)
	server.SetOnline("user3", true)
	for result := range client.Bulk.Online(ctx, ids(), opts) {
		require.NoError(t, result.Err)
		require.Equal(t, result.UserID == "user3", result.Value)
	}
	check(client.Bulk.Deactivate(ctx, ids(), opts))
	require.True(t, last().Deactivated)
	server.Advance(time.Hour)
	check(client.Bulk.Reactivate(ctx, ids(), opts))
	require.False(t, last().Deactivated)
	for path, n := range map[string]int{"/user/block.json": 11, "/user/deactivate.json": 3, "/user/whitelist/add.json": 11} {
		require.Len(t, sentTo(server, path), n, path)
	}
}

func registrations(ids iter.Seq2[string, error]) iter.Seq2[rcuser.Registration, error] {
	return func(yield func(rcuser.Registration, error) bool) {
		for id, err := range ids {
			if !yield(rcuser.Registration{UserID: id, Name: "name"}, err) {
				return
			}
		}
	}
}

func sentTo(server *rctest.Server, path string) []rctest.Request {
	return slices.DeleteFunc(server.Requests(), func(r rctest.Request) bool { return r.Path != path })
}

// TestBulkRefusesBadArguments: no id is taken from the stream.
func TestBulkRefusesBadArguments(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	untouched := iter.Seq2[string, error](func(func(string, error) bool) { t.Error("an id was taken") })
	for name, call := range map[string]func() error{
		"duration": func() error {
			_, err := client.Bulk.Ban(t.Context(), untouched, 90*time.Second, rcuser.BulkOptions{})
			return err
		},
		"before": func() error {
			_, err := client.Bulk.ExpireTokens(t.Context(), untouched, time.Time{}, rcuser.BulkOptions{})
			return err
		},
		"ownerID": func() error {
			_, err := client.Bulk.Block(t.Context(), "", untouched, rcuser.BulkOptions{})
			return err
		},
		"ids":   func() error { _, err := client.Bulk.Unban(t.Context(), nil, rcuser.BulkOptions{}); return err },
		"users": func() error { return onlyResultError(client.Bulk.Register(t.Context(), nil, rcuser.BulkOptions{})) },
		"lists": func() error {
			return onlyResultError(client.Bulk.ReplaceBlocklists(t.Context(), nil, rcuser.BulkOptions{}))
		},
		"BulkOptions.StopAfter": func() error {
			_, err := client.Bulk.Unban(t.Context(), untouched, rcuser.BulkOptions{StopAfter: -1})
			return err
		},
		"BulkOptions.Expected": func() error {
			_, err := client.Bulk.Unban(t.Context(), untouched, rcuser.BulkOptions{Expected: -1})
			return err
		},
		"Client": func() error {
			_, err := (&rcuser.Client{}).Bulk.Unban(t.Context(), untouched, rcuser.BulkOptions{})
			return err
		},
		"ctx": func() error {
			_, err := client.Bulk.Unban(nil, untouched, rcuser.BulkOptions{}) //nolint:staticcheck // that is the mistake
			return err
		},
	} {
		argument, ok := errors.AsType[*rcuser.ArgumentError](call())
		require.True(t, ok, name)
		require.Equal(t, name, argument.Name)
	}
	require.Empty(t, server.Requests())
}

// onlyResultError returns the error of the only result, or nil.
func onlyResultError[T any](results iter.Seq[rcuser.BulkResult[T]]) error {
	all := slices.Collect(results)
	if len(all) != 1 {
		return nil
	}
	return all[0].Err
}

func ExampleBulkService_Ban() {
	client, rc := connect()
	defer rc.Close()

	ids := func(yield func(string, error) bool) {
		for i := range 1000 {
			if !yield(fmt.Sprintf("user%d", i), nil) {
				return
			}
		}
	}
	report, err := client.Bulk.Ban(context.Background(), ids, 24*time.Hour, rcuser.BulkOptions{})
	fmt.Println(report.Done, "of", report.Total, "in", len(rc.Requests()), "calls:", err)
	// Output: 1000 of 1000 in 50 calls: <nil>
}

func ExampleBulkService_Online() {
	client, rc := connect()
	defer rc.Close()

	rc.SetOnline("bob", true)
	for result := range client.Bulk.Online(context.Background(), rcuser.Stream(slices.Values([]string{"alice", "bob"})), rcuser.BulkOptions{}) {
		if result.Err == nil && result.Value {
			fmt.Println(result.UserID, "is online")
		}
	}
	// Output: bob is online
}
