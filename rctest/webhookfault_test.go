package rctest_test

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// statuses are those of the presence events that came, and when.
func (a *app) statuses() []string {
	var found []string
	for _, h := range a.all() {
		found = append(found, h.body[25:26]+" "+h.after.String())
	}
	return found
}

func (f *fake) faults() []rctest.DeliveryFaultKind {
	var found []rctest.DeliveryFaultKind
	for _, d := range f.Deliveries() {
		found = append(found, d.Fault)
	}
	return found
}

func TestLateEvents(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Late, Delay: time.Hour, Times: 2})
		f.SetOnline("a", true)
		time.Sleep(time.Minute)
		f.SetOnline("a", false)
		f.SetOnline("a", true)
		time.Sleep(59*time.Minute - 1)
		require.Equal(t, []string{"0 1m0s"}, a.statuses())
		time.Sleep(time.Nanosecond)
		require.Equal(t, []string{"0 1m0s", "0 1h0m0s"}, a.statuses())
		f.Advance(time.Minute)
		require.Equal(t, []string{"0 1m0s", "0 1h0m0s", "1 1h0m0s"}, a.statuses())
		require.Equal(t, []rctest.DeliveryFaultKind{0, rctest.Late, rctest.Late}, f.faults())
		require.Equal(t, presence("a", "0", bubbleStart), a.bodies()[1])
		require.Equal(t, "946684800000", a.all()[1].query.Get("timestamp"), "signed when it happened")
		time.Sleep(24 * time.Hour)
		require.Len(t, a.all(), 3)
	})
}

// What is late by less than the clock is advanced by comes at once, also if it begins with what that finishes.
func TestLateResults(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Late, Delay: time.Hour})
		f.ok(deactivate, "userId=a")
		f.Advance(75*time.Minute - 1)
		require.Empty(t, a.all())
		f.Advance(1)
		require.Len(t, a.all(), 1)
		require.Contains(t, a.bodies()[0], "&time=946685700000")
	})
}

func TestEventsThatComeTwice(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Twice})
		a.answer = status(500, 200, 500, 200)
		f.SetOnline("a", true)
		f.SetOnline("a", false)
		time.Sleep(time.Minute)
		require.Equal(t, []string{"0 0s", "0 1s", "0 1s", "1 1s"}, a.statuses(), "after the success, and once")
		hits := a.all()
		require.Equal(t, hits[1].query, hits[2].query)
		require.Equal(t, hits[1].body, hits[2].body)
		require.Equal(t, []rctest.DeliveryFaultKind{0, 0, rctest.Twice, 0}, f.faults())
		require.Equal(t, []ending{{1, 500, nil}, {2, 200, nil}, {1, 500, nil}, {1, 200, nil}}, f.endings())
	})
}

func TestEventsThatNeverSucceedDontComeTwice(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Twice})
		a.answer = status(500)
		f.SetOnline("a", true)
		time.Sleep(time.Minute)
		require.Len(t, a.all(), 3)
	})
}

func TestEventsOutOfOrder(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.OutOfOrder, Times: rctest.Always})
		f.SetOnline("a", true)
		f.ok(reactivate, "userId=b") // another's, which is held back as well
		require.Empty(t, a.all())
		time.Sleep(time.Second)
		f.SetOnline("a", false)
		require.Equal(t, []string{"1 1s", "0 1s"}, a.statuses())
		require.Equal(t, []rctest.DeliveryFaultKind{0, rctest.OutOfOrder}, f.faults())
		f.SetOnline("a", true)
		time.Sleep(299*time.Second - 1)
		require.Len(t, a.all(), 2)
		time.Sleep(time.Nanosecond)
		require.Len(t, a.all(), 3, "b's had no other event to wait for")
		f.Advance(time.Second)
		require.Equal(t, "0 5m0s", a.statuses()[3], "and neither had a's")
		f.Advance(time.Hour)
		f.ClearFaults()
		f.SetOnline("a", false)
		require.Equal(t, "1 5m0s", a.statuses()[4])
		require.Len(t, a.all(), 5, "each came once")
	})
}

