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

func (f *fake) deliveryFaultKinds() []rctest.DeliveryFaultKind {
	var found []rctest.DeliveryFaultKind
	for _, d := range f.Deliveries() {
		found = append(found, d.Fault)
	}
	return found
}

func TestLate(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Late, Delay: time.Hour, Times: 2})
		f.SetOnline("a", true)
		time.Sleep(time.Minute)
		f.SetOnline("a", false)
		f.SetOnline("a", true)
		time.Sleep(59*time.Minute - 1)
		require.Equal(t, []string{"0 1m0s"}, a.presenceStatuses())
		time.Sleep(time.Nanosecond)
		require.Equal(t, []string{"0 1m0s", "0 1h0m0s"}, a.presenceStatuses())
		f.Advance(time.Minute)
		require.Equal(t, []string{"0 1m0s", "0 1h0m0s", "1 1h0m0s"}, a.presenceStatuses())
		require.Equal(t, []rctest.DeliveryFaultKind{0, rctest.Late, rctest.Late}, f.deliveryFaultKinds())
		require.Equal(t, presenceBody("a", "0", bubbleStart), a.bodies()[1])
		require.Equal(t, "946684800000", a.all()[1].query.Get("timestamp"), "signed when it happened")
		time.Sleep(24 * time.Hour)
		require.Len(t, a.all(), 3)
	})
}

// One Advance covers both the deactivation and the delay of its event.
func TestLateDeactivationEvent(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Late, Delay: time.Hour})
		f.ok(deactivatePath, "userId=a")
		f.Advance(75*time.Minute - 1)
		require.Empty(t, a.all())
		f.Advance(1)
		require.Len(t, a.all(), 1)
		require.Contains(t, a.bodies()[0], "&time=946685700000")
	})
}

func TestTwice(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Twice})
		a.answer = answerWith(500, 200, 500, 200)
		f.SetOnline("a", true)
		f.SetOnline("a", false)
		time.Sleep(time.Minute)
		require.Equal(t, []string{"0 0s", "0 1s", "0 1s", "1 1s"}, a.presenceStatuses(), "repeated once, after the success")
		posts := a.all()
		require.Equal(t, posts[1].query, posts[2].query)
		require.Equal(t, posts[1].body, posts[2].body)
		require.Equal(t, []rctest.DeliveryFaultKind{0, 0, rctest.Twice, 0}, f.deliveryFaultKinds())
		require.Equal(t, []outcome{{1, 500, nil}, {2, 200, nil}, {1, 500, nil}, {1, 200, nil}}, f.outcomes())
	})
}

func TestTwiceNeedsSuccess(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Twice})
		a.answer = answerWith(500)
		f.SetOnline("a", true)
		time.Sleep(time.Minute)
		require.Len(t, a.all(), 3)
	})
}

func TestOutOfOrder(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.OutOfOrder, Times: rctest.Always})
		f.SetOnline("a", true)
		f.ok(reactivatePath, "userId=b") // another user's event is held back separately
		require.Empty(t, a.all())
		time.Sleep(time.Second)
		f.SetOnline("a", false)
		require.Equal(t, []string{"1 1s", "0 1s"}, a.presenceStatuses())
		require.Equal(t, []rctest.DeliveryFaultKind{0, rctest.OutOfOrder}, f.deliveryFaultKinds())
		f.SetOnline("a", true)
		time.Sleep(299*time.Second - 1)
		require.Len(t, a.all(), 2)
		time.Sleep(time.Nanosecond)
		require.Len(t, a.all(), 3, "b had no other event within 5 minutes")
		f.Advance(time.Second)
		require.Equal(t, "0 5m0s", a.presenceStatuses()[3], "nor had a")
		f.Advance(time.Hour)
		f.ClearFaults()
		f.SetOnline("a", false)
		require.Equal(t, "1 5m0s", a.presenceStatuses()[4])
		require.Len(t, a.all(), 5, "each event is posted once")
	})
}

// The next event releases the one held back even if it is lost itself.
func TestOutOfOrderBeforeLost(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.OutOfOrder})
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost})
		f.SetOnline("a", true)
		f.SetOnline("a", false)
		require.Equal(t, []string{"0 0s"}, a.presenceStatuses())
		time.Sleep(time.Hour)
		require.Len(t, a.all(), 1)
	})
}

func TestLost(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost})
		f.SetOnline("a", true)
		f.SetOnline("a", false)
		time.Sleep(time.Hour)
		require.Equal(t, []string{"1 0s"}, a.presenceStatuses())
		require.Len(t, f.Deliveries(), 1)
	})
}

