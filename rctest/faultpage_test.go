package rctest_test

import (
	"net/url"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// pagedList is a list whose pages are numbered: the call that fills it with 7 users, and the fields of its query.
type pagedList struct {
	fill, form, query, page, size string
	users                         func(f *fake, form string) []string
}

var pagedLists = map[string]pagedList{
	"bans":        {blockPath, "minute=1&userId=a&userId=b&userId=c&userId=d&userId=e&userId=f&userId=g", blockQueryPath, "page", "size", bannedIDs},
	"deactivated": {deactivatePath, "userId=a%2Cb%2Cc%2Cd%2Ce%2Cf%2Cg", deactivateQueryPath, "pageNo", "pageSize", deactivatedIDs},
}

func deactivatedIDs(f *fake, form string) []string {
	found := []string{}
	for _, id := range f.ok(deactivateQueryPath, form)["users"].([]any) {
		found = append(found, id.(string))
	}
	return found
}

// pages returns the first three pages of 5 users.
func (l pagedList) pages(f *fake) [][]string {
	var found [][]string
	for number := range 3 {
		found = append(found, l.users(f, l.page+"="+strconv.Itoa(number+1)+"&"+l.size+"=5"))
	}
	return found
}

func TestFaultsOfNumberedPages(t *testing.T) {
	t.Parallel()
	always := rctest.Always
	for name, l := range pagedLists {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			f.ok(l.fill, l.form)
			f.Inject(rctest.Fault{Endpoint: l.query, PageSize: 3, Times: always})
			require.Equal(t, [][]string{{"a", "b", "c"}, {"d", "e", "f"}, {"g"}}, l.pages(f), "as if the size were 3")
			require.Equal(t, []string{"a", "b"}, l.users(f, l.page+"=1&"+l.size+"=2"), "fewer were asked for")
			f.ClearFaults()
			f.Inject(rctest.Fault{PageOmits: 2, Times: always})
			require.Equal(t, [][]string{{"a", "b", "c"}, {}, {}}, l.pages(f), "each page lacks its last two")
			f.ClearFaults()
			f.Inject(rctest.Fault{PageSize: 4, PageOmits: 1})
			require.Equal(t, [][]string{{"a", "b", "c"}, {"f", "g"}, {}}, l.pages(f), "only the first page")
			require.Equal(t, []string{"a", "b", "c", "d", "e", "f", "g"}, l.users(f, ""))
			f.Inject(rctest.Fault{PageSize: 1})
			require.Equal(t, []string{"a"}, l.users(f, ""))
		})
	}
}

func TestFaultsOfCursorPages(t *testing.T) {
	forBothLists(t, func(t *testing.T, l listCase) {
		f := setup(t)
		f.ok(l.add, "userId=o&"+ids(l.field, 5))
		walk := func() (pages [][]any) {
			for next := ""; ; {
				page := f.ok(l.query, "userId=o&size=4&pageToken="+url.QueryEscape(next))
				pages = append(pages, page["users"].([]any))
				if page["next"] == nil {
					return pages
				}
				next = page["next"].(string)
			}
		}
		f.Inject(rctest.Fault{Endpoint: l.query, PageSize: 2, Times: rctest.Always})
		require.Equal(t, [][]any{{"u4", "u3"}, {"u2", "u1"}, {"u0"}}, walk())
		f.ClearFaults()
		f.Inject(rctest.Fault{PageOmits: 1, Times: rctest.Always})
		require.Equal(t, [][]any{{"u4", "u3", "u2"}, {}}, walk())
		f.ClearFaults()
		f.Inject(rctest.Fault{PageSize: 2, PageOmits: 9})
		require.Equal(t, [][]any{{}, {"u2", "u1", "u0"}}, walk(), "an empty page that isn't the last")
	})
}

func TestInvalidFaultsOfPages(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, c := range []struct {
		fault rctest.Fault
		want  string
	}{
		{rctest.Fault{PageSize: -1}, "PageSize -1 is negative"},
		{rctest.Fault{PageOmits: -1}, "PageOmits -1 is negative"},
		{rctest.Fault{PageSize: 1, Status: 500}, "PageSize or PageOmits is set, but the answer isn't the list's"},
		{rctest.Fault{PageOmits: 1, Body: "a"}, "PageSize or PageOmits is set, but the answer isn't the list's"},
	} {
		require.PanicsWithValue(t, "rctest: Inject: "+c.want, func() { f.Inject(c.fault) }, c.fault)
	}
}