// What happens to the next event doesn't matter.
func TestEventsOutOfOrderAfterALostOne(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.OutOfOrder})
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost})
		f.SetOnline("a", true)
		f.SetOnline("a", false)
		require.Equal(t, []string{"0 0s"}, a.statuses())
		time.Sleep(time.Hour)
		require.Len(t, a.all(), 1)
	})
}

func TestLostEvents(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost})
		f.SetOnline("a", true)
		f.SetOnline("a", false)
		time.Sleep(time.Hour)
		require.Equal(t, []string{"1 0s"}, a.statuses())
		require.Len(t, f.Deliveries(), 1)
	})
}

// An attack comes once, before the true event, which is tried again as ever.
func TestAttacks(t *testing.T) {
	for name, c := range map[string]struct {
		fault rctest.DeliveryFault
		check func(t *testing.T, secret string, attack, truth url.Values)
	}{
		"forged": {rctest.DeliveryFault{Kind: rctest.Forged}, func(t *testing.T, secret string, attack, truth url.Values) {
			require.Regexp(t, "^[0-9a-f]{40}$", attack.Get("signature"))
			require.NotEqual(t, sign(secret, attack.Get("nonce"), attack.Get("timestamp")), attack.Get("signature"))
			attack.Set("signature", truth.Get("signature"))
			require.Equal(t, truth, attack, "all else is the same")
		}},
		"stale": {rctest.DeliveryFault{Kind: rctest.Stale}, func(t *testing.T, secret string, attack, truth url.Values) {
			require.Equal(t, "946681200000", attack.Get("timestamp"))
			require.Equal(t, sign(secret, attack.Get("nonce"), "946681200000"), attack.Get("signature"))
			require.NotEqual(t, truth.Get("nonce"), attack.Get("nonce"))
		}},
		"staler": {rctest.DeliveryFault{Kind: rctest.Stale, Delay: 10 * time.Hour}, func(t *testing.T, secret string, attack, _ url.Values) {
			require.Equal(t, "946648800000", attack.Get("timestamp"))
			require.Equal(t, sign(secret, attack.Get("nonce"), "946648800000"), attack.Get("signature"))
		}},
		"unsigned": {rctest.DeliveryFault{Kind: rctest.Unsigned}, func(t *testing.T, _ string, attack, _ url.Values) {
			require.Empty(t, attack)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			hooked(t, func(t *testing.T, f *fake, a *app) {
				f.InjectDelivery(c.fault)
				a.answer = status(401, 500, 200)
				f.SetOnline("a", true)
				f.SetOnline("a", false)
				require.Equal(t, []string{"0 0s", "0 0s"}, a.statuses())
				time.Sleep(time.Minute)
				require.Equal(t, []string{"0 0s", "0 0s", "0 1s", "1 1s"}, a.statuses())
				require.Equal(t, []ending{{1, 401, nil}, {1, 500, nil}, {2, 200, nil}, {1, 200, nil}}, f.endings())
				require.Equal(t, []rctest.DeliveryFaultKind{c.fault.Kind, 0, 0, 0}, f.faults())
				hits := a.all()
				require.Equal(t, hits[1].body, hits[0].body)
				truth := hits[1].query
				require.Equal(t, sign(f.AppSecret, truth.Get("nonce"), "946684800000"), truth.Get("signature"))
				c.check(t, f.AppSecret, hits[0].query, truth)
			})
		})
	}
}

func TestWhichEventsAreHit(t *testing.T) {
	for name, c := range map[string]struct {
		faults []rctest.DeliveryFault
		came   string // of a's ten events and b's in turn, those that weren't lost
	}{
		"once":       {[]rctest.DeliveryFault{{}}, "-bababababababababab"},
		"three":      {[]rctest.DeliveryFault{{Times: 3}}, "---babababababababab"},
		"always":     {[]rctest.DeliveryFault{{Times: rctest.Always}}, "--------------------"},
		"a user's":   {[]rctest.DeliveryFault{{Times: 2, UserID: "b"}}, "a-a-abababababababab"},
		"every":      {[]rctest.DeliveryFault{{Every: 3, Times: 2}}, "ab-ba-ababababababab"},
		"one after":  {[]rctest.DeliveryFault{{}, {Every: 2}}, "-b-babababababababab"},
		"one's each": {[]rctest.DeliveryFault{{UserID: "b"}, {UserID: "a"}}, "--ababababababababab"},
	} {
		t.Run(name, func(t *testing.T) {
			hooked(t, func(t *testing.T, f *fake, a *app) {
				for _, fault := range c.faults {
					fault.Kind = rctest.Lost
					f.InjectDelivery(fault)
				}
				var came strings.Builder
				for i := range 20 {
					before := a.count()
					f.SetOnline(string("ab"[i%2]), i%4 < 2)
					if a.count() > before {
						came.WriteString(string("ab"[i%2]))
					} else {
						came.WriteString("-")
					}
				}
				require.Equal(t, c.came, came.String())
			})
		})
	}
}

