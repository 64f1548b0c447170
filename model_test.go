package rcuser_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// TestModel makes random calls and compares what the client returns, and what the fake then holds, with a plain model
// of RC's rules. Time passes in the bubble's clock and in the fake's.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var failure any
		synctest.Test(t, func(*testing.T) {
			defer func() { failure = recover() }() // rapid must see it outside the bubble, to shrink it
			w := newWorld(r)
			defer w.server.Close()
			r.Repeat(w.actions())
		})
		switch name := fmt.Sprintf("%T", failure); name { // rapid tells panics apart by their line
		case "<nil>":
		case "rapid.invalidData": // the random data ran out
			panic(failure)
		default:
			panic(failure)
		}
	})
}

func (w *world) actions() map[string]func(*rapid.T) {
	actions := map[string]func(*rapid.T){
		"": w.compareState, "register": w.register, "get": w.get, "update": w.update, "expire": w.expire,
		"ban": w.ban, "unban": w.unban, "bans": w.bans, "connect": w.connect, "online": w.isOnline,
		"deactivate": w.deactivate, "reactivate": w.reactivate, "deactivated": w.listDeactivated,
		"enable": w.enable, "enabled": w.enabled, "wait": w.pass,
	}
	for name, l := range w.lists() {
		actions["add to "+name] = l.add
		actions["remove from "+name] = l.remove
		actions["read "+name] = l.read
	}
	return actions
}

// person is a user as the model sees it.
type person struct {
	registered             bool
	name, portrait         string
	createdAt              time.Time
	tokens                 []grant
	voidBefore             time.Time
	bannedUntil            time.Time
	deactivatedAt          time.Time // zero = not deactivated
	removed                bool      // the data, by a deactivation
	blocked, allowed       []string  // newest first
	allowlistOn, connected bool
}

type grant struct {
	value string
	at    time.Time
}

type world struct {
	ctx     context.Context
	client  *rcuser.Client
	server  *rctest.Server
	people  map[string]*person
	retired []string // deactivated, in order
}

var (
	everyone = []string{"ann", "Ann", "bob+1", "c&d=e%", "李雷", "👩‍🚀"}
	anyone   = rapid.SampledFrom(everyone)
	some     = rapid.SliceOfNDistinct(anyone, 1, len(everyone), rapid.ID[string])
	label    = rapid.StringN(1, 64, -1)
)

func newWorld(r *rapid.T) *world {
	w := &world{ctx: context.Background(), server: rctest.NewServer(), people: map[string]*person{}}
	client, err := rcuser.NewClient(w.server.Config())
	require.NoError(r, err)
	w.client = client
	for _, id := range everyone {
		w.people[id] = &person{}
	}
	return w
}

// at returns someone, having deleted what a deactivation has deleted by now.
func (w *world) at(id string) *person {
	p := w.people[id]
	if !p.deactivatedAt.IsZero() && !p.removed && w.server.Now().Sub(p.deactivatedAt) >= 15*time.Minute {
		p.removed = true
		p.name, p.portrait, p.allowlistOn, p.blocked, p.allowed = "", "", false, nil, nil
	}
	return p
}

func (w *world) banned(p *person) bool { return w.server.Now().Before(p.bannedUntil) }

func (w *world) pass(r *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, time.Minute, 14 * time.Minute, time.Hour}).Draw(r, "time")
	if rapid.Bool().Draw(r, "for all") {
		time.Sleep(d)
	} else {
		w.server.Advance(d)
	}
}

func (w *world) register(r *rapid.T) {
	reg := rcuser.Registration{UserID: anyone.Draw(r, "id"), Name: label.Draw(r, "name")}
	if rapid.Bool().Draw(r, "has portrait") {
		reg.PortraitURI = label.Draw(r, "portrait")
	}
	token, err := w.client.Users.Register(w.ctx, reg)
	p := w.at(reg.UserID)
	if !p.deactivatedAt.IsZero() {
		requireRefused(r, err, rcuser.ErrParameter)
		return
	}
	require.NoError(r, err)
	require.Equal(r, reg.UserID, token.UserID)
	if !p.registered {
		p.registered, p.createdAt = true, w.server.Now().Truncate(time.Second).UTC()
	}
	p.name, p.portrait = reg.Name, cmp.Or(reg.PortraitURI, p.portrait)
	if issued := w.server.Now().Truncate(time.Millisecond); !issued.Before(p.voidBefore) {
		p.tokens = append(p.tokens, grant{token.Value, issued})
	}
}

