package rcuser_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

const (
	noUsers       = `{"code":200,"users":[]}`
	emptyIDAnswer = `{"code":200,"users":["a",null]}` // an iterator would yield the empty id as if it came with an error
)

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
		"starts anew with each range": l.startsAnew,
		"stops when the loop is left": l.stopsWhenLeft,
		"ends with an error":          l.endsWithAnError,
		"ends when a listing repeats": l.endsWhenRepeating,
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

// pages splits ids into answers. In a numbered listing an empty page follows a last page that is full.
func (l listing) pages(ids []string) []string {
	var answers []string
	for number := 1; len(ids) > l.size; number++ {
		answers = append(answers, l.page(ids[:l.size], number, true))
		ids = ids[l.size:]
	}
	last := l.page(ids, len(answers)+1, false)
	if l.numbered && len(ids) == l.size {
		return append(answers, last, l.page(nil, 0, false))
	}
	return append(answers, last)
}

// serve answers each request with the page that it asks for.
func (l listing) serve(t *testing.T, pages []string) (*rcuser.Client, *wiretap) {
	t.Helper()
	var tap *wiretap
	client, tap := newClient(t, func(req *http.Request) (*http.Response, error) {
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

func (l listing) yieldsAllPages(t *testing.T) {
	for n, want := range map[int][]int{
		0: {1}, 1: {1}, l.size - 1: {1}, 2*l.size - 1: {1, 2}, 2*l.size + 1: {1, 2, 3},
	} {
		client, tap := l.serve(t, l.pages(manyIDs(n)))
		ids, errs := gather(l.all(t.Context(), client))
		require.Empty(t, errs)
		require.Len(t, ids, n)
		require.Equal(t, append([]string(nil), manyIDs(n)...), ids)
		require.Equal(t, l.bodies(want...), tap.bodies(), n)
	}
	client, tap := l.serve(t, l.pages(manyIDs(2*l.size)))
	ids, errs := gather(l.all(t.Context(), client))
	require.Empty(t, errs)
	require.Equal(t, manyIDs(2*l.size), ids)
	want := map[bool][]int{true: {1, 2, 3}, false: {1, 2}}[l.numbered]
	require.Equal(t, l.bodies(want...), tap.bodies(), "the last page is full")
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
	require.Equal(t, l.bodies(1, 2, 1, 2), tap.bodies())
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

// endsWhenRepeating gives pages that never end: with tokens, the second page names itself as the next.
func (l listing) endsWhenRepeating(t *testing.T) {
	full := manyIDs(l.size)
	client, tap := l.serve(t, []string{l.page(full, 1, true), l.page(full, 1, true)})
	ids, errs := gather(l.all(t.Context(), client))
	require.Len(t, errs, 1)
	rcErr := requireError(t, errs[0])
	require.Equal(t, []any{l.path, rcuser.Unknown}, []any{rcErr.Endpoint, rcErr.Outcome})
	require.ErrorContains(t, rcErr, "broken answer")
	require.Equal(t, l.bodies(1, 2), tap.bodies())
	require.Equal(t, full, ids[:l.size])
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
