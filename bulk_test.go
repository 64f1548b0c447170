package rcuser_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// newBulk is a client of a fake, without limits.
func newBulk(t require.TestingT) (*rcuser.Client, *rctest.Server) {
	server := rctest.NewServer()
	client, err := rcuser.NewClient(server.Config())
	require.NoError(t, err)
	return client, server
}

// requireSum holds whatever happened.
func requireSum(t require.TestingT, report rcuser.BulkReport) {
	require.Equal(t, report.Total, report.Done+len(report.Failed)+len(report.Unknown)+len(report.NotStarted))
}

// TestBulkDoesWhatItsNameSays goes through all that take ids.
func TestBulkDoesWhatItsNameSays(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	ctx, opts := t.Context(), rcuser.BulkOptions{}
	ids := func() iter.Seq[string] { return streamed(205) }
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

func registrations(ids iter.Seq[string]) iter.Seq[rcuser.Registration] {
	return func(yield func(rcuser.Registration) bool) {
		for id := range ids {
			if !yield(rcuser.Registration{UserID: id, Name: "name"}) {
				return
			}
		}
	}
}

func sentTo(server *rctest.Server, path string) []rctest.Request {
	return slices.DeleteFunc(server.Requests(), func(r rctest.Request) bool { return r.Path != path })
}

// TestBulkReportsExactlyTheBadIDs has those that no request can carry, and one that RC refuses alone.
func TestBulkReportsExactlyTheBadIDs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		client, server := newBulk(r)
		defer server.Close()
		_, err := client.Users.Deactivate(context.Background(), []string{"early1", "early2"})
		require.NoError(r, err)
		bad := []string{"", strings.Repeat("x", 65), "a\nb", "\xff", "with,comma", "early1", "early2"}
		pick := rapid.OneOf(rapid.SampledFrom(bad), rapid.StringMatching(`u[0-9]{1,3}`), rapid.StringMatching(`u[0-9]{1,3}`))
		ids := rapid.SliceOfN(pick, 0, 400).Draw(r, "ids")
		report, err := client.Bulk.Reactivate(context.Background(), slices.Values(ids), rcuser.BulkOptions{})
		requireSum(r, report)
		var want, got []string
		for _, id := range ids {
			if slices.Contains(bad, id) {
				want = append(want, id)
			}
		}
		for _, failure := range report.Failed {
			got = append(got, failure.UserID)
			_, isArgument := errors.AsType[*rcuser.ArgumentError](failure.Err)
			require.Equal(r, !strings.HasPrefix(failure.UserID, "early"), isArgument)
		}
		require.Equal(r, want, got)
		require.Equal(r, len(ids)-len(want), report.Done)
		require.Equal(r, len(want) == 0, err == nil)
	})
}

// TestBulkSendsDuplicatesOnce counts each of them all the same.
func TestBulkSendsDuplicatesOnce(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	report, err := client.Bulk.Ban(t.Context(), slices.Values([]string{"a", "b", "a", "a", "b"}), time.Hour, rcuser.BulkOptions{})
	require.NoError(t, err)
	require.Equal(t, rcuser.BulkReport{Total: 5, Done: 5}, report)
	require.Equal(t, []string{"a", "b"}, server.Requests()[0].Form["userId"])
}

// TestBulkUnderFaults holds the report against the fake's state, one id at a time.
func TestBulkUnderFaults(t *testing.T) {
	skipUnderRace(t)
	t.Parallel()
	for _, f := range matrixFaults {
		for seed := range uint64(3) {
			synctest.Test(t, func(t *testing.T) {
				client, server := newBulk(t)
				defer server.Close()
				f.fault.Times, f.fault.Probability, f.fault.Seed = rctest.Always, []float64{0.3, 0.7, 1}[seed], seed
				server.Inject(f.fault)
				report, err := client.Bulk.Block(t.Context(), "owner", streamed(300), rcuser.BulkOptions{})
				requireSum(t, report)
				require.Equal(t, 300, report.Total)
				require.Equal(t, report.Done == 300, err == nil)
				requireState(t, f.name, report, server)
			})
		}
	}
}

func requireState(t *testing.T, name string, report rcuser.BulkReport, server *rctest.Server) {
	t.Helper()
	there := map[string]bool{}
	for _, id := range server.User("owner").Blocklist {
		there[id] = true
	}
	done := map[string]bool{}
	for id := range streamed(300) {
		done[id] = true
	}
	for _, failure := range report.Failed {
		require.False(t, there[failure.UserID], "%s: %s failed, but is there", name, failure.UserID)
		delete(done, failure.UserID)
	}
	for _, id := range report.NotStarted {
		require.False(t, there[id], "%s: %s was not started, but is there", name, id)
		delete(done, id)
	}
	for _, failure := range report.Unknown {
		delete(done, failure.UserID)
	}
	require.Len(t, done, report.Done, name)
	for id := range done {
		require.True(t, there[id], "%s: %s is done, but isn't there", name, id)
	}
}

// TestBulkIsResumed kills the work at a random point, and does the rest with the journal.
func TestBulkIsResumed(t *testing.T) {
	skipUnderRace(t)
	t.Parallel()
	dir := t.TempDir()
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		path := filepath.Join(dir, fmt.Sprint(run))
		faults := rapid.SliceOfN(rapid.SampledFrom(matrixFaults), 0, 3).Draw(r, "faults")
		patience := rapid.SliceOfN(rapid.IntRange(0, 900), 1, 3).Draw(r, "milliseconds")
		var failure any
		synctest.Test(t, func(*testing.T) {
			defer func() { failure = recover() }()
			resumed(r, path, faults, patience)
		})
		switch name := fmt.Sprintf("%T", failure); name { // as in TestModel
		case "<nil>":
		case "rapid.invalidData":
			panic(failure)
		default:
			panic(failure)
		}
	})
}

func resumed(r *rapid.T, path string, faults []matrixFault, patience []int) {
	server := rctest.NewServer()
	defer server.Close()
	config := server.Config()
	config.HTTPClient = &http.Client{Transport: &limitedService{
		next: config.HTTPClient.Transport, latency: 50 * time.Millisecond, allow: func(time.Time, int) bool { return true },
	}}
	config.Limiter = nil
	client, err := rcuser.NewClient(config)
	require.NoError(r, err)
	attempt := func(ctx context.Context) (rcuser.BulkReport, error) {
		journal, err := rcuser.OpenJournal(path)
		require.NoError(r, err)
		defer func() { require.NoError(r, journal.Close()) }()
		return client.Bulk.Ban(ctx, streamed(1000), time.Hour, rcuser.BulkOptions{Journal: journal})
	}
	var before rcuser.BulkReport
	for _, ms := range patience {
		for _, f := range faults {
			f.fault.Times = 3
			server.Inject(f.fault)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(ms)*time.Millisecond)
		before, _ = attempt(ctx)
		cancel()
		requireSum(r, before)
	}
	server.ClearFaults()
	time.Sleep(time.Minute)
	sent := len(server.Requests())
	report, err := attempt(context.Background())
	require.NoError(r, err)
	require.Equal(r, rcuser.BulkReport{Total: 1000, Done: 1000}, report)
	again := 0
	for _, request := range server.Requests()[sent:] {
		again += len(request.Form["userId"])
	}
	require.LessOrEqual(r, again, 1000-before.Done, "nothing that was done is sent again")
	require.False(r, server.User("user999").BannedUntil.IsZero())
}
