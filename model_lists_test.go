package rcuser_test

import (
	"context"
	"iter"
	"slices"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/f0207b22/rcuser"
)

// listUnderTest is the blocklist or the allowlist of TestModel.
type listUnderTest struct {
	w       *world
	members func(*person) *[]string
	service interface {
		Add(ctx context.Context, ownerID string, userIDs []string) error
		Remove(ctx context.Context, ownerID string, userIDs []string) error
		List(ctx context.Context, ownerID string, cursor rcuser.CursorOptions) (rcuser.Page, error)
		All(ctx context.Context, ownerID string) iter.Seq2[string, error]
	}
}

func (w *world) lists() map[string]listUnderTest {
	return map[string]listUnderTest{
		"blocklist": {w, func(p *person) *[]string { return &p.blocked }, w.client.Blocklist},
		"allowlist": {w, func(p *person) *[]string { return &p.allowed }, w.client.Allowlist},
	}
}

func (l listUnderTest) add(r *rapid.T) {
	owner, ids := anyone.Draw(r, "owner"), some.Draw(r, "ids")
	require.NoError(r, l.service.Add(l.w.ctx, owner, ids))
	members := l.members(l.w.at(owner))
	for _, id := range ids {
		if !slices.Contains(*members, id) {
			*members = append([]string{id}, *members...)
		}
	}
}

func (l listUnderTest) remove(r *rapid.T) {
	owner, ids := anyone.Draw(r, "owner"), some.Draw(r, "ids")
	require.NoError(r, l.service.Remove(l.w.ctx, owner, ids))
	members := l.members(l.w.at(owner))
	for _, id := range ids {
		if at := slices.Index(*members, id); at >= 0 {
			*members = append(append([]string(nil), (*members)[:at]...), (*members)[at+1:]...)
		}
	}
}

func (l listUnderTest) read(r *rapid.T) {
	owner, size := anyone.Draw(r, "owner"), rapid.IntRange(1, 3).Draw(r, "size")
	want := pageOf(*l.members(l.w.at(owner)), 1, 1000)
	got := []string{}
	for token := ""; ; {
		page, err := l.service.List(l.w.ctx, owner, rcuser.CursorOptions{Token: token, Size: size})
		require.NoError(r, err)
		require.LessOrEqual(r, len(page.UserIDs), size)
		got = append(got, page.UserIDs...)
		if token = page.Next; token == "" {
			break
		}
		require.Len(r, page.UserIDs, size)
	}
	require.Equal(r, want, got)
	require.Equal(r, want, collect(r, l.service.All(l.w.ctx, owner)))
}
