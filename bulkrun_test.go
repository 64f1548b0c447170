package rcuser_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/internal/systemtest"
	"github.com/f0207b22/rcuser/rctest"
)

// TestBulkReportsExactlyTheBadIDs mixes valid ids with ids that no request can carry and ids that RC refuses.
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
		report, err := client.Bulk.Reactivate(context.Background(), streamOf(ids...), rcuser.BulkOptions{})
		requireSum(r, report)
		var want, got []string
		for _, id := range ids {
			if slices.Contains(bad, id) {
				want = append(want, id)
			}
		}
		for _, failure := range report.Failures {
			got = append(got, failure.UserID)
			_, isArgument := errors.AsType[*rcuser.ArgumentError](failure.Err)
			require.Equal(r, !strings.HasPrefix(failure.UserID, "early"), isArgument)
		}
		require.Equal(r, want, got)
		require.Equal(r, len(ids)-len(want), report.Done)
		require.Equal(r, len(want) == 0, err == nil)
	})
}

// TestBulkSendsDuplicatesOnce: a repeated id is sent once and counted each time.
func TestBulkSendsDuplicatesOnce(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	report, err := client.Bulk.Ban(t.Context(), streamOf("a", "b", "a", "a", "b"), time.Hour, rcuser.BulkOptions{})
	require.NoError(t, err)
	require.Equal(t, rcuser.BulkReport{Total: 5, Done: 5}, report)
	require.Equal(t, []string{"a", "b"}, server.Requests()[0].Form["userId"])
}

// TestBulkSendsDuplicatesAgain that are in another batch.
func TestBulkSendsDuplicatesAgain(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	ids := append(userIDs(20), "user0", "user20", "user0")
	report, err := client.Bulk.Ban(t.Context(), streamOf(ids...), time.Hour, rcuser.BulkOptions{})
	require.NoError(t, err)
	require.Equal(t, rcuser.BulkReport{Total: 23, Done: 23}, report)
	var sent []string
	for _, request := range server.Requests() {
		sent = append(sent, request.Form["userId"]...)
	}
	require.ElementsMatch(t, append(userIDs(20), "user0", "user20"), sent)
}

// TestBulkRecordsDuplicates: the journal has every position of an id that was given more than once.
func TestBulkRecordsDuplicates(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	journal := openJournal(t, filepath.Join(t.TempDir(), "journal"))
	t.Cleanup(func() { _ = journal.Close() })
	require.NoError(t, client.Bans.Add(t.Context(), []string{"b"}, time.Hour))
	for range 2 {
		report, err := client.Bulk.Unban(t.Context(), streamOf("a", "", "b", "a", "a", "", "b"), rcuser.BulkOptions{Journal: journal})
		require.Error(t, err)
		require.Equal(t, []any{7, 5, 2}, []any{report.Total, report.Done, report.Failed})
		require.ErrorContains(t, report.Failures[0].Err, "ids[1]")
		require.ErrorContains(t, report.Failures[1].Err, "ids[5]")
		require.Len(t, sentTo(server, "/user/unblock.json"), 1, "the second run has nothing to send")
	}
}

// TestBulkReportsDuplicates: an id that fails is reported for each of its positions, also after its batch was split.
func TestBulkReportsDuplicates(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	server.Inject(rctest.Fault{Code: 1002, Times: 2}) // the batch and its first half
	ids := []string{"a", "b", "a", "c", "b", "a"}
	report, err := client.Bulk.Ban(t.Context(), streamOf(ids...), time.Hour, rcuser.BulkOptions{})
	require.ErrorIs(t, err, rcuser.ErrorCode(1002))
	require.Equal(t, []any{6, 3}, []any{report.Total, report.Done})
	var failed []string
	for _, failure := range report.Failures {
		failed = append(failed, failure.UserID)
	}
	require.Equal(t, []string{"a", "a", "a"}, failed)
}

