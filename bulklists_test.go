package rcuser_test

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// ownedLists returns the lists of n owners, each with these ids.
func ownedLists(n int, ids ...string) iter.Seq2[rcuser.OwnedList, error] {
	return func(yield func(rcuser.OwnedList, error) bool) {
		for i := range n {
			if !yield(rcuser.OwnedList{OwnerID: fmt.Sprintf("owner%d", i), UserIDs: ids}, nil) {
				return
			}
		}
	}
}

// TestBulkReplacesLists of 300 owners, whose list has b and c.
func TestBulkReplacesLists(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	for i := range 300 {
		require.NoError(t, client.Blocklist.Add(t.Context(), fmt.Sprintf("owner%d", i), []string{"b", "c"}))
	}
	owners := map[string]bool{}
	for result := range client.Bulk.ReplaceBlocklists(t.Context(), ownedLists(300, "a", "b"), rcuser.BulkOptions{}) {
		require.NoError(t, result.Err)
		require.Equal(t, rcuser.Change{Added: []string{"a"}, Removed: []string{"c"}}, result.Value)
		require.ElementsMatch(t, []string{"a", "b"}, server.User(result.UserID).Blocklist)
		owners[result.UserID] = true
	}
	require.Len(t, owners, 300)
	for result := range client.Bulk.ReplaceAllowlists(t.Context(), ownedLists(2, "a"), rcuser.BulkOptions{}) {
		require.NoError(t, result.Err)
		require.Equal(t, rcuser.Change{Added: []string{"a"}}, result.Value)
		require.Equal(t, []string{"a"}, server.User(result.UserID).Allowlist)
	}
}

// TestBulkReplacesListsAtTheRate that RC allows, not one owner after the other: 1,000 owners at 98 reads and 98 changes a
// second, with 200 ms for each call.
func TestBulkReplacesListsAtTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _, _ := newLimited(t, func(time.Time, int) bool { return true }, 200*time.Millisecond)
		start := time.Now()
		for result := range client.Bulk.ReplaceBlocklists(t.Context(), ownedLists(1000, "a"), rcuser.BulkOptions{}) {
			require.NoError(t, result.Err)
		}
		require.Less(t, time.Since(start), 12*time.Second)
	})
}

// TestBulkReplaceOutlivesAnOutage in the middle of an owner's changes: its Change has all that was confirmed.
func TestBulkReplaceOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _, server := newLimited(t, slidingWindow(), 100*time.Millisecond)
		ids := userIDs(100)
		time.AfterFunc(350*time.Millisecond, func() {
			require.NotEmpty(t, server.User("owner0").Blocklist)
			require.Less(t, len(server.User("owner0").Blocklist), 100)
			server.Inject(rctest.Fault{Kind: rctest.RefuseConnection, For: 30 * time.Second, Times: rctest.Always})
		})
		results := slices.Collect(client.Bulk.ReplaceBlocklists(t.Context(), ownedLists(3, ids...), rcuser.BulkOptions{}))
		require.Len(t, results, 3)
		for _, result := range results {
			require.NoError(t, result.Err)
			require.Equal(t, ids, result.Value.Added)
			require.Len(t, server.User(result.UserID).Blocklist, 100)
		}
	})
}

