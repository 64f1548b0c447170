package rcuser_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// blockServer keeps one blocklist, newest first. Its pages have 7 ids, whatever was asked for; some are empty. It refuses
// calls with refused or for which the list has no room, and closes the connection of every tenth call after having applied it.
type blockServer struct {
	t       *testing.T
	refused string
	limit   int // of the list

	mu    sync.Mutex
	ids   []string
	calls int
}

func (s *blockServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		s.t.Error(err)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	ids := form["blackUserId"]
	switch path.Base(req.URL.Path) {
	case "query.json":
		answer(w, http.StatusOK, s.page(form.Get("pageToken")))
		return
	case "add.json", "remove.json":
		changed := without(s.ids, ids...)
		if path.Base(req.URL.Path) == "add.json" {
			changed = append(changed, ids...)
		}
		if slices.Contains(ids, s.refused) || len(changed) > s.limit {
			answer(w, http.StatusBadRequest, `{"code":1005,"errorMessage":"parameter too long"}`)
			return
		}
		s.ids = changed
	}
	if s.calls%10 == 0 {
		panic(http.ErrAbortHandler)
	}
	answer(w, http.StatusOK, success)
}

// page returns 7 ids from an offset on. The page at an offset with an "e" is empty and not the last.
func (s *blockServer) page(token string) string {
	if token != "" && token[0] == 'e' {
		return fmt.Sprintf(`{"code":200,"users":[],"next":"%s"}`, token[1:])
	}
	from, _ := strconv.Atoi(token)
	to := min(from+7, len(s.ids))
	if to == len(s.ids) {
		return fmt.Sprintf(`{"code":200,"users":[%s]}`, quoted(s.ids[from:to]))
	}
	return fmt.Sprintf(`{"code":200,"users":[%s],"next":"e%d"}`, quoted(s.ids[from:to]), to)
}

// TestReplaceOverTheWire replaces a list of 100 ids by one of 150 that has 50 in common and one that the server refuses.
func TestReplaceOverTheWire(t *testing.T) {
	t.Parallel()
	ids := manyIDs(200)
	s := &blockServer{t: t, refused: "u111", limit: 3000, ids: ids[:100]}
	client := overWire(t, serve(t, s.ServeHTTP).URL)
	done, err := client.Blocklist.Replace(t.Context(), "ann", ids[50:])
	require.Equal(t, without(ids[100:], "u111"), done.Added)
	require.Equal(t, ids[:50], done.Removed)
	require.Equal(t, map[rcuser.BulkState][]string{rcuser.BulkFailed: {"u111@10"}}, states(requireBulkError(t, err).Report))
	s.mu.Lock()
	defer s.mu.Unlock()
	require.ElementsMatch(t, without(ids[50:], "u111"), s.ids)
}

// TestReplaceOnAPlanWithShorterLists has a full list of 50, or one with room for a part: the additions fit only after the
// removals.
func TestReplaceOnAPlanWithShorterLists(t *testing.T) {
	t.Parallel()
	for _, listed := range []int{50, 45, 31} {
		ids := manyIDs(95)
		s := &blockServer{t: t, limit: 50, ids: ids[:listed]}
		client := overWire(t, serve(t, s.ServeHTTP).URL)
		done, err := client.Blocklist.Replace(t.Context(), "ann", ids[45:])
		require.NoError(t, err, listed)
		require.Equal(t, rcuser.Change{Added: ids[max(45, listed):], Removed: ids[:min(45, listed)]}, done, listed)
		s.mu.Lock()
		require.ElementsMatch(t, ids[45:], s.ids, listed)
		s.mu.Unlock()
	}
}

// TestReplaceReadsShortPages has a server whose pages are shorter than asked for.
func TestReplaceReadsShortPages(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		l := newStoredList(t, kind, manyIDs(50))
		l.server.Inject(rctest.Fault{Endpoint: kind.paths + "query.json", PageSize: 7, Times: rctest.Always})
		done, err := l.service.Replace(t.Context(), "ann", manyIDs(51)[1:])
		require.NoError(t, err)
		require.Equal(t, rcuser.Change{Added: []string{"u51"}, Removed: []string{"u1"}}, done)
		found, err := l.service.Contains(t.Context(), "ann", "u50")
		require.NoError(t, err)
		require.True(t, found)
	})
}

// TestReplaceOfAListThatChanges has somebody else do a part of the work and add 8 ids of their own after the list was read:
// of the 8 wanted ids that are still missing, 2 fit.
func TestReplaceOfAListThatChanges(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		ids := manyIDs(2990)
		l := newStoredList(t, kind, ids)
		other, err := rcuser.NewClient(l.server.Config())
		require.NoError(t, err)
		reads := 0
		l.after = func(rcuser.Attempt) {
			if reads++; reads == 3 {
				require.NoError(t, kind.service(other).Remove(t.Context(), "ann", []string{"u1"}))
				require.NoError(t, kind.service(other).Add(t.Context(), "ann", []string{"a", "b", "c", "d", "e", "f", "g", "h", "new1"}))
			}
		}
		added := []string{"new1", "new2", "new3", "new4", "new5", "new6", "new7", "new8", "new9"}
		done, err := l.service.Replace(t.Context(), "ann", append(ids[1:], added...))
		require.Equal(t, rcuser.Change{Added: added[:3], Removed: []string{"u1"}}, done, "new1 and u1 needed nothing any more")
		report := requireBulkError(t, err).Report
		require.Equal(t, []int{10, 4, 6}, []int{report.Total, report.Done, report.Failed})
		require.Len(t, l.ids(), 3000)
	})
}

// TestReplaceStopsAtAProxysPage isn't about the ids: RC wasn't reached.
func TestReplaceStopsAtAProxysPage(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		for _, status := range []int{403, 404, 407} {
			l := newStoredList(t, kind, nil)
			l.server.Inject(rctest.Fault{Endpoint: kind.paths + "add.json", Status: status, Body: html, Times: rctest.Always})
			done, err := l.service.Replace(t.Context(), "ann", manyIDs(40))
			report := requireBulkError(t, err).Report
			require.Equal(t, rcuser.Change{}, done)
			require.Equal(t, []int{20, 20}, []int{report.Failed, report.NotStarted})
			require.LessOrEqual(t, len(l.sent()), 4, "attempts of one call")
		}
	})
}
