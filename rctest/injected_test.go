package rctest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func TestInjectedFault(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.Empty(t, f.Faults())
	x := f.Inject(rctest.Fault{Status: 500, Times: 2, Header: header("X", "1")})
	y := f.Inject(rctest.Fault{Status: 501, Times: rctest.Always, Endpoint: "//user//block.json"})
	require.Equal(t, []*rctest.InjectedFault{x, y}, f.Faults())
	require.Equal(t, []uint64{1, 2}, []uint64{x.ID(), y.ID()})
	require.Equal(t, rctest.Fault{Status: 500, Times: 2, Header: header("X", "1")}, x.Fault())
	require.Equal(t, blockPath, y.Fault().Endpoint)
	x.Fault().Header.Set("X", "changed")
	require.Equal(t, "1", x.Fault().Header.Get("X"))

	require.Equal(t, "xxy", f.pattern(blockPath, 3))
	require.Equal(t, []int{2, 1}, []int{x.Hits(), y.Hits()}, "a fault that is used up still tells")
	require.Equal(t, []*rctest.InjectedFault{y}, f.Faults())
	var ids []uint64
	for _, r := range f.Requests() {
		ids = append(ids, r.FaultID)
	}
	require.Equal(t, []uint64{1, 1, 2}, ids)

	y.Remove()
	require.Empty(t, f.Faults())
	require.Equal(t, ".", f.pattern(blockPath, 1))
	require.Zero(t, f.Requests()[3].FaultID)
	z := f.Inject(rctest.Fault{Status: 502})
	y.Remove()
	x.Remove()
	require.Equal(t, []*rctest.InjectedFault{z}, f.Faults(), "removing twice, or what is used up, changes nothing")
	f.ClearFaults()
	z.Remove()
	require.Equal(t, []int{0, 3}, []int{z.Hits(), f.FaultHits()})
	require.EqualValues(t, 4, f.Inject(rctest.Fault{Status: 502}).ID())
}

// Two faults with equal fields are two.
func TestRemoveRemovesOneOfEqualFaults(t *testing.T) {
	t.Parallel()
	f := setup(t)
	same := rctest.Fault{Status: 500, Times: rctest.Always}
	first, second, third := f.Inject(same), f.Inject(same), f.Inject(same)
	second.Remove()
	require.Equal(t, []*rctest.InjectedFault{first, third}, f.Faults())
	require.Equal(t, "x", f.pattern(blockPath, 1))
	require.Equal(t, []int{1, 0, 0}, []int{first.Hits(), second.Hits(), third.Hits()})
}

// A fault whose time has passed isn't listed, even if no call has come since.
func TestFaultsWithoutExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		outage := f.Inject(rctest.Fault{Kind: rctest.RefuseConnection, For: time.Minute})
		f.tryBan()
		require.Len(t, f.Faults(), 1)
		f.Advance(time.Minute)
		require.Empty(t, f.Faults())
		outage.Remove()
		require.Equal(t, 1, outage.Hits())
	})
}

// A fault may be removed while calls are hit by it. A call that it has hit already stays hit.
func TestRemoveWhileCallsAreHit(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for range 20 {
		fault := f.Inject(rctest.Fault{Status: 500, Times: rctest.Always})
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() { f.tryBan() })
		}
		group.Go(fault.Remove)
		group.Go(func() { f.Faults(); fault.Hits() })
		group.Wait()
		hits := 0
		for _, r := range f.Requests() {
			if r.FaultID == fault.ID() {
				hits++
			}
		}
		require.Equal(t, hits, fault.Hits())
		require.Equal(t, ".", f.pattern(blockPath, 1))
	}
}