// TestBulkReplaceTellsWhatFailed: invalid lists before anything is sent, refused ids with the changes that were made.
func TestBulkReplaceTellsWhatFailed(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	server.Inject(rctest.Fault{Code: 1002, UserID: "bad", Times: rctest.Always})
	lists := []rcuser.OwnedList{
		{OwnerID: "", UserIDs: []string{"a"}},
		{OwnerID: "o2", UserIDs: []string{"a", "\n"}},
		{OwnerID: "o3", UserIDs: []string{"a", "bad", "c"}},
		{OwnerID: "o4", UserIDs: []string{"a"}},
	}
	failed := map[string]error{}
	for result := range client.Bulk.ReplaceBlocklists(t.Context(), rcuser.Stream(slices.Values(lists)), rcuser.BulkOptions{}) {
		if result.Err != nil {
			failed[result.UserID] = result.Err
		}
		if result.UserID == "o3" {
			require.Equal(t, []string{"a", "c"}, result.Value.Added)
		}
	}
	require.Len(t, failed, 3)
	for owner, name := range map[string]string{"": "OwnedList.OwnerID", "o2": "OwnedList.UserIDs[1]"} {
		argument, ok := errors.AsType[*rcuser.ArgumentError](failed[owner])
		require.True(t, ok, owner)
		require.Equal(t, name, argument.Name)
	}
	require.ErrorIs(t, failed["o3"], rcuser.ErrParameter)
}

// TestBulkReplaceEndsWhatCannotSucceed: a wrong key costs a handful of calls.
func TestBulkReplaceEndsWhatCannotSucceed(t *testing.T) {
	t.Parallel()
	for code, most := range map[int]int{1002: 60, 1004: 1} {
		synctest.Test(t, func(t *testing.T) {
			client, service := newIDService(t, refuseAll(400, fmt.Sprintf(`{"code":%d}`, code)), defaultLimiter)
			results := slices.Collect(client.Bulk.ReplaceAllowlists(t.Context(), ownedLists(10_000, "a"), rcuser.BulkOptions{}))
			var bulk *rcuser.BulkError
			require.ErrorAs(t, results[len(results)-1].Err, &bulk)
			require.ErrorIs(t, bulk, rcuser.ErrorCode(code))
			require.LessOrEqual(t, service.calls, most+5)
		})
	}
}

// TestBulkTellsOperations: one for each call that RC accepted, with its ids.
func TestBulkTellsOperations(t *testing.T) {
	t.Parallel()
	client, server := newBulk(t)
	server.Inject(rctest.Fault{Code: 1002, UserID: "user150", Times: rctest.Always})
	ids := map[string]string{}
	report, err := client.Bulk.Deactivate(t.Context(), streamed(250), rcuser.BulkOptions{OnOperation: func(operation rcuser.Operation, called []string) {
		for _, id := range called {
			require.Empty(t, ids[id], "once each")
			ids[id] = operation.ID
		}
		called[0] = "ours"
	}})
	requireIncomplete(t, report, err)
	require.Equal(t, 249, report.Done)
	require.Len(t, ids, 249)
	require.NotContains(t, ids, "user150")
	require.NotEmpty(t, ids["user249"])
	require.NotEqual(t, ids["user0"], ids["user249"])
	require.Equal(t, ids["user0"], ids["user99"])
}

// TestBulkReplaceGoesOnAfterOddLists: lists that can't be read to their end, or with an id that no request may carry, concern
// their owners alone.
func TestBulkReplaceGoesOnAfterOddLists(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int{
		`{"code":200,"users":["x"],"next":"again"}`:                    0,
		`{"code":200,"users":["` + strings.Repeat("x", 65) + `"]}`:     0,
		`{"code":200,"users":["` + strings.Repeat("x", 65) + `","b"]}`: 1,
	} {
		synctest.Test(t, func(t *testing.T) {
			client, _ := newClient(t, func(req *http.Request) (*http.Response, error) {
				if strings.HasSuffix(req.URL.Path, "/query.json") {
					return reply(200, body)(req)
				}
				return reply(200, success)(req)
			})
			start := time.Now()
			results := slices.Collect(client.Bulk.ReplaceBlocklists(t.Context(), ownedLists(10), rcuser.BulkOptions{}))
			require.Len(t, results, 10, body)
			for _, result := range results {
				require.Error(t, result.Err)
				require.NotEmpty(t, result.UserID, body)
				require.Len(t, result.Value.Removed, want)
			}
			require.Zero(t, time.Since(start), "no outage")
		})
	}
}

