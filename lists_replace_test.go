package rcuser_test

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// replacers returns the methods that take a wanted list.
func replacers(list listService) []func(context.Context, string, []string) (rcuser.Change, error) {
	return []func(context.Context, string, []string) (rcuser.Change, error){list.Plan, list.Replace}
}

// storedList is the list of "ann" in a fake.
type storedList struct {
	t       require.TestingT
	kind    listKind
	server  *rctest.Server
	service listService
	filled  int                  // requests that filled it
	after   func(rcuser.Attempt) // called after every attempt
}

// newStoredList returns a list that holds ids, newest first.
func newStoredList(t require.TestingT, kind listKind, ids []string) *storedList {
	l := &storedList{t: t, kind: kind, server: rctest.NewServer(), after: func(rcuser.Attempt) {}}
	config := l.server.Config()
	config.OnAttempt = func(_ context.Context, a rcuser.Attempt) { l.after(a) }
	client, err := rcuser.NewClient(config)
	require.NoError(t, err)
	l.service = kind.service(client)
	oldestFirst := slices.Clone(ids)
	slices.Reverse(oldestFirst)
	for batch := range slices.Chunk(oldestFirst, 20) {
		require.NoError(t, l.service.Add(context.Background(), "ann", batch))
		l.filled++
	}
	return l
}

func (l *storedList) ids() []string { return l.kind.members(l.server.User("ann")) }

// sent returns the requests after those that filled the list: "query", "add 20", "remove 3".
func (l *storedList) sent() []string {
	var sent []string
	for _, request := range l.server.Requests()[l.filled:] {
		require.True(l.t, strings.HasPrefix(request.Path, l.kind.paths), request.Path)
		step := strings.TrimSuffix(path.Base(request.Path), ".json")
		if ids := request.Form[l.kind.field]; ids != nil {
			step += " " + strconv.Itoa(len(ids))
		}
		sent = append(sent, step)
	}
	return sent
}

// times returns the requests that n ids need in batches of 20.
func times(step string, n int) []string {
	steps := slices.Repeat([]string{step + " 20"}, n/20)
	if n%20 > 0 {
		steps = append(steps, fmt.Sprintf("%s %d", step, n%20))
	}
	return steps
}

// queries returns the requests that read n ids.
func queries(n int) []string { return slices.Repeat([]string{"query"}, max(1, (n+999)/1000)) }

// change returns what turns one list into the other.
func change(from, to []string) rcuser.Change {
	var c rcuser.Change
	for _, id := range to {
		if !slices.Contains(from, id) && !slices.Contains(c.Added, id) {
			c.Added = append(c.Added, id)
		}
	}
	for _, id := range from {
		if !slices.Contains(to, id) {
			c.Removed = append(c.Removed, id)
		}
	}
	return c
}

// poolID is one of 90 ids, so that two lists have some in common.
var poolID = rapid.Map(rapid.IntRange(1, 90), func(n int) string { return fmt.Sprintf("u%d", n) })

// TestReplace turns random lists into others: it sends no more than needed, and changes what Plan returned before.
func TestReplace(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		rapid.Check(t, func(r *rapid.T) {
			from := rapid.SliceOfNDistinct(poolID, 0, 60, rapid.ID[string]).Draw(r, "from")
			to := rapid.SliceOfN(poolID, 0, 60).Draw(r, "to")
			if rapid.Bool().Draw(r, "equal") {
				to = append(append([]string{}, rapid.Permutation(from).Draw(r, "order")...), from...)
			}
			requireReplaced(r, kind, from, to)
		})
	})
}

// pairOfSizes are the lengths of two lists, and how many ids they have in common.
type pairOfSizes struct{ from, kept, to int }

func (p pairOfSizes) lists() (from, to []string) {
	from = manyIDs(p.from)
	to = slices.Clone(from[p.from-p.kept:])
	for i := range p.to - p.kept {
		to = append(to, fmt.Sprintf("new%d", i))
	}
	return from, to
}

var longPair = rapid.Custom(func(r *rapid.T) pairOfSizes {
	from, to := rapid.IntRange(2900, 3000).Draw(r, "from"), rapid.IntRange(2900, 3000).Draw(r, "to")
	return pairOfSizes{from, rapid.IntRange(2800, min(from, to)).Draw(r, "kept"), to}
})

