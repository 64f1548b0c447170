package rcuser_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/internal/systemtest"
	"github.com/f0207b22/rcuser/rctest"
)

const tenUsersPage = `{"code":200,"next":"CNgB",` +
	`"users":["uid20","uid19","uid18","uid17","uid16","uid15","uid14","uid13","uid12","uid11"]}`

var tenUsers = []string{"uid20", "uid19", "uid18", "uid17", "uid16", "uid15", "uid14", "uid13", "uid12", "uid11"}

// listService has the methods that the blocklist's and the allowlist's services share.
type listService interface {
	Add(ctx context.Context, ownerID string, userIDs []string) error
	Remove(ctx context.Context, ownerID string, userIDs []string) error
	List(ctx context.Context, ownerID string, cursor rcuser.CursorOptions) (rcuser.Page, error)
	All(ctx context.Context, ownerID string) iter.Seq2[string, error]
	Replace(ctx context.Context, ownerID string, want []string) (rcuser.Change, error)
	Plan(ctx context.Context, ownerID string, want []string) (rcuser.Change, error)
	Contains(ctx context.Context, ownerID, userID string) (bool, error)
}

// listKind is what differs between the blocklist and the allowlist.
type listKind struct {
	paths, field string // of the calls that add and remove ids
	service      func(*rcuser.Client) listService
	members      func(rctest.User) []string
	model        func(*systemtest.User) *[]string
}

// onBothLists runs a test for the blocklist and for the allowlist.
func onBothLists(t *testing.T, test func(*testing.T, listKind)) {
	for name, kind := range map[string]listKind{"blocklist": blocklistKind, "allowlist": allowlistKind} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, kind)
		})
	}
}

// list reads a list that must have users.Other and nobody else.
func (k listKind) list(ctx context.Context, c *rcuser.Client, users systemtest.Pair) error {
	page, err := k.service(c).List(ctx, users.ID, rcuser.CursorOptions{})
	if err == nil && !slices.Equal(page.UserIDs, []string{users.Other}) {
		return fmt.Errorf("the list has %q", page.UserIDs)
	}
	return err
}

func (k listKind) addStep(m *systemtest.Model) {
	owner, ids := m.ChooseID("owner"), m.ChooseIDs("ids")
	require.NoError(m, k.service(m.Client).Add(m.Context, owner, ids))
	members := k.model(m.User(owner))
	for _, id := range ids {
		if !slices.Contains(*members, id) {
			*members = append([]string{id}, *members...)
		}
	}
}

func (k listKind) removeStep(m *systemtest.Model) {
	owner, ids := m.ChooseID("owner"), m.ChooseIDs("ids")
	require.NoError(m, k.service(m.Client).Remove(m.Context, owner, ids))
	members := k.model(m.User(owner))
	for _, id := range ids {
		if at := slices.Index(*members, id); at >= 0 {
			*members = append(append([]string(nil), (*members)[:at]...), (*members)[at+1:]...)
		}
	}
}

func (k listKind) readStep(m *systemtest.Model) {
	owner, size := m.ChooseID("owner"), 1+m.Choose("size", 3)
	want := systemtest.PageOf(*k.model(m.User(owner)), 1, 1000)
	got := []string{}
	for token := ""; ; {
		page, err := k.service(m.Client).List(m.Context, owner, rcuser.CursorOptions{Token: token, Size: size})
		require.NoError(m, err)
		require.LessOrEqual(m, len(page.UserIDs), size)
		got = append(got, page.UserIDs...)
		if token = page.Next; token == "" {
			break
		}
		require.Len(m, page.UserIDs, size)
	}
	require.Equal(m, want, got)
	require.Equal(m, want, collect(m, k.service(m.Client).All(m.Context, owner)))
}

func (k listKind) listAt(cursor rcuser.CursorOptions) func(context.Context, *rcuser.Client) error {
	return func(ctx context.Context, c *rcuser.Client) error {
		_, err := k.service(c).List(ctx, "a", cursor)
		return err
	}
}

func TestListsArguments(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		requireIDChecked(t, "ownerID", func(ctx context.Context, c *rcuser.Client, id string) error {
			return kind.service(c).Add(ctx, id, []string{"a"})
		})
		requireIDChecked(t, "ownerID", func(ctx context.Context, c *rcuser.Client, id string) error {
			return kind.service(c).Remove(ctx, id, []string{"a"})
		})
		requireIDChecked(t, "ownerID", func(ctx context.Context, c *rcuser.Client, id string) error {
			_, err := kind.service(c).List(ctx, id, rcuser.CursorOptions{})
			return err
		})
		requireIDsChecked(t, 20, "21 ids, at most 20", success, func(ctx context.Context, c *rcuser.Client, ids []string) error {
			return kind.service(c).Add(ctx, "o", ids)
		})
		requireIDsChecked(t, 20, "21 ids, at most 20", success, func(ctx context.Context, c *rcuser.Client, ids []string) error {
			return kind.service(c).Remove(ctx, "o", ids)
		})
		requireArgumentErrors(t, []badArgument{
			{kind.listAt(rcuser.CursorOptions{Size: -1}), "CursorOptions.Size", "-1, it must be from 0 to 1000"},
			{kind.listAt(rcuser.CursorOptions{Size: 1001}), "CursorOptions.Size", "1001, it must be from 0 to 1000"},
		}...)
		requireAccepted(t, noUsers, kind.listAt(rcuser.CursorOptions{Size: 1000}))
		client, tap := newClient(t, unexpected(t))
		all := kind.service(client).All(t.Context(), "")
		_, errs := gather(all) // the arguments are checked in the range
		require.Len(t, errs, 1)
		requireArgumentError(t, errs[0], "ownerID", "is empty", tap)
	})
}

