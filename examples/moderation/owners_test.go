package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

func TestOwnersAreRefused(t *testing.T) {
	server := startService(t)
	tooMany := []string{"owner,user"}
	for i := range 3001 {
		tooMany = append(tooMany, fmt.Sprintf("u1,f%d", i))
	}
	for said, lines := range map[string][]string{
		"--owners needs CSV with the header owner,user":                    {"u1,a"},
		"line 1: --owners needs CSV":                                       {"user,until", "u1,2026-01-31T12:00:00Z"},
		"line 3: \"owner,user\" is the header again":                       {"owner,user", "u1,a", "owner,user", "u2,a"},
		`line 2: "u1,#N/A" has a user that is a spreadsheet's error`:       {"owner,user", "u1,#N/A"},
		"line 3: \"u1\" isn't two columns of CSV":                          {"owner,user", "u1,a", "u1"},
		"line 2: \"u1,a,b\" isn't two columns of CSV":                      {"owner,user", "u1,a,b"},
		"line 4: \"u1,b\" is apart from this owner's other lines":          {"owner,user", "u1,a", "u2,a", "u1,b"},
		"line 3: \"u1,\" makes an empty list of one that has users":        {"owner,user", "u1,a", "u1,"},
		"line 3: \"u1,a\" makes an empty list of one that has users":       {"owner,user", "u1,", "u1,a"},
		`line 2: "u1,\"a,b\"" has a user that holds ','`:                   {"owner,user", `u1,"a,b"`},
		`line 2: "u\u200b1,a" has an owner that holds the invisible`:       {"owner,user", "u\u200b1,a"},
		`line 2: ",a" has an owner that is empty`:                          {"owner,user", ",a"},
		"line 3002: \"u1,f3000\" is user 3001 of this owner, and RC keeps": tooMany,
		"no ids, so nothing was sent":                                      {"owner,user"},
		"1 list would be empty, so nothing was sent. If that is meant":     {"owner,user", "u1,a", "u2,"},
	} {
		got := do(t, "blocklist", "sync", "--yes", "--owners", writeFile(t, lines...))
		require.Equal(t, statusUsage, got.status, got.errOut)
		require.Contains(t, got.errOut, said)
	}
	require.Empty(t, server.Requests())
}

func TestOwnersSync(t *testing.T) {
	server := startService(t)
	require.Zero(t, do(t, "blocklist", "sync", "--yes", "--owner", "u3", "--file", writeFile(t, "x")).status)
	file := writeFile(t, "owner,user", "u1,a", "u1,b", "# x", `"u2",c`, "u3,")
	got := do(t, "blocklist", "sync", "--dry-run", "--owners", writeFile(t, "owner,user", "u1,a", "u1,b", "u2,c"))
	require.Zero(t, got.status, got.errOut)
	require.ElementsMatch(t, []string{"change,owner,user", "add,u1,a", "add,u1,b", "add,u2,c"}, strings.Fields(got.out))
	require.Contains(t, got.errOut, "dry run, nothing was changed: blocklist sync: 2 lists of app ")
	require.Empty(t, server.User("u1").Blocklist)

	require.Equal(t, statusUsage, do(t, "blocklist", "sync", "--yes", "--allow-empty", "--owners", file).status, "a comment isn't CSV")
	file = writeFile(t, "# lists", "owner,user", "u1,a", "u1,b", `"u2",c`, "u3,")
	got = do(t, "blocklist", "sync", "--yes", "--allow-empty", "--owners", file)
	require.Zero(t, got.status, got.errOut)
	require.Contains(t, got.errOut, "blocklist sync: users: 3 added, 1 removed\nblocklist sync: lists: total 3, done 3, failed 0,")
	require.Equal(t, []string{"b", "a"}, server.User("u1").Blocklist)
	require.Equal(t, []string{"c"}, server.User("u2").Blocklist)
	require.Empty(t, server.User("u3").Blocklist)
}