func TestInjectedDeliveryFault(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		require.Empty(t, f.DeliveryFaults())
		lost := f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost, Times: 2})
		twice := f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Twice, Times: rctest.Always})
		require.Equal(t, []*rctest.InjectedDeliveryFault{lost, twice}, f.DeliveryFaults())
		require.Equal(t, rctest.DeliveryFault{Kind: rctest.Lost, Times: 2}, lost.Fault())
		for i := range 3 {
			f.SetOnline("a", i%2 == 0)
		}
		require.Equal(t, 2, a.count())
		require.Equal(t, []int{2, 1}, []int{lost.Hits(), twice.Hits()})
		require.Equal(t, []*rctest.InjectedDeliveryFault{twice}, f.DeliveryFaults())
		lost.Remove()
		twice.Remove()
		twice.Remove()
		require.Empty(t, f.DeliveryFaults())
		f.SetOnline("a", false)
		require.Equal(t, 3, a.count())
		require.Zero(t, f.FaultHits(), "that is of calls")
	})
}

// Events that were due before a fault is removed, or asked for its hits by a list, are hit by it.
func TestRemoveHitsEarlierEvents(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		for range 50 { // the timer and Remove race, so try several times
			before := a.count()
			lost := f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost, Times: rctest.Always})
			f.ok(deactivatePath, "userId=b")
			time.Sleep(15 * time.Minute)
			lost.Remove()
			require.Equal(t, 1, lost.Hits())
			require.Equal(t, before, a.count())
			time.Sleep(45 * time.Minute)
			f.ok(reactivatePath, "userId=b")
		}
	})
}

// A handle leads to the server but never shows its secret.
func TestInjectedFaultHidesTheSecret(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, handle := range []any{f.Inject(rctest.Fault{Status: 500}), f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost})} {
		raw, err := json.Marshal(handle)
		require.NoError(t, err)
		for _, text := range []string{fmt.Sprint(handle), fmt.Sprintf("%+v", handle), fmt.Sprintf("%#v", handle), string(raw)} {
			require.NotContains(t, text, f.Credentials().AppSecret)
		}
	}
}

// What calls and events have left goes, and numbers go on.
func TestResetTraffic(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		a.answer = func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }
		f.SetOnline("a", true)
		f.SetOnline("a", false)
		hit := f.Inject(rctest.Fault{Status: 500, Times: rctest.Always})
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.OutOfOrder, Times: rctest.Always})
		f.SetOnline("held", true)
		f.tryBan()
		require.Equal(t, 1, a.count())

		f.ResetTraffic()
		require.Empty(t, f.Requests())
		require.Empty(t, f.Deliveries())
		require.Empty(t, f.Faults())
		require.Empty(t, f.DeliveryFaults())
		require.Zero(t, f.FaultHits())
		require.Equal(t, 1, hit.Hits())
		f.WaitDeliveries()
		a.answer = nil
		f.ok(blockPath, banForm)
		require.EqualValues(t, 2, f.Requests()[0].Seq)
		f.SetOnline("b", true)
		require.Equal(t, 2, a.count(), "the webhook stays, and what waited for it is dropped")
		require.Contains(t, a.bodies()[1], `"b"`)
		require.EqualValues(t, 2, f.Deliveries()[0].Seq, "1 was the post that was cancelled")
	})
}

func TestResetTrafficResetsRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, rctest.EnforceRateLimits())
		for range 100 {
			f.ok(blockPath, banForm)
		}
		f.refused(blockPath, banForm, 429, 1008)
		f.ResetTraffic()
		f.ok(blockPath, banForm)
	})
}

func ExampleServer_Inject_handle() {
	srv := rctest.NewServer()
	defer srv.Close()
	http := srv.Config().HTTPClient

	outage := srv.Inject(rctest.Fault{Kind: rctest.RefuseConnection, Times: rctest.Always})
	for range 3 {
		_, err := http.Get("https://primary.rctest.invalid/")
		if err == nil {
			fmt.Println("answered")
		}
	}
	fmt.Println("refused:", outage.Hits(), "faults:", len(srv.Faults()))
	outage.Remove()
	fmt.Println("faults:", len(srv.Faults()))
	// Output:
	// refused: 3 faults: 1
	// faults: 0
}
