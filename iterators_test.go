package rcuser_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// walk is one of the four iterators and the pages that it is given: ids 1 to n in pages of its size. A page that fails
// is the answer broken.
type walk struct {
	all func(context.Context, *rcuser.Client) iter.Seq2[string, error]
	// page is the answer with these ids; more says whether another page follows number.
	page func(ids []string, number int, more bool) string
	// body is the form that asks for page number.
	body func(number int) string
	path string
	size int
}

func numbered(number int, pageKey, sizeKey string) string {
	return fmt.Sprintf("%s=%d&%s=50", pageKey, number, sizeKey)
}

// named is the answer of the lists whose pages name the next, and the form that asks for one.
func namedPage(ids []string, number int, more bool) string {
	if !more {
		return fmt.Sprintf(`{"code":200,"users":[%s]}`, quoted(ids))
	}
	return fmt.Sprintf(`{"code":200,"users":[%s],"next":"T%d"}`, quoted(ids), number+1)
}

func namedBody(number int) string {
	if number == 1 {
		return "userId=owner"
	}
	return fmt.Sprintf("pageToken=T%d&userId=owner", number)
}

var walks = map[string]walk{
	"Bans": {
		path: "/user/block/query.json", size: 50,
		all: func(ctx context.Context, c *rcuser.Client) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				for ban, err := range c.Bans.All(ctx) {
					if !yield(ban.UserID, err) {
						return
					}
				}
			}
		},
		page: func(ids []string, _ int, _ bool) string {
			users := make([]string, len(ids))
			for i, id := range ids {
				users[i] = fmt.Sprintf(`{"userId":%q,"blockEndTime":"2024-01-01 00:00:00"}`, id)
			}
			return `{"code":200,"users":[` + strings.Join(users, ",") + `]}`
		},
		body: func(number int) string { return numbered(number, "page", "size") },
	},
	"AllDeactivated": {
		path: "/user/deactivate/query.json", size: 50,
		all: func(ctx context.Context, c *rcuser.Client) iter.Seq2[string, error] {
			return c.Users.AllDeactivated(ctx)
		},
		page: func(ids []string, _ int, _ bool) string { return namedPage(ids, 0, false) },
		body: func(number int) string { return numbered(number, "pageNo", "pageSize") },
	},
	"Blocklist": {
		path: "/user/blacklist/query.json", size: 3,
		all: func(ctx context.Context, c *rcuser.Client) iter.Seq2[string, error] {
			return c.Blocklist.All(ctx, "owner")
		},
		page: namedPage, body: namedBody,
	},
	"Allowlist": {
		path: "/user/whitelist/query.json", size: 3,
		all: func(ctx context.Context, c *rcuser.Client) iter.Seq2[string, error] {
			return c.Allowlist.All(ctx, "owner")
		},
		page: namedPage, body: namedBody,
	},
}

// pages splits ids into answers; numbered lists get an empty page after full ones.
func (w walk) pages(ids []string) []string {
	var answers []string
	for number := 1; len(ids) > w.size; number++ {
		answers = append(answers, w.page(ids[:w.size], number, true))
		ids = ids[w.size:]
	}
	last := w.page(ids, len(answers)+1, false)
	if w.size == 50 && len(ids) == w.size {
		return append(answers, last, w.page(nil, 0, false))
	}
	return append(answers, last)
}

// serve answers request i with page i, by the page that the request asks for.
func (w walk) serve(t *testing.T, pages []string) (*rcuser.Client, *wiretap) {
	t.Helper()
	var tap *wiretap
	client, tap := newClient(t, func(req *http.Request) (*http.Response, error) {
		asked := tap.requests()[len(tap.requests())-1].Body
		for i, page := range pages {
			if asked == w.body(i+1) && req.URL.Path == w.path {
				return reply(http.StatusOK, page)(req)
			}
		}
		return unexpected(t)(req)
	}, once)
	return client, tap
}

func (w walk) bodies(numbers ...int) []string {
	var bodies []string
	for _, number := range numbers {
		bodies = append(bodies, w.body(number))
	}
	return bodies
}

// gather ranges to the end.
func gather(seq iter.Seq2[string, error]) (ids []string, errs []error) {
	for id, err := range seq {
		if err != nil {
			errs = append(errs, err)
			if id != "" {
				errs = append(errs, fmt.Errorf("an id came with the error: %s", id))
			}
			continue
		}
		ids = append(ids, id)
	}
	return ids, errs
}

func TestIteratorsGoThroughAllPages(t *testing.T) {
	t.Parallel()
	for name, w := range walks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n, want := range map[int][]int{
				0: {1}, 1: {1}, w.size - 1: {1}, 2*w.size - 1: {1, 2}, 2*w.size + 1: {1, 2, 3},
			} {
				client, tap := w.serve(t, w.pages(manyIDs(n)))
				ids, errs := gather(w.all(t.Context(), client))
				require.Empty(t, errs)
				require.Len(t, ids, n)
				require.Equal(t, append([]string(nil), manyIDs(n)...), ids)
				require.Equal(t, w.bodies(want...), tap.bodies(), n)
			}
			client, tap := w.serve(t, w.pages(manyIDs(2*w.size)))
			ids, errs := gather(w.all(t.Context(), client))
			require.Empty(t, errs)
			require.Equal(t, manyIDs(2*w.size), ids)
			want := map[int][]int{50: {1, 2, 3}, 3: {1, 2}}[w.size]
			require.Equal(t, w.bodies(want...), tap.bodies(), "pages that are full to the last")
		})
	}
}