func TestOwnersThatFailAreListed(t *testing.T) {
	server := startService(t)
	refuseUsers(server, "u2")
	got := do(t, "allowlist", "sync", "--yes", "--owners", writeFile(t, "owner,user", "u1,a", "u2,b", "u3,c"))
	require.Equal(t, statusFailed, got.status)
	require.Contains(t, got.errOut, "allowlist sync: lists: total 3, done 2, failed 1,")
	require.Contains(t, got.errOut, `  failed: "u2": `)
	require.Contains(t, got.errOut, "Run the same command again to do the rest.\n")
	require.Equal(t, []string{"c"}, server.User("u3").Allowlist)

	got = do(t, "allowlist", "sync", "--dry-run", "--owners", writeFile(t, "owner,user", "u1,x", "u2,b"))
	require.Equal(t, statusFailed, got.status)
	require.Contains(t, got.errOut, `"u2": `)
	require.NotContains(t, got.errOut, "dry run, nothing")
}

// syncAll runs sync --owners on a text, with a client of one's own.
func syncAll(ctx context.Context, client *rcuser.Client, text string, confirm confirmation) (errOut string, err error) {
	var out, report strings.Builder
	cmd := &cobra.Command{}
	cmd.SetIn(strings.NewReader(text))
	cmd.SetOut(&out)
	cmd.SetErr(&report)
	cmd.SetContext(ctx)
	a := app{openTerminal: noTerminal}
	err = a.syncOwners(cmd, &syncCommand{kind: blocklist, owners: "-", confirm: confirm}, &target{client: client, name: "test"})
	return report.String(), err
}

// manyOwners returns a file with n owners of two users each.
func manyOwners(n int) string {
	var text strings.Builder
	text.WriteString("owner,user\n")
	for i := range n {
		_, _ = fmt.Fprintf(&text, "owner%d,a\nowner%d,b\n", i, i)
	}
	return text.String()
}

// TestOwnersAreSyncedAtOnce has an RC that takes 50 ms for an answer: 2,000 owners with 2 calls each would take 200 s
// one by one. The bubble's clock shows the time.
func TestOwnersAreSyncedAtOnce(t *testing.T) {
	for name, confirm := range map[string]confirmation{"sync": {yes: true}, "dry run": {dryRun: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := rctest.NewServer()
				defer server.Close()
				server.Inject(rctest.Fault{HeaderDelay: 50 * time.Millisecond, Times: rctest.Always})
				client, err := rcuser.NewClient(server.Config())
				require.NoError(t, err)
				start := time.Now()
				report, err := syncAll(t.Context(), client, manyOwners(2000), confirm)
				require.NoError(t, err, report)
				require.Less(t, time.Since(start), 200*time.Second/30)
				if confirm.yes {
					require.Equal(t, []string{"b", "a"}, server.User("owner1999").Blocklist)
				}
			})
		})
	}
}

// TestInterruptedSyncLeavesNoHalfList ends the work at every list: none that was begun may lack users that the file has.
func TestInterruptedSyncLeavesNoHalfList(t *testing.T) {
	for calls := range 6 {
		synctest.Test(t, func(t *testing.T) {
			server := rctest.NewServer()
			defer server.Close()
			cfg := server.Config()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var done atomic.Int64
			cfg.OnAttempt = func(context.Context, rcuser.Attempt) {
				if done.Add(1) > int64(calls) {
					cancel()
				}
			}
			client, err := rcuser.NewClient(cfg)
			require.NoError(t, err)
			_, err = syncAll(ctx, client, manyOwners(400), confirmation{yes: true})
			require.ErrorIs(t, err, context.Canceled)
			synced := 0
			for i := range 400 {
				if list := server.User(fmt.Sprintf("owner%d", i)).Blocklist; len(list) > 0 {
					require.Equal(t, []string{"b", "a"}, list)
					synced++
				}
			}
			require.Less(t, synced, 400)
		})
	}
}

// TestInterruptedStreamYieldsWholeLists reads the lists with a context that ends in the middle of one.
func TestInterruptedStreamYieldsWholeLists(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	kept := newSpool()
	for _, pair := range []string{"u1\ta", "u1\tb", "u2\ta", "u2\tb", "u2\tc", "u3\ta"} {
		require.NoError(t, kept.add(pair))
	}
	pairs := &records{spool: kept}
	var lists []rcuser.OwnedList
	for list, err := range ownedLists(ctx, pairs) {
		require.NoError(t, err)
		lists = append(lists, list)
		cancel()
	}
	require.Equal(t, []rcuser.OwnedList{{OwnerID: "u1", UserIDs: []string{"a", "b"}}}, lists)
	require.True(t, pairs.interrupted)
}
