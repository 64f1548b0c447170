package rcuser_test

import (
	"fmt"
	"net/http"
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

// requireBulkError requires err to be a *BulkError and returns it.
func requireBulkError(t require.TestingT, err error) *rcuser.BulkError {
	var failure *rcuser.BulkError
	require.ErrorAs(t, err, &failure)
	return failure
}

// states returns the ids of a report by what became of them, each with its position.
func states(report rcuser.BulkReport) map[rcuser.BulkState][]string {
	found := map[rcuser.BulkState][]string{}
	for _, f := range report.Failures {
		found[f.State] = append(found[f.State], fmt.Sprintf("%s@%d", f.UserID, f.Position))
	}
	return found
}

func without(ids []string, left ...string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(left, id) })
}

// TestReplaceSplitsRefusedCalls has RC refuse two ids to be added, one of them in the first call, and one to be removed.
func TestReplaceSplitsRefusedCalls(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		l := newStoredList(t, kind, []string{"x", "old", "y", "z"})
		for _, id := range []string{"u7", "u33", "old"} {
			l.server.Inject(rctest.Fault{UserID: id, Code: 1002, Times: rctest.Always})
		}
		want := append(manyIDs(60), "y")
		done, err := l.service.Replace(t.Context(), "ann", want)
		failure := requireBulkError(t, err)
		require.Equal(t, rcuser.Change{Added: without(manyIDs(60), "u7", "u33"), Removed: []string{"x", "z"}}, done)
		require.Equal(t, map[rcuser.BulkState][]string{rcuser.BulkFailed: {"u7@6", "u33@32", "old@61"}}, states(failure.Report))
		require.Equal(t, []int{63, 60, 3, 0, 0}, []int{
			failure.Report.Total, failure.Report.Done, failure.Report.Failed, failure.Report.Unknown, failure.Report.NotStarted,
		})
		require.ErrorIs(t, err, rcuser.ErrParameter)
		require.Equal(t, "replace "+strings.ToLower(t.Name()[strings.LastIndex(t.Name(), "/")+1:])+` "ann"`, failure.Work)
		require.ElementsMatch(t, append(without(want, "u7", "u33"), "old"), l.ids())
		require.LessOrEqual(t, len(l.sent()), 1+3+2*10+1+4)

		again, err := l.service.Replace(t.Context(), "ann", want)
		require.Equal(t, rcuser.Change{}, again)
		require.Equal(t, map[rcuser.BulkState][]string{rcuser.BulkFailed: {"u7@0", "u33@1", "old@2"}}, states(requireBulkError(t, err).Report))
	})
}

// TestReplaceWithRefusedIDs turns random lists into others while RC refuses some ids: exactly the others are done.
func TestReplaceWithRefusedIDs(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		rapid.Check(t, func(r *rapid.T) {
			from := rapid.SliceOfNDistinct(poolID, 0, 60, rapid.ID[string]).Draw(r, "from")
			to := append([]string{}, rapid.SliceOfN(poolID, 0, 60).Draw(r, "to")...)
			refused := rapid.SliceOfNDistinct(poolID, 0, 10, rapid.ID[string]).Draw(r, "refused")
			l := newStoredList(r, kind, from)
			for _, id := range refused {
				l.server.Inject(rctest.Fault{UserID: id, Code: 1002, Times: rctest.Always})
			}
			wanted := change(from, to)
			done, err := l.service.Replace(t.Context(), "ann", to)
			require.Equal(r, without(wanted.Added, refused...), append(wanted.Added[:0:0], done.Added...))
			require.Equal(r, without(wanted.Removed, refused...), append(wanted.Removed[:0:0], done.Removed...))
			all := slices.Concat(wanted.Added, wanted.Removed)
			if failed := len(all) - len(done.Added) - len(done.Removed); failed > 0 {
				report := requireBulkError(r, err).Report
				require.Equal(r, []int{len(all), failed, 0, 0}, []int{report.Total, report.Failed, report.Unknown, report.NotStarted})
				for _, f := range report.Failures {
					require.Equal(r, all[f.Position], f.UserID)
				}
			} else {
				require.NoError(r, err)
			}
			left := without(from, done.Removed...)
			require.ElementsMatch(r, append(left, done.Added...), l.ids())
		})
	})
}