// TestBulkUnderFaults compares the report with the fake's state, id by id.
func TestBulkUnderFaults(t *testing.T) {
	skipUnderRace(t)
	t.Parallel()
	for _, f := range systemtest.FaultCases {
		for seed := range uint64(3) {
			synctest.Test(t, func(t *testing.T) {
				client, server := newBulk(t)
				defer server.Close()
				f.Fault.Times, f.Fault.Probability, f.Fault.Seed = rctest.Always, []float64{0.3, 0.7, 1}[seed], seed
				server.Inject(f.Fault)
				report, err := client.Bulk.Block(t.Context(), "owner", streamed(300), rcuser.BulkOptions{})
				requireSum(t, report)
				require.Equal(t, report.Total == 300 && report.Done == 300, err == nil)
				requireState(t, f.Name, report, server)
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
	for _, id := range userIDs(report.Total) {
		done[id] = true
	}
	for _, failure := range report.Failures {
		if failure.State != rcuser.BulkUnknown {
			require.False(t, there[failure.UserID], "%s: %s: %v, but is there", name, failure.UserID, failure.State)
		}
		delete(done, failure.UserID)
	}
	require.Len(t, done, report.Done, name)
	for id := range done {
		require.True(t, there[id], "%s: %s is done, but isn't there", name, id)
	}
}

// TestBulkResumes interrupts the work at random times, and does the rest with the journal.
func TestBulkResumes(t *testing.T) {
	skipUnderRace(t)
	t.Parallel()
	dir := t.TempDir()
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		path := filepath.Join(dir, fmt.Sprint(run))
		faults := rapid.SliceOfN(rapid.SampledFrom(systemtest.FaultCases), 0, 3).Draw(r, "faults")
		timeouts := rapid.SliceOfN(rapid.IntRange(0, 900), 1, 3).Draw(r, "milliseconds")
		var failure any
		synctest.Test(t, func(*testing.T) {
			defer func() { failure = recover() }()
			checkResume(r, path, faults, timeouts)
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

func checkResume(r *rapid.T, path string, faults []systemtest.FaultCase, timeouts []int) {
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
	for _, ms := range timeouts {
		for _, f := range faults {
			f.Fault.Times = 3
			server.Inject(f.Fault)
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
	require.Equal(r, rcuser.BulkReport{Total: 1000, Done: 1000, Resumed: report.Resumed}, report)
	again := 0
	for _, request := range server.Requests()[sent:] {
		again += len(request.Form["userId"])
	}
	require.LessOrEqual(r, again, 1000-before.Done, "nothing that was done is sent again")
	require.False(r, server.User("user999").BannedUntil.IsZero())
}

// TestBulkCancel cancels in the middle: every id that was taken has an outcome, and no more are taken.
func TestBulkCancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, service, _ := newLimited(t, slidingWindow(), 300*time.Millisecond)
		taken := 0
		ids := func(yield func(string, error) bool) {
			for _, id := range userIDs(20_000) {
				if taken++; !yield(id, nil) {
					return
				}
			}
		}
		cause := errors.New("shutdown")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(2*time.Second, func() { cancel(cause) })
		start := time.Now()
		report, err := client.Bulk.Ban(ctx, ids, time.Hour, rcuser.BulkOptions{})
		require.Equal(t, 2*time.Second, time.Since(start), "a cancel doesn't wait for the calls in flight")
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		requireSum(t, report)
		require.Equal(t, taken, report.Total)
		require.NotZero(t, report.Unknown, "those in flight")
		require.NotZero(t, report.NotStarted)
		require.InDelta(t, 98*2*20, report.Total, 100)
		require.LessOrEqual(t, int64(report.Done), service.accepted.Load()*20)
	})
}

// TestBulkWithAnEndedContext: at most one batch is taken, and nothing is sent.
func TestBulkWithAnEndedContext(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	report, err := client.Bulk.Ban(ctx, streamed(1000), time.Hour, rcuser.BulkOptions{})
	require.ErrorIs(t, err, context.Canceled)
	requireSum(t, report)
	require.Equal(t, report.Total, report.NotStarted)
	require.LessOrEqual(t, report.Total, 20)
	require.Empty(t, server.Requests())
}

// TestBulkCancelAfterTheLastCall: work that is complete has no error, even if its context has ended.
func TestBulkCancelAfterTheLastCall(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	ctx, cancel := context.WithCancel(t.Context())
	report, err := client.Bulk.Unban(ctx, streamed(50), rcuser.BulkOptions{Progress: func(p rcuser.BulkProgress) {
		if p.Done == 50 {
			cancel()
		}
	}})
	cancel()
	require.NoError(t, err)
	require.Equal(t, rcuser.BulkReport{Total: 50, Done: 50}, report)
	require.Len(t, server.Requests(), 3)
}

// TestBulkStopsAfterFailures: the calls in flight still end.
func TestBulkStopsAfterFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, service, server := newLimited(t, slidingWindow(), 100*time.Millisecond)
		server.Inject(rctest.Fault{Code: 1002, Times: rctest.Always})
		report, err := client.Bulk.Ban(t.Context(), streamed(40_000), time.Hour, rcuser.BulkOptions{StopAfter: 30})
		require.ErrorIs(t, err, rcuser.ErrorCode(1002))
		require.ErrorIs(t, err, rcuser.ErrStopped)
		requireSum(t, report)
		require.GreaterOrEqual(t, report.Failed, 30)
		require.Less(t, service.accepted.Load(), int64(80), "30 ids stand alone after about 60 calls")
		require.Less(t, report.Total, 500)
	})
}

// TestBulkStopsWhenRCIsUnreachable: ids that were never sent aren't failures of their own.
func TestBulkStopsWhenRCIsUnreachable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _, server := newLimited(t, slidingWindow(), 0)
		server.Inject(rctest.Fault{Kind: rctest.RefuseConnection, Times: rctest.Always})
		start := time.Now()
		report, err := client.Bulk.Ban(t.Context(), streamed(40_000), time.Hour, rcuser.BulkOptions{StopAfter: 5, MaxOutage: time.Minute})
		require.NotErrorIs(t, err, rcuser.ErrStopped)
		require.ErrorContains(t, err, "no call got through for 1m0s")
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.InDelta(t, time.Minute, time.Since(start), float64(3*time.Second))
		requireSum(t, report)
		require.Equal(t, report.Total, report.NotStarted, "nothing was sent")
		require.Less(t, report.Total, 1000)
	})
}

// TestBulkSplitsRefusedBatches: a batch is not split if the code concerns the whole app.
func TestBulkSplitsRefusedBatches(t *testing.T) {
	t.Parallel()
	for code, requests := range map[int]int{1002: 39, 1005: 39, 4711: 39, 1001: 1, 1004: 1, 1006: 1, 1007: 1, 1009: 1} {
		client, server := newBulk(t)
		server.Inject(rctest.Fault{Code: code, Times: rctest.Always})
		report, err := client.Bulk.Ban(t.Context(), streamed(20), time.Hour, rcuser.BulkOptions{})
		require.ErrorIs(t, err, rcuser.ErrorCode(code))
		require.Equal(t, 20, report.Failed)
		require.Len(t, server.Requests(), requests, code)
	}
}
