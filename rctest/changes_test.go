package rctest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// changesSince returns the kinds of the changes, which there must be at least one of.
func (f *fake) changesSince(since uint64) (kinds []rctest.ChangeKind, last uint64) {
	changes, err := f.Changes(f.t.Context(), since)
	require.NoError(f.t, err)
	for _, c := range changes {
		kinds = append(kinds, c.Kind)
	}
	return kinds, changes[len(changes)-1].Seq
}

func TestChangesOfTraffic(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		last := f.LastChange()
		for _, c := range []struct {
			change func()
			want   []rctest.ChangeKind
		}{
			{func() { f.call("/no/such.json", "") }, []rctest.ChangeKind{rctest.RequestReceived}},
			{func() { f.Advance(time.Second) }, []rctest.ChangeKind{rctest.ClockAdvanced}},
			{func() { f.Inject(rctest.Fault{Code: 1000}) }, []rctest.ChangeKind{rctest.FaultsChanged}},
			{func() { f.tryBan() }, []rctest.ChangeKind{rctest.FaultsChanged, rctest.RequestReceived}},
			{func() { f.Inject(rctest.Fault{Kind: rctest.ResetBefore}); f.tryBan() }, []rctest.ChangeKind{rctest.FaultsChanged, rctest.FaultsChanged}},
			{func() { f.Inject(rctest.Fault{Code: 1000}).Remove() }, []rctest.ChangeKind{rctest.FaultsChanged, rctest.FaultsChanged}},
			{func() { f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost}); f.ClearFaults() }, []rctest.ChangeKind{rctest.FaultsChanged, rctest.FaultsChanged}},
		} {
			c.change()
			var got []rctest.ChangeKind
			got, last = f.changesSince(last)
			require.Equal(t, c.want, got)
		}
		f.ClearFaults()
		require.Equal(t, last, f.LastChange(), "there was none to remove")
		f.SetOnline("a", true)
		a.all()
		got, _ := f.changesSince(last)
		require.Contains(t, got, rctest.EventDelivered)
	})
}

// A reader that waits gets each change as it happens.
func TestChangesWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		var got []rctest.Change
		var reader sync.WaitGroup
		reader.Go(func() { got, _ = f.Changes(t.Context(), 0) })
		synctest.Wait()
		require.Nil(t, got)
		f.Advance(time.Hour)
		reader.Wait()
		require.Equal(t, []rctest.Change{{Seq: 1, Kind: rctest.ClockAdvanced}}, got)
	})
}

// Whatever the cursor, a reader gets an answer that it can go on from.
func TestChangesCursors(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, since := range []uint64{1, 500, 1<<64 - 1} {
		got, err := f.Changes(t.Context(), since)
		require.NoError(t, err)
		require.Equal(t, []rctest.Change{{Seq: 0, Kind: rctest.StateReplaced}}, got, "a cursor of another server")
	}
	for range 3 {
		f.Advance(0)
	}
	got, err := f.Changes(t.Context(), 4)
	require.NoError(t, err)
	require.Equal(t, []rctest.Change{{Seq: 3, Kind: rctest.StateReplaced}}, got)
	got, err = f.Changes(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, []rctest.Change{{Seq: 2, Kind: rctest.ClockAdvanced}, {Seq: 3, Kind: rctest.ClockAdvanced}}, got)
}

// A reader that is too slow learns that changes are missing, and gets those that are left.
func TestChangesSlowReader(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for range 5000 {
		f.Advance(0)
	}
	got, err := f.Changes(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, got, 4097)
	require.Equal(t, rctest.Change{Seq: 904, Kind: rctest.StateReplaced}, got[0])
	for i, c := range got[1:] {
		require.Equal(t, rctest.Change{Seq: 905 + uint64(i), Kind: rctest.ClockAdvanced}, c)
	}
	got, err = f.Changes(t.Context(), 904)
	require.NoError(t, err)
	require.Len(t, got, 4096, "nothing is missing after 904")
	require.EqualValues(t, 905, got[0].Seq)
}

// Several readers, each at its own pace, get the same changes, while changes are made.
func TestChangesConcurrentReaders(t *testing.T) {
	t.Parallel()
	f := setup(t)
	const n = 400
	var group sync.WaitGroup
	results := make([][]rctest.Change, 8)
	for i := range results {
		group.Go(func() {
			for since := uint64(0); since < n; {
				got, err := f.Changes(t.Context(), since)
				if err != nil {
					return
				}
				results[i] = append(results[i], got...)
				since = got[len(got)-1].Seq
			}
		})
	}
	for range 4 {
		group.Go(func() {
			for range n / 4 {
				f.Advance(0)
			}
		})
	}
	group.Wait()
	for _, got := range results {
		require.Len(t, got, n)
		require.Equal(t, results[0], got)
	}
}

func TestChangesEndWithContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		cause := errors.New("gave up")
		for range 1000 {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, cause)
			got, err := f.Changes(ctx, 0)
			require.ErrorIs(t, err, cause)
			require.Empty(t, got)
			cancel()
		}
		require.Zero(t, f.Waiting(), "nothing is left of those that gave up")
	})
}

// Close wakes up all readers, in memory and before they begin to wait. What they haven't read, they still get.
func TestChangesEndWithClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		var readers sync.WaitGroup
		errs := make([]error, 10)
		for i := range errs {
			readers.Go(func() { _, errs[i] = f.Changes(t.Context(), 0) })
		}
		synctest.Wait()
		f.Close()
		readers.Wait()
		for _, err := range errs {
			require.Equal(t, rctest.ErrClosed, err)
		}
		_, err := f.Changes(t.Context(), 0)
		require.Equal(t, rctest.ErrClosed, err)
		f.Advance(time.Second)
		got, err := f.Changes(t.Context(), 0)
		require.NoError(t, err)
		require.Len(t, got, 1)
		_, err = f.Changes(t.Context(), 1)
		require.Equal(t, rctest.ErrClosed, err)
		require.Zero(t, f.Waiting())
	})
}

// The ids of users that calls were never made for can be long; they don't add up.
func TestChangesAreBounded(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for i := range 40 {
		f.Changed(rctest.UserChanged, fmt.Sprint(i, strings.Repeat("u", 64<<10)))
	}
	got, err := f.Changes(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, got, 16, "a StateReplaced and the 15 that fit into 1 MiB")
	require.Equal(t, rctest.StateReplaced, got[0].Kind)
	require.EqualValues(t, 40, got[15].Seq)
}

func ExampleServer_Changes() {
	srv := rctest.NewServer()
	defer srv.Close()
	client, err := rcuser.NewClient(srv.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	since := srv.LastChange()
	go func() { _, _ = client.Presence.Online(ctx, "u1") }()

	for { // wait for the call, without polling
		changes, err := srv.Changes(ctx, since)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, c := range changes {
			since = c.Seq
			if c.Kind == rctest.RequestReceived {
				page, _ := srv.RequestsSince(0, 1)
				fmt.Println(page[0].Path)
				return
			}
		}
	}
	// Output: /user/checkOnline.json
}
