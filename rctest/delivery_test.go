package rctest_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func TestDelivery(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		f.Advance(time.Hour)
		time.Sleep(time.Second)
		f.SetOnline("a", true)
		p := a.all()[0]
		want := rctest.Delivery{
			Seq: 1, UserID: "a", Query: p.query, ContentType: "application/json", Body: p.body,
			Attempt: 1, Status: 200, Time: time.UnixMilli(bubbleStart + 1000),
		}
		got := f.Deliveries()
		require.WithinDuration(t, want.Time, got[0].Time, 0)
		got[0].Time = want.Time
		require.Equal(t, []rctest.Delivery{want}, got)
		got[0].Query.Set("nonce", "changed")
		require.Equal(t, p.query, f.Deliveries()[0].Query, "Deliveries returns a copy")
	})
}

func TestDeliveriesLimit(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		const n = 20_002 // makes recordDelivery drop old ones twice
		for i := range n {
			f.SetOnline("a", i%2 == 0)
		}
		posts := a.all()
		require.Len(t, posts, n)
		got := f.Deliveries()
		require.Len(t, got, 10_000)
		require.Equal(t, posts[n-10_000].query, got[0].Query)
		require.Equal(t, posts[n-1].query, got[9999].Query)
	})
}

// WaitDeliveries works outside a bubble.
func TestWaitDeliveries(t *testing.T) {
	t.Parallel()
	f, a := setup(t), &app{start: time.Now()}
	f.WaitDeliveries() // without a webhook
	f.SetWebhook(a)
	f.WaitDeliveries() // with nothing to do
	release := make(chan struct{})
	a.answer = func(http.ResponseWriter, *http.Request) { <-release }
	f.ok(deactivatePath, "userId="+joinedIDs(100))
	f.Advance(15 * time.Minute)
	waited := make(chan int)
	go func() {
		f.WaitDeliveries()
		waited <- len(f.Deliveries())
	}()
	close(release)
	require.Equal(t, 100, <-waited)

	a.answer = answerWith(500)
	start := time.Now()
	f.ok(reactivatePath, "userId=v")
	f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Late, Delay: time.Hour})
	f.SetOnline("w", true)
	f.WaitDeliveries()
	require.Less(t, time.Since(start), time.Second)
	require.Len(t, f.Deliveries(), 101, "without the retry and the late event")
	f.Advance(time.Second)
	f.WaitDeliveries()
	require.Len(t, f.Deliveries(), 102)
	users := slices.Collect(func(yield func(string) bool) {
		for _, d := range f.Deliveries() {
			yield(d.UserID)
		}
	})
	require.Equal(t, []string{"v", "v"}, users[100:])
}

// WaitDeliveries waits for a retry that is due even if the timer hasn't run yet.
func TestWaitDeliveriesIncludesDueEvents(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		a.answer = answerWith(500)
		for i := range 50 {
			f.SetOnline(fmt.Sprint("u", i), true)
			synctest.Wait()
			time.Sleep(time.Second)
			f.WaitDeliveries()
			require.Len(t, f.Deliveries(), 3*i+2)
			time.Sleep(time.Minute)
		}
	})
}

func TestWaitDeliveriesEndsWithClose(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		release := make(chan struct{})
		a.answer = func(http.ResponseWriter, *http.Request) { <-release }
		f.SetOnline("a", true)
		var group sync.WaitGroup
		group.Go(f.WaitDeliveries)
		require.Len(t, a.all(), 1)
		f.Close()
		group.Wait()
		close(release)
	})
}