// TestReplaceSplitsAtTheLimit removes first, because the list is full.
func TestReplaceSplitsAtTheLimit(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		from, to := pairOfSizes{3000, 2950, 3000}.lists()
		l := newStoredList(t, kind, from)
		l.server.Inject(rctest.Fault{UserID: from[0], Code: 1002, Times: rctest.Always})
		done, err := l.service.Replace(t.Context(), "ann", to)
		report := requireBulkError(t, err).Report
		require.Equal(t, from[1:50], done.Removed)
		require.Len(t, done.Added, 49, "there is no room for the last one")
		require.Equal(t, map[rcuser.BulkState][]string{rcuser.BulkFailed: {"new49@49", from[0] + "@50"}}, states(report))
	})
}

// TestReplaceStopsWithoutSuccess has RC refuse every id.
func TestReplaceStopsWithoutSuccess(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		l := newStoredList(t, kind, []string{"old"})
		l.server.Inject(rctest.Fault{Endpoint: kind.paths + "add.json", Code: 20004, Times: rctest.Always})
		done, err := l.service.Replace(t.Context(), "ann", manyIDs(200))
		report := requireBulkError(t, err).Report
		require.Equal(t, rcuser.Change{Removed: []string{"old"}}, done)
		require.Equal(t, []int{60, 140}, []int{report.Failed, report.NotStarted})
		require.ErrorIs(t, report.Failures[199].Err, rcuser.ErrorCode(20004), "why it wasn't started")
		require.Equal(t, []string{"query", "add 20", "remove 1", "add 20", "add 10"}, l.sent()[:5])
		require.Len(t, l.sent(), 3+3*39, "three calls with 20 ids, split to the end")
	})
}

// TestReplaceGoesOnAfterASuccess has RC refuse the 80 ids after the first 20, and accept the others.
func TestReplaceGoesOnAfterASuccess(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		l := newStoredList(t, kind, nil)
		ids := manyIDs(120)
		for _, id := range ids[20:100] {
			l.server.Inject(rctest.Fault{UserID: id, Code: 1002, Times: rctest.Always})
		}
		done, err := l.service.Replace(t.Context(), "ann", ids)
		require.Equal(t, rcuser.Change{Added: slices.Concat(ids[:20], ids[100:])}, done)
		require.Equal(t, 80, requireBulkError(t, err).Report.Failed)
	})
}

// endingFault is a failure of the first addition that ends a Replace, and what it makes of the first 20 ids and the others.
type endingFault struct {
	fault       rctest.Fault
	cause       error
	calls       int // for the first 20 ids, all attempts
	first, rest rcuser.BulkState
}

var endingFaults = map[string]endingFault{
	"wrong secret":         {rctest.Fault{Code: 1001}, rcuser.ErrAppSecret, 1, rcuser.BulkFailed, rcuser.BulkNotStarted},
	"locked":               {rctest.Fault{Code: 1006}, rcuser.ErrAppLocked, 1, rcuser.BulkFailed, rcuser.BulkNotStarted},
	"forbidden":            {rctest.Fault{Code: 1007}, rcuser.ErrForbidden, 1, rcuser.BulkFailed, rcuser.BulkNotStarted},
	"not enabled":          {rctest.Fault{Code: 1009}, rcuser.ErrNotEnabled, 1, rcuser.BulkFailed, rcuser.BulkNotStarted},
	"rate":                 {rctest.Fault{Code: 1008}, rcuser.ErrRateLimited, 3, rcuser.BulkFailed, rcuser.BulkNotStarted},
	"503 and another code": {rctest.Fault{Code: 7777, Status: 503}, rcuser.ErrorCode(7777), 3, rcuser.BulkUnknown, rcuser.BulkNotStarted},
	"internal error":       {rctest.Fault{Code: 1000}, rcuser.ErrInternal, 3, rcuser.BulkUnknown, rcuser.BulkNotStarted},
	"hangs":                {rctest.Fault{Kind: rctest.Hang}, nil, 3, rcuser.BulkUnknown, rcuser.BulkNotStarted},
	"refused connection":   {rctest.Fault{Kind: rctest.RefuseConnection}, nil, 0, rcuser.BulkNotStarted, rcuser.BulkNotStarted},
}