func TestEventsAreHitByChance(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		lost := func(seed uint64) (hit []int) {
			f.ClearFaults()
			f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost, Times: rctest.Always, Probability: 0.3, Seed: seed})
			for i := range 1000 {
				before := a.count()
				f.SetOnline("a", i%2 == 0)
				if a.count() == before {
					hit = append(hit, i)
				}
			}
			return hit
		}
		first := lost(1)
		require.InDelta(t, 300, len(first), 60)
		require.Equal(t, first, lost(1))
		require.NotEqual(t, first, lost(2))
	})
}

func TestClearFaultsEndsThoseOfDeliveries(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Late, Delay: time.Hour, Times: rctest.Always})
		f.SetOnline("a", true)
		f.ClearFaults()
		f.SetOnline("a", false)
		time.Sleep(2 * time.Hour)
		require.Equal(t, []string{"1 0s", "0 1h0m0s"}, a.statuses())
	})
}

// What was due before a fault was injected isn't hit by it, nor is what happens without a webhook.
func TestDeliveryFaultsAreForWhatComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, a := setup(t), &app{start: time.Now()}
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost})
		f.SetOnline("a", true)
		f.SetWebhook(a)
		f.SetOnline("a", false)
		f.SetOnline("a", true)
		require.Equal(t, []string{"0 0s"}, a.statuses())
		for range 50 { // as it is chance who is first when the time has come
			before := len(f.Deliveries())
			f.ok(deactivate, "userId=b")
			time.Sleep(15 * time.Minute)
			f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost})
			f.WaitDeliveries()
			require.Len(t, f.Deliveries(), before+1)
			f.ClearFaults()
			time.Sleep(45 * time.Minute)
			f.ok(reactivate, "userId=b")
			synctest.Wait()
		}
	})
}

func TestNonsenseInDeliveryFaults(t *testing.T) {
	t.Parallel()
	srv := rctest.NewServer()
	for _, c := range []struct {
		fault  rctest.DeliveryFault
		reason string
	}{
		{rctest.DeliveryFault{}, "Kind 0 is unknown"},
		{rctest.DeliveryFault{Kind: rctest.Unsigned + 1}, "Kind 8 is unknown"},
		{rctest.DeliveryFault{Kind: -1}, "Kind -1 is unknown"},
		{rctest.DeliveryFault{Kind: rctest.Stale, Delay: -1}, "Delay -1ns is negative"},
		{rctest.DeliveryFault{Kind: rctest.Late}, "Late needs a Delay"},
		{rctest.DeliveryFault{Kind: rctest.Twice, Delay: 1}, "this Kind takes no Delay"},
		{rctest.DeliveryFault{Kind: rctest.OutOfOrder, Delay: 1}, "this Kind takes no Delay"},
		{rctest.DeliveryFault{Kind: rctest.Lost, Delay: 1}, "this Kind takes no Delay"},
		{rctest.DeliveryFault{Kind: rctest.Forged, Delay: 1}, "this Kind takes no Delay"},
		{rctest.DeliveryFault{Kind: rctest.Unsigned, Delay: 1}, "this Kind takes no Delay"},
		{rctest.DeliveryFault{Kind: rctest.Lost, Times: -2}, "Times -2 is neither Always nor a number of events"},
		{rctest.DeliveryFault{Kind: rctest.Lost, Every: -1}, "Every -1 is negative"},
		{rctest.DeliveryFault{Kind: rctest.Lost, Probability: 1.1}, "Probability 1.1 is not between 0 and 1"},
	} {
		require.PanicsWithValue(t, "rctest: InjectDelivery: "+c.reason, func() { srv.InjectDelivery(c.fault) })
	}
}