// The extra post comes once, before the genuine event, which is retried as usual.
func TestExtraPosts(t *testing.T) {
	for name, c := range map[string]struct {
		fault rctest.DeliveryFault
		check func(t *testing.T, secret string, extra, genuine url.Values)
	}{
		"forged": {rctest.DeliveryFault{Kind: rctest.Forged}, func(t *testing.T, secret string, extra, genuine url.Values) {
			require.Regexp(t, "^[0-9a-f]{40}$", extra.Get("signature"))
			require.NotEqual(t, sign(secret, extra.Get("nonce"), extra.Get("timestamp")), extra.Get("signature"))
			extra.Set("signature", genuine.Get("signature"))
			require.Equal(t, genuine, extra, "only the signature differs")
		}},
		"stale": {rctest.DeliveryFault{Kind: rctest.Stale}, func(t *testing.T, secret string, extra, genuine url.Values) {
			require.Equal(t, "946681200000", extra.Get("timestamp"))
			require.Equal(t, sign(secret, extra.Get("nonce"), "946681200000"), extra.Get("signature"))
			require.NotEqual(t, genuine.Get("nonce"), extra.Get("nonce"))
		}},
		"stale for 10 h": {rctest.DeliveryFault{Kind: rctest.Stale, Delay: 10 * time.Hour}, func(t *testing.T, secret string, extra, _ url.Values) {
			require.Equal(t, "946648800000", extra.Get("timestamp"))
			require.Equal(t, sign(secret, extra.Get("nonce"), "946648800000"), extra.Get("signature"))
		}},
		"unsigned": {rctest.DeliveryFault{Kind: rctest.Unsigned}, func(t *testing.T, _ string, extra, _ url.Values) {
			require.Empty(t, extra)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			withWebhook(t, func(t *testing.T, f *fake, a *app) {
				f.InjectDelivery(c.fault)
				a.answer = answerWith(401, 500, 200)
				f.SetOnline("a", true)
				f.SetOnline("a", false)
				require.Equal(t, []string{"0 0s", "0 0s"}, a.presenceStatuses())
				time.Sleep(time.Minute)
				require.Equal(t, []string{"0 0s", "0 0s", "0 1s", "1 1s"}, a.presenceStatuses())
				require.Equal(t, []outcome{{1, 401, nil}, {1, 500, nil}, {2, 200, nil}, {1, 200, nil}}, f.outcomes())
				require.Equal(t, []rctest.DeliveryFaultKind{c.fault.Kind, 0, 0, 0}, f.deliveryFaultKinds())
				posts := a.all()
				require.Equal(t, posts[1].body, posts[0].body)
				genuine := posts[1].query
				require.Equal(t, sign(f.Credentials().AppSecret, genuine.Get("nonce"), "946684800000"), genuine.Get("signature"))
				c.check(t, f.Credentials().AppSecret, posts[0].query, genuine)
			})
		})
	}
}

func TestDeliveryFaultSelection(t *testing.T) {
	for name, c := range map[string]struct {
		faults []rctest.DeliveryFault
		want   string // the user of each event, a and b in turn; - = lost
	}{
		"once":         {[]rctest.DeliveryFault{{}}, "-bababababababababab"},
		"three times":  {[]rctest.DeliveryFault{{Times: 3}}, "---babababababababab"},
		"always":       {[]rctest.DeliveryFault{{Times: rctest.Always}}, "--------------------"},
		"one user's":   {[]rctest.DeliveryFault{{Times: 2, UserID: "b"}}, "a-a-abababababababab"},
		"every":        {[]rctest.DeliveryFault{{Every: 3, Times: 2}}, "ab-ba-ababababababab"},
		"two faults":   {[]rctest.DeliveryFault{{}, {Every: 2}}, "-b-babababababababab"},
		"one per user": {[]rctest.DeliveryFault{{UserID: "b"}, {UserID: "a"}}, "--ababababababababab"},
	} {
		t.Run(name, func(t *testing.T) {
			withWebhook(t, func(t *testing.T, f *fake, a *app) {
				for _, fault := range c.faults {
					fault.Kind = rctest.Lost
					f.InjectDelivery(fault)
				}
				var posted strings.Builder
				for i := range 20 {
					before := a.count()
					f.SetOnline(string("ab"[i%2]), i%4 < 2)
					if a.count() > before {
						posted.WriteString(string("ab"[i%2]))
					} else {
						posted.WriteString("-")
					}
				}
				require.Equal(t, c.want, posted.String())
			})
		})
	}
}

func TestDeliveryFaultProbability(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		lost := func(seed uint64) (positions []int) {
			f.ClearFaults()
			f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost, Times: rctest.Always, Probability: 0.3, Seed: seed})
			for i := range 1000 {
				before := a.count()
				f.SetOnline("a", i%2 == 0)
				if a.count() == before {
					positions = append(positions, i)
				}
			}
			return positions
		}
		first := lost(1)
		require.InDelta(t, 300, len(first), 60)
		require.Equal(t, first, lost(1))
		require.NotEqual(t, first, lost(2))
	})
}

func TestClearFaultsIncludesDeliveryFaults(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Late, Delay: time.Hour, Times: rctest.Always})
		f.SetOnline("a", true)
		f.ClearFaults()
		f.SetOnline("a", false)
		time.Sleep(2 * time.Hour)
		require.Equal(t, []string{"1 0s", "0 1h0m0s"}, a.presenceStatuses())
	})
}

// A fault doesn't hit events that were due before it was injected, nor events that happen without a webhook.
func TestInjectDeliverySkipsEarlierEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, a := setup(t), &app{start: time.Now()}
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost})
		f.SetOnline("a", true)
		f.SetWebhook(a)
		f.SetOnline("a", false)
		f.SetOnline("a", true)
		require.Equal(t, []string{"0 0s"}, a.presenceStatuses())
		for range 50 { // the timer and InjectDelivery race, so try several times
			before := len(f.Deliveries())
			f.ok(deactivatePath, "userId=b")
			time.Sleep(15 * time.Minute)
			f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost})
			f.WaitDeliveries()
			require.Len(t, f.Deliveries(), before+1)
			f.ClearFaults()
			time.Sleep(45 * time.Minute)
			f.ok(reactivatePath, "userId=b")
			synctest.Wait()
		}
	})
}

func TestInjectDeliveryInvalidFault(t *testing.T) {
	t.Parallel()
	srv := rctest.NewServer()
	for _, c := range []struct {
		fault rctest.DeliveryFault
		want  string
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
		require.PanicsWithValue(t, "rctest: InjectDelivery: "+c.want, func() { srv.InjectDelivery(c.fault) })
	}
}