func TestReplaceStopsAtWhatCantSucceed(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		for name, tc := range endingFaults {
			synctest.Test(t, func(t *testing.T) {
				l := newStoredList(t, kind, []string{"old"})
				tc.fault.Endpoint, tc.fault.Times = kind.paths+"add.json", rctest.Always
				l.server.Inject(tc.fault)
				done, err := l.service.Replace(t.Context(), "ann", manyIDs(70))
				failure := requireBulkError(t, err)
				require.Equal(t, rcuser.Change{}, done, name)
				require.Len(t, l.sent(), 1+tc.calls, name)
				require.Len(t, failure.Causes, 1, name)
				require.Same(t, requireError(t, err), failure.Causes[0], name)
				if tc.cause != nil {
					require.ErrorIs(t, err, tc.cause, name)
				}
				for i, f := range failure.Report.Failures {
					state := tc.rest
					if i < 20 {
						state = tc.first
					}
					require.Equal(t, rcuser.BulkFailure{UserID: append(manyIDs(70), "old")[i], Position: i, State: state, Err: f.Err}, f, name)
				}
				require.Len(t, failure.Report.Failures, 71, name)
			})
		}
	})
}

// TestReplaceStopsWithinASplit ends the work between two halves: the ids of the other half were refused together.
func TestReplaceStopsWithinASplit(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		l := newStoredList(t, kind, nil)
		l.server.Inject(rctest.Fault{Endpoint: kind.paths + "add.json", Code: 1002})
		l.server.Inject(rctest.Fault{UserID: "u1", Code: 1007})
		done, err := l.service.Replace(t.Context(), "ann", manyIDs(21))
		failure := requireBulkError(t, err)
		require.Equal(t, rcuser.Change{}, done)
		require.Equal(t, []int{20, 0, 1}, []int{failure.Report.Failed, failure.Report.Unknown, failure.Report.NotStarted})
		require.ErrorIs(t, failure.Causes[0], rcuser.ErrForbidden)
		require.ErrorIs(t, failure.Report.Failures[0].Err, rcuser.ErrForbidden)
		require.ErrorIs(t, failure.Report.Failures[19].Err, rcuser.ErrParameter)
		require.ErrorIs(t, failure.Report.Failures[20].Err, rcuser.ErrForbidden)
		require.Equal(t, []string{"query", "add 20", "add 10"}, l.sent())
	})
}

// TestReplaceOutageWithinASplit has nothing of the halves sent: their ids were refused together, which is why they failed.
func TestReplaceOutageWithinASplit(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		synctest.Test(t, func(t *testing.T) {
			l := newStoredList(t, kind, nil)
			add := kind.paths + "add.json"
			l.server.Inject(rctest.Fault{Endpoint: add, Code: 1002})
			l.server.Inject(rctest.Fault{Endpoint: add, Kind: rctest.RefuseConnection, For: time.Hour})
			_, err := l.service.Replace(t.Context(), "ann", manyIDs(21))
			report := requireBulkError(t, err).Report
			require.Equal(t, []int{20, 0, 1}, []int{report.Failed, report.Unknown, report.NotStarted})
			require.Equal(t, []string{"query", "add 20"}, l.sent())
		})
	})
}

// TestReplaceRemembersALostAnswer loses the answer of a call that RC applied; RC refuses its repetition, and then the
// halves or only one of them.
func TestReplaceRemembersALostAnswer(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		add := kind.paths + "add.json"
		for _, tc := range []struct {
			refused rctest.Fault
			added   []string
			unknown []string
		}{
			{rctest.Fault{Endpoint: add, Code: 1002, Times: rctest.Always}, nil, []string{"a@0", "b@1"}},
			{rctest.Fault{UserID: "b", Code: 1002, Times: rctest.Always}, []string{"a"}, []string{"b@1"}},
			{rctest.Fault{Endpoint: add, Code: 1002}, []string{"a", "b"}, nil},
		} {
			synctest.Test(t, func(t *testing.T) {
				l := newStoredList(t, kind, nil)
				l.server.Inject(rctest.Fault{Kind: rctest.LostAnswer, Endpoint: add})
				l.server.Inject(tc.refused)
				done, err := l.service.Replace(t.Context(), "ann", []string{"a", "b"})
				require.Equal(t, rcuser.Change{Added: tc.added}, done)
				require.ElementsMatch(t, []string{"a", "b"}, l.ids())
				if tc.unknown == nil {
					require.NoError(t, err)
					return
				}
				failure := requireBulkError(t, err)
				require.Equal(t, map[rcuser.BulkState][]string{rcuser.BulkUnknown: tc.unknown}, states(failure.Report))
				require.Equal(t, rcuser.Unknown, requireError(t, failure.Report.Failures[0].Err).Outcome)
			})
		}
	})
}

