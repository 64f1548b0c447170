package rcuser_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/f0207b22/rcuser"
)

const noUsers = `{"code":200,"users":[]}`

// requirePageForms requires a method to send these bodies for these options.
func requirePageForms(
	t *testing.T, call func(rcuser.PageOptions) func(context.Context, *rcuser.Client) error, bodies map[rcuser.PageOptions]string,
) {
	t.Helper()
	for page, body := range bodies {
		client, tap := newClient(t, reply(http.StatusOK, noUsers))
		require.NoError(t, call(page)(t.Context(), client))
		require.Equal(t, []string{body}, tap.bodies(), page)
	}
}

// listing is an iterator, and the requests and answers of its pages.
type listing struct {
	path     string
	size     int  // ids on a page
	numbered bool // pages are asked for by number; else each answer has the token of the next
	all      func(context.Context, *rcuser.Client) iter.Seq2[string, error]
	page     func(ids []string, number int, more bool) string // answer with these ids; more: another page follows
	body     func(number int) string                          // form that asks for a page
}

// testListing tests everything that an iterator over pages promises.
func testListing(t *testing.T, l listing) {
	for name, test := range map[string]func(*testing.T){
		"yields all pages":            l.yieldsAllPages,
		"a short page isn't the end":  l.goesOnAfterShortPages,
		"a page may have no ids":      l.skipsUnreadableIDs,
		"starts anew with each range": l.startsAnew,
		"stops when the loop is left": l.stopsWhenLeft,
		"ends with an error":          l.endsWithAnError,
		"ends with a cycle of 1 page": func(t *testing.T) { l.endsWithACycle(t, 0, 1, 3) },
		"ends with a cycle of 2":      func(t *testing.T) { l.endsWithACycle(t, 0, 2, 8) },
		"ends with a cycle of 57":     func(t *testing.T) { l.endsWithACycle(t, 30, 57, 400) },
		"ends with a cycle of 1000":   func(t *testing.T) { l.endsWithACycle(t, 1, 1000, 4000) },
		"ends with the context":       l.endsWithTheContext,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// numberedBody is the form that asks for a numbered page of 50.
func numberedBody(number int, pageKey, sizeKey string) string {
	return fmt.Sprintf("%s=%d&%s=50", pageKey, number, sizeKey)
}

// pages splits ids into answers. In a numbered listing an empty page follows the last id.
func (l listing) pages(ids []string) []string {
	var answers []string
	for number := 1; len(ids) > l.size; number++ {
		answers = append(answers, l.page(ids[:l.size], number, true))
		ids = ids[l.size:]
	}
	answers = append(answers, l.page(ids, len(answers)+1, false))
	if l.numbered && len(ids) > 0 {
		return append(answers, l.page(nil, 0, false))
	}
	return answers
}

// serve answers each request with the page that it asks for.
func (l listing) serve(t *testing.T, pages []string) (client *rcuser.Client, tap *wiretap) {
	t.Helper()
	client, tap = newClient(t, func(req *http.Request) (*http.Response, error) {
		asked := tap.requests()[len(tap.requests())-1].Body
		for i, page := range pages {
			if asked == l.body(i+1) && req.URL.Path == l.path {
				return reply(http.StatusOK, page)(req)
			}
		}
		return unexpected(t)(req)
	}, once)
	return client, tap
}

// bodies returns the forms that ask for the pages.
func (l listing) bodies(numbers ...int) []string {
	var bodies []string
	for _, number := range numbers {
		bodies = append(bodies, l.body(number))
	}
	return bodies
}

// gather ranges to the end. An id that comes with an error is an error too, and so is an iterator that doesn't end.
func gather(seq iter.Seq2[string, error]) (ids []string, errs []error) {
	for id, err := range seq {
		if err != nil {
			errs = append(errs, err)
			if id != "" {
				errs = append(errs, fmt.Errorf("an id came with the error: %s", id))
			}
			continue
		}
		if ids = append(ids, id); len(ids) == 10_000 {
			return ids, append(errs, errors.New("the iterator doesn't end"))
		}
	}
	return ids, errs
}

// requests gives the numbers of the pages that are asked for: one more in a numbered listing, which ends with an empty page.
func (l listing) requests(numbers ...int) []string {
	if l.numbered {
		numbers = append(numbers, len(numbers)+1)
	}
	return l.bodies(numbers...)
}

func (l listing) yieldsAllPages(t *testing.T) {
	for n, want := range map[int][]string{
		0:            l.bodies(1),
		1:            l.requests(1),
		l.size - 1:   l.requests(1),
		2*l.size - 1: l.requests(1, 2),
		2 * l.size:   l.requests(1, 2),
		2*l.size + 1: l.requests(1, 2, 3),
	} {
		client, tap := l.serve(t, l.pages(manyIDs(n)))
		ids, errs := gather(l.all(t.Context(), client))
		require.Empty(t, errs)
		require.Equal(t, append([]string(nil), manyIDs(n)...), ids)
		require.Equal(t, want, tap.bodies(), n)
	}
}

// goesOnAfterShortPages has pages with fewer ids than were asked for.
func (l listing) goesOnAfterShortPages(t *testing.T) {
	ids := manyIDs(l.size + 3)
	client, tap := l.serve(t, []string{
		l.page(ids[:1], 1, true),
		l.page(ids[1:l.size+1], 2, true),
		l.page(ids[l.size+1:l.size+2], 3, true),
		l.page(ids[l.size+2:], 4, false),
		l.page(nil, 5, false),
	})
	got, errs := gather(l.all(t.Context(), client))
	require.Empty(t, errs)
	require.Equal(t, ids, got)
	require.Equal(t, l.requests(1, 2, 3, 4), tap.bodies())
}

// skipsUnreadableIDs has a page without any id that can be read, and one with some. Neither is the end.
func (l listing) skipsUnreadableIDs(t *testing.T) {
	const mark = "mark"
	odd := func(page string) string { return strings.ReplaceAll(page, `"`+mark+`"`, "null") }
	client, tap := l.serve(t, []string{
		odd(l.page([]string{mark}, 1, true)),
		odd(l.page([]string{"a", mark, "b"}, 2, true)),
		l.page([]string{"c"}, 3, false),
		l.page(nil, 4, false),
	})
	ids, errs := gather(l.all(t.Context(), client))
	require.Empty(t, errs)
	require.Equal(t, []string{"a", "b", "c"}, ids)
	require.Equal(t, l.requests(1, 2, 3), tap.bodies())
}

func (l listing) startsAnew(t *testing.T) {
	client, tap := l.serve(t, l.pages(manyIDs(l.size+1)))
	seq := l.all(t.Context(), client)
	require.Empty(t, tap.requests(), "nothing is sent before the range")
	for range 2 {
		ids, errs := gather(seq)
		require.Empty(t, errs)
		require.Equal(t, manyIDs(l.size+1), ids)
	}
	once := l.requests(1, 2)
	require.Equal(t, append(once, once...), tap.bodies())
}

func (l listing) stopsWhenLeft(t *testing.T) {
	client, tap := l.serve(t, l.pages(manyIDs(3*l.size)))
	for _, leave := range []int{1, l.size, l.size + 1} {
		before, count := len(tap.requests()), 0
		for _, err := range l.all(t.Context(), client) {
			require.NoError(t, err)
			if count++; count == leave {
				break
			}
		}
		want := map[bool][]int{true: {1, 2}, false: {1}}[leave > l.size]
		require.Equal(t, l.bodies(want...), tap.bodies()[before:])
	}
}

func (l listing) endsWithAnError(t *testing.T) {
	pages := l.pages(manyIDs(3 * l.size))
	pages[1] = `{"code":1009,"errorMessage":"off"}`
	client, tap := l.serve(t, pages)
	ids, errs := gather(l.all(t.Context(), client))
	require.Equal(t, manyIDs(l.size), ids)
	require.Len(t, errs, 1)
	require.ErrorIs(t, errs[0], rcuser.ErrNotEnabled)
	require.Equal(t, l.path, requireError(t, errs[0]).Endpoint)
	require.Equal(t, l.bodies(1, 2), tap.bodies())
}

// endsWithACycle gives some pages and then, for ever, the same ones again. The error must come within limit calls, and after
// an id of each page.
func (l listing) endsWithACycle(t *testing.T, before, period, limit int) {
	calls := 0
	client, _ := newClient(t, func(req *http.Request) (*http.Response, error) {
		number, next := calls, calls+1
		if number >= before {
			number = before + (number-before)%period
		}
		if next >= before {
			next = before + (next-before)%period
		}
		if calls++; calls > limit {
			return unexpected(t)(req)
		}
		return reply(http.StatusOK, l.page([]string{fmt.Sprintf("u%d", number)}, next, true))(req)
	})
	seen := map[string]bool{}
	var errs []error
	for id, err := range l.all(t.Context(), client) {
		if err == nil {
			seen[id] = true
		} else {
			require.Empty(t, id)
			errs = append(errs, err)
		}
	}
	require.Len(t, errs, 1)
	require.Len(t, seen, before+period)
	rcErr := requireError(t, errs[0])
	require.Equal(t, []any{l.path, rcuser.Unknown}, []any{rcErr.Endpoint, rcErr.Outcome})
	require.ErrorContains(t, rcErr, "broken answer")
}

func (l listing) endsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	client, tap := l.serve(t, l.pages(manyIDs(3*l.size)))
	var errs []error
	count := 0
	for _, err := range l.all(ctx, client) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if count++; count == l.size {
			cancel()
		}
	}
	require.Equal(t, l.size, count)
	require.Len(t, errs, 1)
	require.ErrorIs(t, errs[0], context.Canceled)
	require.Len(t, tap.requests(), 1)
}