// TestBulkReplaceTellsEachChangeOnce, also if others undo it before the call that follows an outage.
func TestBulkReplaceTellsEachChangeOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		empty, ok := reply(200, `{"code":200,"users":[]}`), reply(200, success)
		client, _ := newClient(t, inTurn(empty, ok, reply(503, html), empty, ok), once)
		list := rcuser.OwnedList{OwnerID: "o", UserIDs: userIDs(40)}
		lists := rcuser.Stream(slices.Values([]rcuser.OwnedList{list}))
		results := slices.Collect(client.Bulk.ReplaceBlocklists(t.Context(), lists, rcuser.BulkOptions{}))
		require.Len(t, results, 1)
		require.NoError(t, results[0].Err)
		require.Equal(t, userIDs(40), results[0].Value.Added)
	})
}

// TestBulkReplaceEndsRefusedLists: three lists of which RC refuses every change end the work, while nothing has succeeded.
func TestBulkReplaceEndsRefusedLists(t *testing.T) {
	t.Parallel()
	for changed, most := range map[bool]int{false: 3 * 120, true: 100 * 200} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			client, _ := newClient(t, func(req *http.Request) (*http.Response, error) {
				body, _ := io.ReadAll(req.Body)
				calls++
				switch form, _ := url.ParseQuery(string(body)); {
				case strings.HasSuffix(req.URL.Path, "/query.json"):
					return reply(200, `{"code":200,"users":[]}`)(req)
				case changed && slices.Contains(form["whiteUserId"], "user9") && len(form["whiteUserId"]) == 1:
					return reply(200, success)(req)
				}
				return reply(400, `{"code":20005}`)(req)
			}, func(c *rcuser.Config) {
				c.HTTPClient = &http.Client{Transport: c.HTTPClient.Transport.(*wiretap).respond}
			})
			lists := func(yield func(rcuser.OwnedList, error) bool) {
				for list, err := range ownedLists(100, userIDs(100)...) {
					time.Sleep(time.Second)
					if !yield(list, err) {
						return
					}
				}
			}
			results := slices.Collect(client.Bulk.ReplaceAllowlists(t.Context(), lists, rcuser.BulkOptions{}))
			last := results[len(results)-1]
			require.Equal(t, changed, last.UserID != "")
			require.ErrorIs(t, last.Err, rcuser.ErrorCode(20005))
			require.LessOrEqual(t, calls, most)
		})
	}
}

// TestBulkReplaceTellsListsChangedInPart: an outage, or the context's end, after the first 20 of 40 changes leaves the owner
// in a state that isn't "not started", also if later calls find nobody.
func TestBulkReplaceTellsListsChangedInPart(t *testing.T) {
	t.Parallel()
	for limit, most := range map[time.Duration]int{-1: 3, 10 * time.Second: 10} {
		synctest.Test(t, func(t *testing.T) {
			client, tap := newClient(t, inTurn(
				reply(200, `{"code":200,"users":[]}`), reply(200, success), failWith(refusedDial()),
			), once)
			var states []rcuser.BulkState
			lists := rcuser.Stream(slices.Values([]rcuser.OwnedList{{OwnerID: "o", UserIDs: userIDs(40)}}))
			results := slices.Collect(client.Bulk.ReplaceBlocklists(t.Context(), lists, rcuser.BulkOptions{
				MaxOutage: limit, OnFailure: func(f rcuser.BulkFailure) { states = append(states, f.State) },
			}))
			require.Len(t, results, 2)
			require.Equal(t, userIDs(20), results[0].Value.Added)
			require.Equal(t, []rcuser.BulkState{rcuser.BulkUnknown}, states)
			var bulk *rcuser.BulkError
			require.ErrorAs(t, results[1].Err, &bulk)
			require.Equal(t, 1, bulk.Report.Unknown)
			require.LessOrEqual(t, len(tap.requests()), most)
		})
	}
}