func TestListsBodies(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		for cursor, body := range map[rcuser.CursorOptions]string{
			{}:                    "userId=a",
			{Size: 1000}:          "size=1000&userId=a",
			{Token: "C/+=b"}:      "pageToken=C%2F%2B%3Db&userId=a",
			{Token: "C", Size: 1}: "pageToken=C&size=1&userId=a",
		} {
			client, tap := newClient(t, reply(http.StatusOK, noUsers))
			require.NoError(t, kind.listAt(cursor)(t.Context(), client))
			require.Equal(t, []string{body}, tap.bodies())
		}
	})
}

func TestListsAnswers(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		for body, want := range listedIDsAnswers {
			requirePage(t, kind, body, rcuser.Page{UserIDs: want})
		}
		requirePage(t, kind, `{"code":200,"next":"a"}`, rcuser.Page{UserIDs: []string{}, Next: "a"})
		requirePage(t, kind, `{"code":200,"next":12345678901234567890}`, rcuser.Page{UserIDs: []string{}, Next: "12345678901234567890"})
		requirePage(t, kind, `{"code":200,"users":["a"],"next":null}`, rcuser.Page{UserIDs: []string{"a"}})
		requirePage(t, kind, `{"code":200,"users":["a"],"next":""}`, rcuser.Page{UserIDs: []string{"a"}})
		const lost = "its field next is missing or can't be read" // the ids of the other pages would be missing silently
		requireBrokenAnswers(t, []brokenAnswer{
			{kind.listAt(rcuser.CursorOptions{}), `"users":{"a":"b"}`, "its field users isn't a list"},
			{kind.listAt(rcuser.CursorOptions{}), `"users":["a"],"next":{"token":"x"}`, lost},
			{kind.listAt(rcuser.CursorOptions{}), `"users":["a"],"next":true`, lost},
		}...)
	})
}

func requirePage(t *testing.T, kind listKind, answer string, want rcuser.Page) {
	t.Helper()
	client, _ := newClient(t, reply(http.StatusOK, answer), once)
	page, err := kind.service(client).List(t.Context(), "a", rcuser.CursorOptions{})
	require.NoError(t, err, answer)
	require.Equal(t, want, page, answer)
}

// listing returns the iterator of the list of "owner". Its pages have 3 ids here.
func (k listKind) listing() listing {
	return listing{
		path: k.paths + "query.json", size: 3,
		all: func(ctx context.Context, c *rcuser.Client) iter.Seq2[string, error] {
			return k.service(c).All(ctx, "owner")
		},
		page: cursorPage,
		body: func(number int) string {
			if number == 1 {
				return "userId=owner"
			}
			return fmt.Sprintf("pageToken=T%d&userId=owner", number)
		},
	}
}

// cursorPage is the answer with these ids. If more, it has the token of the next page.
func cursorPage(ids []string, number int, more bool) string {
	if !more {
		return fmt.Sprintf(`{"code":200,"users":[%s]}`, quoted(ids))
	}
	return fmt.Sprintf(`{"code":200,"users":[%s],"next":"T%d"}`, quoted(ids), number+1)
}

func TestListsAll(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) { testListing(t, kind.listing()) })
}

// TestListsAllWithAnEarlierToken has a page that names one as the next that was read before the last. The page before it
// is empty, which isn't the end.
func TestListsAllWithAnEarlierToken(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		l := kind.listing()
		client, tap := l.serve(t, []string{l.page([]string{"a"}, 1, true), l.page(nil, 2, true), l.page([]string{"b"}, 1, true)})
		ids, errs := gather(l.all(t.Context(), client))
		require.Len(t, errs, 1)
		require.Equal(t, []string{"a", "b"}, ids)
		require.Equal(t, l.bodies(1, 2, 3), tap.bodies())
	})
}

// TestListsAllWithNewTokens of pages that repeat: a list of which RC names ever new tokens, after an empty page.
func TestListsAllWithNewTokens(t *testing.T) {
	t.Parallel()
	onBothLists(t, func(t *testing.T, kind listKind) {
		for _, period := range []int{1, 2, 57} {
			calls := 0
			client, _ := newClient(t, func(req *http.Request) (*http.Response, error) {
				calls++
				if calls < 4 {
					return reply(http.StatusOK, cursorPage(nil, calls, true))(req)
				}
				return reply(http.StatusOK, cursorPage([]string{fmt.Sprint("user", calls%period)}, calls, true))(req)
			})
			_, err := kind.service(client).Contains(t.Context(), "ann", "nobody")
			require.ErrorContains(t, err, "repeats earlier pages")
			require.Less(t, calls, 10*period+10)
		}
	})
}