// TestReplaceLongLists does the same near the limit, where the order of the calls matters: the fake refuses more than 3000
// ids, and additions come first wherever they fit.
func TestReplaceLongLists(t *testing.T) {
	t.Parallel()
	pairs := []pairOfSizes{{2990, 2980, 2990}, {2990, 2980, 2991}, {3000, 2975, 3000}, {3000, 0, 1}, {3000, 3000, 3000}, {0, 0, 3000}}
	for seed := range 6 { // rapid.Check would take seconds
		pairs = append(pairs, longPair.Example(seed))
	}
	onBothLists(t, func(t *testing.T, kind listKind) {
		for _, pair := range pairs {
			from, to := pair.lists()
			requireReplaced(t, kind, from, to)
		}
	})
}

func requireReplaced(t require.TestingT, kind listKind, from, to []string) {
	ctx := context.Background()
	l := newStoredList(t, kind, from)
	expected := change(from, to)
	plan, err := l.service.Plan(ctx, "ann", to)
	require.NoError(t, err)
	require.Equal(t, expected, plan)
	require.Equal(t, from, append([]string{}, l.ids()...), "Plan changed the list")

	done, err := l.service.Replace(ctx, "ann", to)
	require.NoError(t, err)
	require.Equal(t, expected, done)
	wanted := slices.Compact(slices.Sorted(slices.Values(to)))
	require.Equal(t, wanted, slices.Sorted(slices.Values(l.ids())))

	steps := slices.Concat(queries(len(from)), queries(len(from)))
	added, removed := times("add", len(expected.Added)), times("remove", len(expected.Removed))
	if len(from)+len(expected.Added) > 3000 {
		added, removed = removed, added
	}
	require.Equal(t, slices.Concat(steps, added, removed), l.sent())
}

// TestReplaceReturnsWhatWasChanged breaks each call of a Replace in turn, with additions first and with removals first.
// The Change has what succeeded before. The fake also has what a call with a lost answer changed, and another Replace
// does the rest.
func TestReplaceReturnsWhatWasChanged(t *testing.T) {
	t.Parallel()
	refused, lost := rctest.Fault{Code: 1009}, rctest.Fault{Kind: rctest.LostAnswer, Times: rctest.Always}
	onBothLists(t, func(t *testing.T, kind listKind) {
		for _, pair := range []pairOfSizes{{60, 25, 70}, {3000, 2975, 3000}} { // 3 and 2 calls, 2 and 2
			for broken := range 4 {
				synctest.Test(t, func(t *testing.T) { breakReplace(t, kind, pair, broken, refused) })
				synctest.Test(t, func(t *testing.T) { breakReplace(t, kind, pair, broken, lost) })
			}
		}
	})
}

// breakReplace injects the fault after so many changes of a Replace.
func breakReplace(t *testing.T, kind listKind, pair pairOfSizes, changes int, fault rctest.Fault) {
	from, to := pair.lists()
	l := newStoredList(t, kind, from)
	left := len(queries(pair.from)) + changes
	l.after = func(rcuser.Attempt) {
		if left--; left == 0 {
			l.server.Inject(fault)
		}
	}
	done, err := l.service.Replace(t.Context(), "ann", to)
	require.IsType(t, &rcuser.BulkError{}, err)
	failure := requireError(t, err)
	requests := l.server.Requests()
	failed := requests[len(requests)-1]
	require.Equal(t, failed.Path, failure.Endpoint)
	require.Len(t, slices.Concat(times("", len(done.Added)), times("", len(done.Removed))), changes)

	applied := rcuser.Change{Added: slices.Clone(done.Added), Removed: slices.Clone(done.Removed)}
	if fault.Kind == rctest.LostAnswer {
		require.Equal(t, rcuser.Unknown, failure.Outcome)
		require.Equal(t, 3, failure.Attempts)
		list := &applied.Removed
		if failed.Path == kind.paths+"add.json" {
			list = &applied.Added
		}
		*list = append(*list, failed.Form[kind.field]...)
	} else {
		require.Equal(t, rcuser.NotApplied, failure.Outcome)
		require.ErrorIs(t, err, rcuser.ErrNotEnabled)
	}
	oldestFirst := slices.Clone(l.ids()) // in the order of the additions
	slices.Reverse(oldestFirst)
	require.Equal(t, change(from, oldestFirst), applied)

	l.server.ClearFaults()
	rest, err := l.service.Replace(t.Context(), "ann", to)
	require.NoError(t, err)
	require.ElementsMatch(t, to, l.ids())
	expected := change(from, to)
	require.Equal(t, expected.Added, append(applied.Added, rest.Added...))
	require.Equal(t, expected.Removed, append(applied.Removed, rest.Removed...))
}