func (w *world) get(r *rapid.T) {
	id := anyone.Draw(r, "id")
	user, err := w.client.Users.Get(w.ctx, id)
	p := w.at(id)
	if !p.registered {
		requireRefused(r, err, rcuser.ErrParameter)
		return
	}
	require.NoError(r, err)
	require.Equal(r, rcuser.User{ID: id, Name: p.name, PortraitURI: p.portrait, CreatedAt: p.createdAt}, user)
}

func (w *world) update(r *rapid.T) {
	id := anyone.Draw(r, "id")
	var change rcuser.UserUpdate
	for _, field := range []**string{&change.Name, &change.PortraitURI} {
		if rapid.Bool().Draw(r, "given") {
			value := rapid.StringN(0, 64, -1).Draw(r, "value")
			*field = &value
		}
	}
	err := w.client.Users.Update(w.ctx, id, change)
	if change == (rcuser.UserUpdate{}) {
		var argument *rcuser.ArgumentError
		require.ErrorAs(r, err, &argument)
		return
	}
	require.NoError(r, err)
	if p := w.at(id); p.registered {
		if change.Name != nil {
			p.name = *change.Name
		}
		if change.PortraitURI != nil {
			p.portrait = *change.PortraitURI
		}
	}
}

func (w *world) expire(r *rapid.T) {
	ids := some.Draw(r, "ids")
	offset := rapid.SampledFrom([]time.Duration{-time.Minute, 0, time.Millisecond, time.Minute}).Draw(r, "offset")
	before := w.server.Now().Add(offset)
	require.NoError(r, w.client.Tokens.Expire(w.ctx, ids, before))
	before = before.Truncate(time.Millisecond)
	for _, id := range ids {
		p := w.at(id)
		if before.After(p.voidBefore) {
			p.voidBefore = before
		}
		p.tokens = slices.DeleteFunc(p.tokens, func(g grant) bool { return g.at.Before(before) })
	}
}

func (w *world) ban(r *rapid.T) {
	ids, minutes := some.Draw(r, "ids"), rapid.IntRange(1, 90).Draw(r, "minutes")
	d := time.Duration(minutes) * time.Minute
	require.NoError(r, w.client.Bans.Add(w.ctx, ids, d))
	for _, id := range ids {
		p := w.at(id)
		p.bannedUntil, p.connected = w.server.Now().Add(d).UTC(), false
	}
}

func (w *world) unban(r *rapid.T) {
	ids := some.Draw(r, "ids")
	require.NoError(r, w.client.Bans.Remove(w.ctx, ids))
	for _, id := range ids {
		w.at(id).bannedUntil = time.Time{}
	}
}

func (w *world) bans(r *rapid.T) {
	var want []rcuser.Ban
	for id, p := range w.people {
		if w.banned(p) {
			want = append(want, rcuser.Ban{UserID: id, Until: p.bannedUntil})
		}
	}
	slices.SortFunc(want, func(a, b rcuser.Ban) int {
		return cmp.Or(b.Until.Compare(a.Until), cmp.Compare(a.UserID, b.UserID))
	})
	for i := range want {
		want[i].Until = want[i].Until.Truncate(time.Second)
	}
	size := rapid.IntRange(1, 3).Draw(r, "size")
	page := rapid.IntRange(1, 3).Draw(r, "page")
	got, err := w.client.Bans.List(w.ctx, rcuser.PageOptions{Page: page, Size: size})
	require.NoError(r, err)
	require.Equal(r, pageOf(want, page, size), got)
	got, err = w.client.Bans.List(w.ctx, rcuser.PageOptions{})
	require.NoError(r, err)
	require.Equal(r, pageOf(want, 1, 1000), got)
	require.Equal(r, pageOf(want, 1, 1000), collect(r, w.client.Bans.All(w.ctx)))
}

func (w *world) connect(r *rapid.T) {
	id, online := anyone.Draw(r, "id"), rapid.Bool().Draw(r, "online")
	w.server.SetOnline(id, online)
	p := w.at(id)
	p.connected = online && !w.banned(p) && p.deactivatedAt.IsZero()
}

func (w *world) isOnline(r *rapid.T) {
	id := anyone.Draw(r, "id")
	online, err := w.client.Presence.Online(w.ctx, id)
	require.NoError(r, err)
	require.Equal(r, w.at(id).connected, online)
}

