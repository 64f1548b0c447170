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

// Outside of a bubble there is WaitDeliveries.
func TestWaitDeliveries(t *testing.T) {
	t.Parallel()
	f, a := setup(t), &app{start: time.Now()}
	f.WaitDeliveries() // without a webhook
	f.SetWebhook(a)
	f.WaitDeliveries() // with nothing to do
	release := make(chan struct{})
	a.answer = func(http.ResponseWriter, *http.Request) { <-release }
	f.ok(deactivate, "userId="+joined(100))
	f.Advance(15 * time.Minute)
	waited := make(chan int)
	go func() {
		f.WaitDeliveries()
		waited <- len(f.Deliveries())
	}()
	close(release)
	require.Equal(t, 100, <-waited)

	a.answer = status(500)
	start := time.Now()
	f.ok(reactivate, "userId=v")
	f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Late, Delay: time.Hour})
	f.SetOnline("w", true)
	f.WaitDeliveries()
	require.Less(t, time.Since(start), time.Second)
	require.Len(t, f.Deliveries(), 101, "neither the second attempt nor the late event")
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

// It is enough that the time has come: nobody must have noticed yet.
func TestWaitDeliveriesWaitsForWhatIsDue(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		a.answer = status(500)
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

func TestWaitDeliveriesEndsWithTheServer(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
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