// testNumberedListing tests what only numbered pages have: nothing but their content says that they repeat themselves.
func testNumberedListing(t *testing.T, l listing) {
	// New items may move an earlier page to where it is read again, once.
	for _, pages := range [][]string{{"a", "a", "b"}, {"a", "b", "a", "c"}, {"a", "b", "b", "c", "c", "d"}, {"a", "b", "c", "b", "c", "d"}} {
		var answers []string
		for _, id := range pages {
			answers = append(answers, l.page([]string{id}, 0, false))
		}
		client, _ := l.serve(t, append(answers, l.page(nil, 0, false)))
		ids, errs := gather(l.all(t.Context(), client))
		require.Empty(t, errs)
		require.Equal(t, pages, ids)
	}
}

// TestListingsLoseNothing has servers that cut their lists into pages of any lengths, with entries that have no id and, where
// a token tells that more follows, with empty pages.
func TestListingsLoseNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		numbered := rapid.Bool().Draw(t, "numbered")
		lengths := rapid.SliceOfN(rapid.IntRange(0, 4), 1, 40).Draw(t, "lengths")
		var want, pages []string
		for _, length := range lengths {
			if numbered {
				length = max(length, 1)
			}
			entries := make([]string, length)
			for i := range entries {
				entries[i] = rapid.SampledFrom([]string{"null", `""`, "{}", "false"}).Draw(t, "entry")
				if numbered && i == 0 || rapid.IntRange(0, 3).Draw(t, "has an id") > 0 { // numbered pages must differ
					want = append(want, fmt.Sprintf("id %d", len(want)))
					entries[i] = fmt.Sprintf("%q", want[len(want)-1])
				}
			}
			pages = append(pages, "["+strings.Join(entries, ",")+"]")
		}
		client, err := rcuser.NewClient(rcuser.Config{
			AppKey: testKey, AppSecret: testSecret, DataCenter: rcuser.Beijing, Limiter: rcuser.NoLimit,
			HTTPClient: &http.Client{Transport: serveCut(pages)},
		})
		require.NoError(t, err)
		all := client.Users.AllDeactivated(context.Background())
		if !numbered {
			all = client.Blocklist.All(context.Background(), "owner")
		}
		ids, errs := gather(all)
		require.Empty(t, errs)
		require.Equal(t, want, ids)
	})
}

// serveCut serves pages by their numbers or tokens, whichever the form has.
func serveCut(pages []string) roundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		if err := req.ParseForm(); err != nil {
			return nil, err
		}
		text := req.Form.Get("pageNo")
		number, _ := strconv.Atoi(cmp.Or(text, req.Form.Get("pageToken"), "1"))
		switch {
		case text != "" && number > len(pages):
			return reply(http.StatusOK, noUsers)(req)
		case text != "" || number == len(pages):
			return reply(http.StatusOK, fmt.Sprintf(`{"code":200,"users":%s}`, pages[number-1]))(req)
		}
		return reply(http.StatusOK, fmt.Sprintf(`{"code":200,"users":%s,"next":%d}`, pages[number-1], number+1))(req)
	}
}
