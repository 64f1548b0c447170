package rctest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// dropped returns how many of the latest deliveries were never posted.
func (f *fake) dropped() int {
	count := 0
	for _, d := range f.Deliveries() {
		if d.Attempt == 0 {
			count++
		}
	}
	return count
}

// Events of a webhook that doesn't answer wait for it, but no more than 64 MiB of them. The others are dropped, which shows
// in the deliveries.
func TestEventsOfADeadWebhook(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		a.answer = func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }
		f.LimitBytes(mebi)
		f.SetWebhook(nil)
		f.SetWebhook(a)
		name := strings.Repeat("u", 50)
		for i := range 2000 {
			f.SetOnline(fmt.Sprint(name, i), true)
		}
		require.Positive(t, f.dropped())
		last := f.Deliveries()[len(f.Deliveries())-1]
		require.ErrorContains(t, last.Err, "more than 64 MiB of others wait")
		require.Equal(t, []any{name + "1999", 0}, []any{last.UserID, last.Status})
		require.NotEmpty(t, last.Query.Get("signature"))

		synctest.Wait() // the handlers have read answer
		a.answer = nil
		f.Advance(time.Hour)
		synctest.Wait()
		time.Sleep(time.Hour)
		posted := a.count()
		require.Greater(t, posted, 900)
		for i := range 1000 {
			f.SetOnline(fmt.Sprint(name, "later", i), true)
		}
		require.Equal(t, posted+1000, a.count(), "there is room again")
	})
}

// Events that a fault delays or holds back count as well.
func TestLateEventsAreBounded(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Late, Delay: time.Hour, Every: 2, Times: rctest.Always})
		f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.OutOfOrder, Times: rctest.Always})
		f.LimitBytes(mebi)
		f.SetWebhook(nil)
		f.SetWebhook(a)
		name := strings.Repeat("u", 50)
		for i := range 2000 {
			f.SetOnline(fmt.Sprint(name, i), true)
		}
		require.Positive(t, f.dropped())
		require.Zero(t, a.count())
		f.ClearFaults()
		time.Sleep(2 * time.Hour)
		posted := a.count()
		require.Greater(t, posted, 900)
		for i := range 1000 {
			f.SetOnline(fmt.Sprint(name, "later", i), true)
		}
		require.Equal(t, posted+1000, a.count(), "there is room again")
	})
}

// A handler that never returns, not even after its timeout, costs a goroutine each time. There are at most 4,000.
func TestHandlersThatNeverReturnAreBounded(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		release := make(chan struct{})
		a.answer = func(http.ResponseWriter, *http.Request) { <-release }
		for i := range 5000 {
			f.SetOnline(fmt.Sprint("u", i), true)
		}
		time.Sleep(time.Hour)
		require.Equal(t, 4000, a.count())
		close(release)
		time.Sleep(time.Minute)
		require.Greater(t, a.count(), 5000)
		f.WaitDeliveries()
		f.SetOnline("later", true)
		require.Contains(t, a.bodies()[a.count()-1], "later")
	})
}

// Handlers of a webhook that was replaced, and those from before a Reset, still have their goroutines.
func TestHandlersOfEarlierWebhooksCount(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		release := make(chan struct{})
		a.answer = func(http.ResponseWriter, *http.Request) { <-release }
		for round := range 3 {
			for i := range 2000 {
				f.SetOnline(fmt.Sprint("u", round, "-", i), true)
			}
			time.Sleep(time.Minute)
			if round == 0 {
				f.Reset()
			} else {
				f.SetWebhook(nil)
				f.SetWebhook(a)
			}
		}
		require.Equal(t, 4000, a.count())
		close(release)
		time.Sleep(time.Minute)
		f.SetOnline("later", true)
		f.WaitDeliveries()
		require.Contains(t, a.bodies()[a.count()-1], "later")
	})
}