func TestIteratorsStartAnew(t *testing.T) {
	t.Parallel()
	for name, w := range walks {
		client, tap := w.serve(t, w.pages(manyIDs(w.size+1)))
		seq := w.all(t.Context(), client)
		require.Empty(t, tap.requests(), "nothing is sent before the range")
		for range 2 {
			ids, errs := gather(seq)
			require.Empty(t, errs, name)
			require.Equal(t, manyIDs(w.size+1), ids, name)
		}
		require.Equal(t, w.bodies(1, 2, 1, 2), tap.bodies(), name)
	}
}

func TestIteratorsStopWhenLeft(t *testing.T) {
	t.Parallel()
	for name, w := range walks {
		client, tap := w.serve(t, w.pages(manyIDs(3*w.size)))
		for _, leave := range []int{1, w.size, w.size + 1} {
			before, count := len(tap.requests()), 0
			for _, err := range w.all(t.Context(), client) {
				require.NoError(t, err)
				if count++; count == leave {
					break
				}
			}
			want := map[bool][]int{true: {1, 2}, false: {1}}[leave > w.size]
			require.Equal(t, w.bodies(want...), tap.bodies()[before:], name)
		}
	}
}

func TestIteratorsEndWithAnError(t *testing.T) {
	t.Parallel()
	for name, w := range walks {
		pages := w.pages(manyIDs(3 * w.size))
		pages[1] = `{"code":1009,"errorMessage":"off"}`
		client, tap := w.serve(t, pages)
		ids, errs := gather(w.all(t.Context(), client))
		require.Equal(t, manyIDs(w.size), ids, name)
		require.Len(t, errs, 1, name)
		require.ErrorIs(t, errs[0], rcuser.ErrNotEnabled)
		require.Equal(t, w.path, requireError(t, errs[0]).Endpoint)
		require.Equal(t, w.bodies(1, 2), tap.bodies(), name)
	}
}

// TestIteratorsDontGoInCircles gives pages that never end.
func TestIteratorsDontGoInCircles(t *testing.T) {
	t.Parallel()
	for name, w := range walks {
		full := manyIDs(w.size)
		circle := []string{w.page(full, 1, true), w.page(full, 1, true)} // the second names itself as next
		client, tap := w.serve(t, circle)
		ids, errs := gather(w.all(t.Context(), client))
		require.Len(t, errs, 1, name)
		rcErr := requireError(t, errs[0])
		require.Equal(t, []any{w.path, rcuser.Unknown}, []any{rcErr.Endpoint, rcErr.Outcome})
		require.ErrorContains(t, rcErr, "broken answer", name)
		require.Equal(t, w.bodies(1, 2), tap.bodies(), name)
		require.Equal(t, full, ids[:w.size], name)
	}
	w := walks["Blocklist"]
	client, tap := w.serve(t, []string{w.page([]string{"a"}, 1, true), w.page(nil, 2, true), w.page([]string{"b"}, 1, true)})
	ids, errs := gather(w.all(t.Context(), client))
	require.Len(t, errs, 1, "a token from before the last")
	require.Equal(t, []string{"a", "b"}, ids)
	require.Equal(t, w.bodies(1, 2, 3), tap.bodies(), "an empty page that names a next isn't the last")
}

func TestIteratorsEndWithTheContext(t *testing.T) {
	t.Parallel()
	for name, w := range walks {
		ctx, cancel := context.WithCancel(t.Context())
		client, tap := w.serve(t, w.pages(manyIDs(3*w.size)))
		var errs []error
		count := 0
		for _, err := range w.all(ctx, client) {
			if err != nil {
				errs = append(errs, err)
				continue
			}
			if count++; count == w.size {
				cancel()
			}
		}
		require.Equal(t, w.size, count, name)
		require.Len(t, errs, 1, name)
		require.ErrorIs(t, errs[0], context.Canceled)
		require.Len(t, tap.requests(), 1, name)
		cancel()
	}
}

// TestFailedBanIsZero looks at the whole item that comes with an error.
func TestFailedBanIsZero(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, reply(http.StatusBadRequest, `{"code":1002}`))
	for ban, err := range client.Bans.All(t.Context()) {
		require.Error(t, err)
		require.Equal(t, rcuser.Ban{}, ban)
	}
	for _, err := range client.Blocklist.All(t.Context(), "") {
		var argErr *rcuser.ArgumentError
		require.ErrorAs(t, err, &argErr, "arguments are checked in the range")
	}
}
