package rctest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func seqs(page []rctest.Request) []uint64 {
	found := []uint64{}
	for _, r := range page {
		found = append(found, r.Seq)
	}
	return found
}

func TestRequestsSince(t *testing.T) {
	t.Parallel()
	f := setup(t)
	page, next := f.RequestsSince(0, 10)
	require.Empty(t, page)
	require.Zero(t, next)
	page, next = f.RequestsSince(7, 10)
	require.Empty(t, page, "a cursor of another server")
	require.Zero(t, next)
	for range 5 {
		f.call(blockPath, banForm)
	}
	for _, c := range []struct {
		cursor   uint64
		limit    int
		want     []uint64
		wantNext uint64
	}{
		{0, 2, []uint64{1, 2}, 2},
		{2, 2, []uint64{3, 4}, 4},
		{4, 2, []uint64{5}, 5},
		{5, 2, []uint64{}, 5},
		{0, 0, []uint64{1, 2, 3, 4, 5}, 5},
		{3, -1, []uint64{4, 5}, 5},
		{6, 3, []uint64{1, 2, 3}, 3},
		{1<<64 - 1, 1001, []uint64{1, 2, 3, 4, 5}, 5},
	} {
		page, next := f.RequestsSince(c.cursor, c.limit)
		require.Equal(t, c.want, seqs(page), c)
		require.Equal(t, c.wantNext, next, c)
	}
}

// A page has at most 1,000 requests: they are copied while calls wait.
func TestRequestsSinceLimit(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for range 10_500 {
		f.call(blockPath, "")
	}
	page, next := f.RequestsSince(3, 5000)
	require.Len(t, page, 1000)
	require.EqualValues(t, 501, page[0].Seq, "those before are dropped, which shows in the Seq")
	require.EqualValues(t, 1500, next)
	all := f.Requests()
	require.Len(t, all, 10_000)
	require.EqualValues(t, 10_500, all[9_999].Seq)
}

func TestRequestsSinceReturnsCopies(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.call(blockPath, banForm)
	page, _ := f.RequestsSince(0, 1)
	page[0].Form.Set("userId", "changed")
	page[0].Header.Set("Nonce", "changed")
	page, _ = f.RequestsSince(0, 1)
	require.Equal(t, []string{"a", "14314"}, []string{page[0].Form.Get("userId"), page[0].Header.Get("Nonce")})
}

// A reader that polls while calls are made gets every request once, in order.
func TestRequestsSincePolled(t *testing.T) {
	t.Parallel()
	f := setup(t)
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 50 {
				f.call(blockPath, banForm)
			}
		})
	}
	cursor, since := uint64(0), uint64(0)
	for want := uint64(1); want <= 400; {
		changes, err := f.Changes(t.Context(), since)
		require.NoError(t, err)
		since = changes[len(changes)-1].Seq
		for {
			var page []rctest.Request
			if page, cursor = f.RequestsSince(cursor, 7); len(page) == 0 {
				break
			}
			for _, r := range page {
				require.Equal(t, want, r.Seq)
				want++
			}
		}
	}
	callers.Wait()
}

func TestDeliveriesSince(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		for i := range 5 {
			f.SetOnline("a", i%2 == 0)
		}
		a.all()
		page, next := f.DeliveriesSince(1, 3)
		require.Len(t, page, 3)
		require.EqualValues(t, []uint64{2, 3, 4, 4}, []uint64{page[0].Seq, page[1].Seq, page[2].Seq, next})
		require.Equal(t, a.all()[1].query, page[0].Query)
		page, next = f.DeliveriesSince(next, 3)
		require.Len(t, page, 1)
		page, next = f.DeliveriesSince(next, 3)
		require.Empty(t, page)
		require.EqualValues(t, 5, next)
		page, _ = f.DeliveriesSince(6, 3)
		require.EqualValues(t, 1, page[0].Seq, "a cursor of another server")
	})
}

// An app that is slow to answer, or doesn't, shows in the deliveries as soon as that is known.
func TestDeliveriesSinceShowsFailures(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		a.answer = func(http.ResponseWriter, *http.Request) { panic("broken") }
		f.SetOnline("a", true)
		synctest.Wait()
		page, _ := f.DeliveriesSince(0, 10)
		require.Len(t, page, 1)
		require.ErrorContains(t, page[0].Err, "the handler panicked: broken")
		a.answer = func(http.ResponseWriter, *http.Request) { panic(strings.Repeat("x", 1<<20)) }
		f.Advance(1e9)
		synctest.Wait()
		page, _ = f.DeliveriesSince(1, 10)
		require.Less(t, len(page[0].Err.Error()), 2000, "the text is bounded")
	})
}

func ExampleServer_RequestsSince() {
	srv := rctest.NewServer()
	defer srv.Close()
	get := func(path string) {
		resp, err := srv.Config().HTTPClient.Get("https://primary.rctest.invalid" + path)
		if err == nil {
			_ = resp.Body.Close()
		}
	}

	get("/user/info.json")
	page, cursor := srv.RequestsSince(0, 100)
	fmt.Println(len(page), page[0].Status, page[0].Reason)
	get("/user/inof.json")
	page, cursor = srv.RequestsSince(cursor, 100)
	fmt.Println(len(page), page[0].Status, page[0].Reason)
	page, _ = srv.RequestsSince(cursor, 100)
	fmt.Println(len(page))
	// Output:
	// 1 405 the method must be POST
	// 1 404 the path is unknown
	// 0
}