// TestReplaceClearsAList with a slice that is empty or nil.
func TestReplaceClearsAList(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		for _, want := range [][]string{nil, {}} {
			l := newStoredList(t, kind, []string{"a", "b"})
			planned, err := l.service.Plan(t.Context(), "ann", want)
			require.NoError(t, err)
			require.Equal(t, []string{"a", "b"}, l.ids())
			done, err := l.service.Replace(t.Context(), "ann", want)
			require.NoError(t, err)
			require.Equal(t, rcuser.Change{Removed: []string{"a", "b"}}, done)
			require.Equal(t, planned, done)
			require.Empty(t, l.ids())
		}
	})
}

// TestReplaceWithAListedIDThatCantBeSent has RC list an id that is too long for a request.
func TestReplaceWithAListedIDThatCantBeSent(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		long := strings.Repeat("x", 65)
		client, tap := newClient(t, inTurn(
			reply(http.StatusOK, cursorPage([]string{"a", long, "b"}, 1, false)), reply(http.StatusOK, success),
		))
		done, err := kind.service(client).Replace(t.Context(), "ann", []string{})
		require.Equal(t, rcuser.Change{Removed: []string{"a", "b"}}, done)
		report := requireBulkError(t, err).Report
		require.Equal(t, map[rcuser.BulkState][]string{rcuser.BulkFailed: {long + "@1"}}, states(report))
		require.IsType(t, &rcuser.ArgumentError{}, report.Failures[0].Err)
		require.Len(t, tap.requests(), 3)
	})
}

// TestReplaceOfALongerList has a list of 3500 ids, as a plan with longer lists may allow.
func TestReplaceOfALongerList(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		ids := manyIDs(3500)
		client, tap := newClient(t, inTurn(
			reply(http.StatusOK, cursorPage(ids[:1000], 1, true)), reply(http.StatusOK, cursorPage(ids[1000:2000], 2, true)),
			reply(http.StatusOK, cursorPage(ids[2000:3000], 3, true)), reply(http.StatusOK, cursorPage(ids[3000:], 4, false)),
			reply(http.StatusOK, success),
		))
		done, err := kind.service(client).Replace(t.Context(), "ann", append([]string{"new"}, ids[20:3000]...))
		require.NoError(t, err)
		require.Equal(t, []string{"new"}, done.Added)
		require.Equal(t, slices.Concat(ids[:20], ids[3000:]), done.Removed)
		bodies := tap.bodies()
		require.Len(t, bodies, 4+26+1)
		require.Contains(t, bodies[30], kind.field+"=new", "additions come last")
	})
}

// TestReplaceDuringAnOutage has both hosts refuse connections for 30 s after the first calls, and another Replace after it.
func TestReplaceDuringAnOutage(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		synctest.Test(t, func(t *testing.T) {
			l := newStoredList(t, kind, nil)
			left := 3
			l.after = func(rcuser.Attempt) {
				if left--; left == 0 {
					l.server.Inject(rctest.Fault{Kind: rctest.RefuseConnection, For: 30 * time.Second})
				}
			}
			done, err := l.service.Replace(t.Context(), "ann", manyIDs(100))
			require.Equal(t, rcuser.Change{Added: manyIDs(40)}, done)
			require.Equal(t, 60, requireBulkError(t, err).Report.NotStarted)
			require.True(t, requireError(t, err).Retryable())
			time.Sleep(30 * time.Second)
			done, err = l.service.Replace(t.Context(), "ann", manyIDs(100))
			require.NoError(t, err)
			require.Equal(t, rcuser.Change{Added: manyIDs(100)[40:]}, done)
		})
	})
}
