package rctest_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// changedUsers returns the users that an action changes.
func (f *fake) changedUsers(action func()) []string {
	f.t.Helper()
	var ids []string
	for _, c := range f.changesOf(action) {
		if c.Kind == rctest.UserChanged {
			ids = append(ids, c.UserID)
		}
	}
	return ids
}

func (f *fake) changesOf(action func()) []rctest.Change {
	f.t.Helper()
	last := f.LastChange()
	action()
	ended, cancel := context.WithCancel(f.t.Context())
	cancel()
	changes, err := f.Changes(ended, last)
	if len(changes) == 0 {
		require.ErrorIs(f.t, err, context.Canceled)
	}
	return changes
}

// Every call that changes users reports each of them once, and the same call again reports none if it changes nothing.
func TestChangesOfCalls(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.register("a")
	now := millis(f.Now())
	for _, c := range []struct {
		path, form string
		changed    []string
		again      []string
	}{
		{getTokenPath, "userId=a&name=N", []string{"a"}, []string{"a"}}, // a further token
		{refreshPath, "userId=a&name=M", []string{"a"}, nil},
		{expirePath, "userId=a&userId=b&userId=a&time=" + now, []string{"a", "b"}, nil},
		{blacklistAddPath, "userId=a&blackUserId=x&blackUserId=y", []string{"a"}, nil},
		{blacklistRemovePath, "userId=a&blackUserId=x&blackUserId=y", []string{"a"}, nil},
		{whitelistAddPath, "userId=a&whiteUserId=x", []string{"a"}, nil},
		{whitelistRemovePath, "userId=a&whiteUserId=x", []string{"a"}, nil},
		{whitesettingSetPath, "userId=a&userId=b&userId=b&whiteSetting=1", []string{"a", "b"}, nil},
		{whitesettingSetPath, "userId=a&userId=b&whiteSetting=0", []string{"a", "b"}, nil},
		{blockPath, "userId=a&userId=b&userId=a&minute=43200", []string{"a", "b"}, []string{"a", "b"}}, // a later end
		{unblockPath, "userId=a&userId=b&userId=c", []string{"a", "b"}, nil},
	} {
		require.Equal(t, c.changed, f.changedUsers(func() { f.ok(c.path, c.form) }), c.path)
		f.Advance(time.Millisecond) // the end of a ban is in whole milliseconds
		require.Equal(t, c.again, f.changedUsers(func() { f.ok(c.path, c.form) }), c.path)
	}
	require.Empty(t, f.changedUsers(func() { f.refused(blacklistAddPath, "userId=a", 400, 1002) }))
}

func TestChangesOfTime(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.Equal(t, []string{"a"}, f.changedUsers(func() { f.SetOnline("a", true); f.SetOnline("a", true) }))
	require.Equal(t, []string{"a"}, f.changedUsers(func() { f.ok(blockPath, "userId=a&minute=5") }), "the ban and the disconnect are one change")
	require.Equal(t, []string{"a"}, f.changedUsers(func() { f.Advance(5 * time.Minute) }))
	require.Equal(t, []string{"a", "b"}, f.changedUsers(func() { f.ok(deactivatePath, "userId=a,b,a") }))
	require.Equal(t, []string{"a", "b"}, f.changedUsers(func() { f.Advance(15 * time.Minute) }))
	f.Advance(time.Hour)
	require.Empty(t, f.changedUsers(func() { f.User("a") }))
	require.Equal(t, []string{"b"}, f.changedUsers(func() { f.ok(reactivatePath, "userId=b,c") }))
	require.Equal(t, []string{"d"}, f.changedUsers(func() { f.RefuseDeactivation("d", "1"); f.RefuseDeactivation("d", "1") }))
}

func TestChangesOfReplacement(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.register("a")
	var saved bytes.Buffer
	require.Empty(t, f.changesOf(func() { require.NoError(t, f.Export(&saved)) }))
	kinds := func(changes []rctest.Change) (kinds []rctest.ChangeKind) {
		for _, c := range changes {
			kinds = append(kinds, c.Kind)
		}
		return kinds
	}
	require.Contains(t, kinds(f.changesOf(f.Reset)), rctest.StateReplaced)
	require.Equal(t, []rctest.ChangeKind{rctest.StateReplaced}, kinds(f.changesOf(func() { require.NoError(t, f.Import(&saved)) })))
	require.Empty(t, f.changesOf(func() { require.Error(t, f.Import(&saved)) }))
}