func (w *world) deactivate(r *rapid.T) {
	ids := some.Draw(r, "ids")
	operation, err := w.client.Users.Deactivate(w.ctx, ids)
	require.NoError(r, err)
	require.NotEmpty(r, operation.ID)
	for _, id := range ids {
		if p := w.at(id); p.deactivatedAt.IsZero() {
			p.deactivatedAt, p.tokens, p.connected = w.server.Now(), nil, false
			w.retired = append(w.retired, id)
		}
	}
}

func (w *world) reactivate(r *rapid.T) {
	ids := some.Draw(r, "ids")
	_, err := w.client.Users.Reactivate(w.ctx, ids)
	for _, id := range ids {
		if p := w.at(id); !p.deactivatedAt.IsZero() && w.server.Now().Sub(p.deactivatedAt) < time.Hour {
			requireRefused(r, err, rcuser.ErrParameter)
			return
		}
	}
	require.NoError(r, err)
	for _, id := range ids {
		p := w.at(id)
		p.deactivatedAt, p.removed = time.Time{}, false
	}
	w.retired = slices.DeleteFunc(w.retired, func(id string) bool { return slices.Contains(ids, id) })
}

func (w *world) listDeactivated(r *rapid.T) {
	size, page := rapid.IntRange(1, 3).Draw(r, "size"), rapid.IntRange(1, 3).Draw(r, "page")
	got, err := w.client.Users.ListDeactivated(w.ctx, rcuser.PageOptions{Page: page, Size: size})
	require.NoError(r, err)
	require.Equal(r, pageOf(w.retired, page, size), got)
	require.Equal(r, pageOf(w.retired, 1, 1000), collect(r, w.client.Users.AllDeactivated(w.ctx)))
}

func (w *world) enable(r *rapid.T) {
	ids, on := some.Draw(r, "ids"), rapid.Bool().Draw(r, "on")
	set := w.client.Allowlist.Disable
	if on {
		set = w.client.Allowlist.Enable
	}
	require.NoError(r, set(w.ctx, ids))
	for _, id := range ids {
		w.at(id).allowlistOn = on
	}
}

func (w *world) enabled(r *rapid.T) {
	ids := some.Draw(r, "ids")
	want := map[string]bool{}
	for _, id := range ids {
		want[id] = w.at(id).allowlistOn
	}
	got, err := w.client.Allowlist.Enabled(w.ctx, ids)
	require.NoError(r, err)
	require.Equal(r, want, got)
}

// pageOf is never nil, as the client's pages aren't.
func pageOf[T any](all []T, page, size int) []T {
	start := min((page-1)*size, len(all))
	return append([]T{}, all[start:min(start+size, len(all))]...)
}

func collect[T any](r *rapid.T, all iter.Seq2[T, error]) []T {
	items := []T{}
	for item, err := range all {
		require.NoError(r, err)
		items = append(items, item)
	}
	return items
}

func requireRefused(r *rapid.T, err error, code rcuser.ErrorCode) {
	var failure *rcuser.Error
	require.ErrorIs(r, err, code)
	require.True(r, errors.As(err, &failure))
	require.Equal(r, rcuser.NotApplied, failure.Outcome)
	require.Equal(r, 1, failure.Attempts)
}

// compareState runs after every call.
func (w *world) compareState(r *rapid.T) {
	for _, id := range slices.Sorted(maps.Keys(w.people)) {
		p, got := w.at(id), w.server.User(id)
		require.Equal(r, p.name, got.Name)
		require.Equal(r, p.portrait, got.PortraitURI)
		require.Equal(r, p.blocked, append([]string(nil), got.Blocklist...))
		require.Equal(r, p.allowed, append([]string(nil), got.Allowlist...))
		require.Equal(r, p.connected, got.Online)
		require.Equal(r, w.banned(p), !got.BannedUntil.IsZero())
		require.Equal(r, !p.deactivatedAt.IsZero(), got.Deactivated)
		require.Len(r, got.Tokens, len(p.tokens))
		letIn := !w.banned(p) && p.deactivatedAt.IsZero()
		for _, g := range p.tokens {
			require.Equal(r, letIn, w.server.ValidToken(id, g.value))
		}
		for _, to := range everyone {
			require.Equal(r, letIn && w.hears(w.at(to), id), w.server.CanMessage(id, to), "%s to %s", id, to)
		}
	}
}

func (w *world) hears(p *person, from string) bool {
	if p.allowlistOn {
		return slices.Contains(p.allowed, from)
	}
	return !slices.Contains(p.blocked, from)
}