func TestReplaceEndsWithTheContext(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		l := newStoredList(t, kind, []string{"old"})
		l.after = func(rcuser.Attempt) {
			if len(l.sent()) == 3 {
				cancel()
			}
		}
		done, err := l.service.Replace(ctx, "ann", manyIDs(70))
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, rcuser.Change{Added: manyIDs(40)}, done)
		require.Equal(t, []string{"query", "add 20", "add 20"}, l.sent())

		for _, method := range replacers(l.service) {
			done, err = method(ctx, "ann", []string{"u1"})
			require.ErrorIs(t, requireError(t, err), context.Canceled)
			require.Equal(t, rcuser.Change{}, done)
		}
		_, err = l.service.Contains(ctx, "ann", "u1")
		require.ErrorIs(t, err, context.Canceled)
		require.Len(t, l.sent(), 3)
	})
}

func TestReplaceChangesNothingIfReadingFails(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		l := newStoredList(t, kind, manyIDs(1001))
		l.server.Inject(rctest.Fault{Code: 1009, Every: 2, Times: rctest.Always})
		for _, method := range replacers(l.service) {
			done, err := method(t.Context(), "ann", []string{"a"})
			require.ErrorIs(t, err, rcuser.ErrNotEnabled)
			require.Equal(t, rcuser.Change{}, done)
		}
		found, err := l.service.Contains(t.Context(), "ann", "a")
		require.ErrorIs(t, err, rcuser.ErrNotEnabled)
		require.False(t, found)
		require.Equal(t, slices.Repeat([]string{"query"}, 6), l.sent())
	})
}

// TestReplaceCountsIDsOnce has a list that changed while it was read, so that an id is on two pages: 3000 ids in all,
// 2999 of them different.
func TestReplaceCountsIDsOnce(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		ids := manyIDs(2999)
		client, tap := newClient(t, inTurn(
			reply(http.StatusOK, cursorPage(ids, 1, true)), reply(http.StatusOK, cursorPage(ids[2998:], 2, false)),
			reply(http.StatusOK, success),
		))
		done, err := kind.service(client).Replace(t.Context(), "ann", append([]string{"new"}, ids[:2998]...))
		require.NoError(t, err)
		require.Equal(t, rcuser.Change{Added: []string{"new"}, Removed: []string{"u2999"}}, done)
		var sent []string
		for _, request := range tap.requests() {
			sent = append(sent, path.Base(request.URL))
		}
		require.Equal(t, []string{"query.json", "query.json", "add.json", "remove.json"}, sent)
	})
}

func TestReplaceArguments(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		client, tap := newClient(t, unexpected(t))
		list := kind.service(client)
		for _, method := range replacers(list) {
			refused := func(ownerID string, want []string, name, text string) {
				done, err := method(t.Context(), ownerID, want)
				requireArgumentError(t, err, name, text, tap)
				require.Equal(t, rcuser.Change{}, done)
			}
			for _, bad := range badIDs {
				refused(bad.id, []string{"a"}, "ownerID", bad.text)
				refused("ann", []string{"a", "a", "b", bad.id}, "want[3]", bad.text)
			}
			refused("ann", slices.Repeat(manyIDs(3001), 2), "want", "more than 3000 different ids")
			_, err := method(nil, "ann", []string{"a"})
			requireArgumentError(t, err, "ctx", "is nil", tap)
		}
		for _, bad := range badIDs {
			_, err := list.Contains(t.Context(), bad.id, "a")
			requireArgumentError(t, err, "ownerID", bad.text, tap)
			_, err = list.Contains(t.Context(), "ann", bad.id)
			requireArgumentError(t, err, "userID", bad.text, tap)
		}
		_, err := kind.service(&rcuser.Client{}).Replace(t.Context(), "ann", []string{"a"})
		requireArgumentError(t, err, "Client", "NewClient", tap)
	})
}

func TestContainsReadsNoMoreThanNeeded(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		l := newStoredList(t, kind, manyIDs(2500))
		for _, tc := range []struct {
			id    string
			found bool
			pages int
		}{{"u1", true, 1}, {"u1000", true, 1}, {"u1001", true, 2}, {"u2500", true, 3}, {"U1", false, 3}} {
			before := len(l.sent())
			found, err := l.service.Contains(t.Context(), "ann", tc.id)
			require.NoError(t, err)
			require.Equal(t, tc.found, found, tc.id)
			require.Equal(t, slices.Repeat([]string{"query"}, tc.pages), l.sent()[before:], tc.id)
		}
		found, err := l.service.Contains(t.Context(), "bob", "u1")
		require.NoError(t, err)
		require.False(t, found)
	})
}
