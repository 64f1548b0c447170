package rcuser_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// TestBulkResults ends a range in each way: complete, left early, by a panic, by a deadline, by StopAfter.
func TestBulkResults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, service, server := newLimited(t, slidingWindow(), 50*time.Millisecond)
		all := client.Bulk.Online(t.Context(), streamed(150), rcuser.BulkOptions{})
		for range 2 { // each range starts again
			seen := map[string]bool{}
			for result := range all {
				require.NoError(t, result.Err)
				seen[result.UserID] = true
			}
			require.Len(t, seen, 150)
		}
		before := service.accepted.Load()
		for range all {
			break
		}
		require.Less(t, service.accepted.Load()-before, int64(20))
		require.Panics(t, func() {
			for range all {
				panic("in the range; the synctest bubble would not end if a goroutine stayed")
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		results := slices.Collect(client.Bulk.Online(ctx, streamed(1000), rcuser.BulkOptions{}))
		require.InDelta(t, 98, len(results), 10)
		require.ErrorIs(t, results[len(results)-1].Err, context.DeadlineExceeded)
		server.Inject(rctest.Fault{Code: 1009, Times: rctest.Always})
		stopped := slices.Collect(client.Bulk.Online(t.Context(), streamed(1000), rcuser.BulkOptions{StopAfter: 5}))
		require.Less(t, len(stopped), 20)
		require.GreaterOrEqual(t, len(stopped), 5)
	})
}

// TestBulkResultsLeftEarly cancels the calls in flight at once.
func TestBulkResultsLeftEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newIDService(t, func(call int, _ []string) (roundTripFunc, bool) {
			if call < 100 {
				return hang, true
			}
			return nil, true
		}, func(c *rcuser.Config) { c.AttemptTimeout = time.Hour })
		start := time.Now()
		for result := range client.Bulk.Register(t.Context(), registrations(streamed(1000)), rcuser.BulkOptions{}) {
			require.NoError(t, result.Err)
			break
		}
		require.Zero(t, time.Since(start))
	})
}

// TestBulkRepeatedUsers: the last of the calls for a user counts, and none overlap, also after an outage.
func TestBulkRepeatedUsers(t *testing.T) {
	skipUnderRace(t)
	t.Parallel()
	for _, outage := range []time.Duration{0, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			client, _, server := newLimited(t, slidingWindow(), 50*time.Millisecond)
			server.Inject(rctest.Fault{Kind: rctest.RefuseConnection, For: outage})
			var lists []rcuser.OwnedList
			var users []rcuser.Registration
			for i := range 60 {
				owner := fmt.Sprintf("owner%d", i/3)
				lists = append(lists, rcuser.OwnedList{OwnerID: owner, UserIDs: []string{fmt.Sprintf("user%d", i)}})
				users = append(users, rcuser.Registration{UserID: owner, Name: fmt.Sprintf("name%d", i)})
			}
			for result := range client.Bulk.ReplaceBlocklists(t.Context(), rcuser.Stream(slices.Values(lists)), rcuser.BulkOptions{}) {
				require.NoError(t, result.Err)
			}
			for result := range client.Bulk.Register(t.Context(), rcuser.Stream(slices.Values(users)), rcuser.BulkOptions{}) {
				require.NoError(t, result.Err)
			}
			for i := range 20 {
				user := server.User(fmt.Sprintf("owner%d", i))
				require.Equal(t, []string{fmt.Sprintf("user%d", 3*i+2)}, user.Blocklist)
				require.Equal(t, fmt.Sprintf("name%d", 3*i+2), user.Name)
			}
		})
	}
}

// TestBulkRepeatedUserWhenTheWorkEnds: while an item waits for an earlier one of the same user, a cancel, StopAfter and a
// range that is left end the work, and each item that was taken has a result.
func TestBulkRepeatedUserWhenTheWorkEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newIDService(t, func(call int, _ []string) (roundTripFunc, bool) {
			if call == 1 {
				return reply(400, `{"code":1002}`), false
			}
			return hang, true
		}, once)
		same := streamOf("a", "a", "a")
		stopped := slices.Collect(client.Bulk.Online(t.Context(), same, rcuser.BulkOptions{StopAfter: 1}))
		require.Len(t, stopped, 3, "the second is taken before the first has failed")
		require.ErrorIs(t, stopped[1].Err, rcuser.ErrStopped)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		cancelled := slices.Collect(client.Bulk.Online(ctx, same, rcuser.BulkOptions{}))
		require.Equal(t, time.Second, time.Since(start))
		require.Len(t, cancelled, 3)
		for range client.Bulk.Online(t.Context(), streamOf("b", "a", "a", ""), rcuser.BulkOptions{}) {
			break
		}
	})
}
