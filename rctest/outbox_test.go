package rctest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func TestRetry(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		a.answer = answerWith(500, 500, 200)
		f.SetOnline("a", true)
		time.Sleep(time.Minute)
		posts := a.all()
		require.Equal(t, []time.Duration{0, time.Second, 2 * time.Second}, a.times())
		for _, p := range posts {
			require.Equal(t, posts[0].query, p.query)
			require.Equal(t, posts[0].body, p.body)
		}
		require.Equal(t, []outcome{{1, 500, nil}, {2, 500, nil}, {3, 200, nil}}, f.outcomes())
	})
}

func TestDropAfterThreeAttempts(t *testing.T) {
	for _, code := range []int{201, 204, 302, 500} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			withWebhook(t, func(t *testing.T, f *fake, a *app) {
				a.answer = answerWith(code)
				f.SetOnline("a", true)
				time.Sleep(time.Minute)
				require.Equal(t, []outcome{{1, code, nil}, {2, code, nil}, {3, code, nil}}, f.outcomes())
				a.answer = nil
				f.SetOnline("a", false)
				require.Len(t, a.all(), 4, "the dropped event isn't posted again")
				require.Equal(t, outcome{1, 200, nil}, f.outcomes()[3])
			})
		})
	}
}

func TestAdvanceRetriesAtOnce(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		a.answer = answerWith(500)
		f.SetOnline("a", true)
		require.Len(t, a.all(), 1)
		f.Advance(time.Second - 1)
		require.Len(t, a.all(), 1)
		f.Advance(1)
		require.Len(t, a.all(), 2)
		f.Advance(time.Hour)
		require.Equal(t, []time.Duration{0, 0, 0}, a.times())
	})
}

// The retry timer also works outside a bubble.
func TestRetryInRealTime(t *testing.T) {
	t.Parallel()
	f := setup(t)
	posted := make(chan struct{}, 3)
	f.SetWebhook(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		posted <- struct{}{}
	}))
	f.SetOnline("a", true)
	<-posted
	f.WaitDeliveries() // the retry is scheduled
	f.Advance(999 * time.Millisecond)
	<-posted
	f.Close()
}

func TestPostTimeout(t *testing.T) {
	for name, hangs := range map[string]bool{"returns late": false, "hangs": true} {
		t.Run(name, func(t *testing.T) {
			withWebhook(t, func(t *testing.T, f *fake, a *app) {
				release := make(chan struct{})
				a.answer = func(w http.ResponseWriter, req *http.Request) {
					<-req.Context().Done()
					if hangs {
						<-release
					}
					w.WriteHeader(200)
				}
				f.SetOnline("a", true)
				f.SetOnline("a", false)
				time.Sleep(16*time.Second + 999*time.Millisecond)
				require.Equal(t, []time.Duration{0, 6 * time.Second, 12 * time.Second}, a.times())
				time.Sleep(time.Millisecond)
				require.Equal(t, 17*time.Second, a.times()[3], "the next event, after the last attempt")
				late := context.DeadlineExceeded
				require.Equal(t, []outcome{{1, 0, late}, {2, 0, late}, {3, 0, late}}, f.outcomes())
				close(release)
			})
		})
	}
}

func TestEventOrder(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		first := answerWith(500, 200)
		a.answer = func(w http.ResponseWriter, req *http.Request) {
			first(w, req)
			if time.Since(a.start) > 0 {
				time.Sleep(time.Second)
			}
		}
		for i := range 4 {
			f.SetOnline("a", i%2 == 0)
		}
		require.Len(t, a.all(), 1)
		time.Sleep(500 * time.Millisecond)
		f.SetOnline("b", true)
		time.Sleep(time.Minute)
		var order []string
		for _, p := range a.all() {
			order = append(order, p.body[12:26]+" "+p.after.String())
		}
		require.Equal(t, []string{
			`a","status":"0 0s`, `b","status":"0 500ms`,
			`a","status":"0 1s`, `a","status":"1 2s`, `a","status":"0 3s`, `a","status":"1 4s`,
		}, order)
	})
}

// Events of different users are posted at the same time, up to maxPosts.
func TestConcurrentPosts(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		a.answer = func(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Second) }
		for i := range 1000 {
			f.SetOnline(fmt.Sprint("u", i), true)
		}
		require.Len(t, a.all(), 400)
		time.Sleep(2 * time.Second)
		require.Len(t, a.all(), 800)
		time.Sleep(time.Minute)
		posts := a.all()
		require.Len(t, posts, 1000)
		require.Equal(t, 4*time.Second, posts[999].after)
	})
}

func TestManyDeactivationEvents(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		for i := range 100 {
			f.ok(deactivatePath, "userId="+strings.ReplaceAll(idsFrom("", 100*i, 100), "&=", ",")[1:])
		}
		time.Sleep(15 * time.Minute)
		require.Len(t, a.all(), 10_000)
		require.Len(t, f.Deliveries(), 10_000)
		time.Sleep(time.Hour)
		require.Len(t, a.all(), 10_000)
	})
}

func TestReplaceWebhook(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		a.answer = answerWith(500)
		f.SetOnline("a", true)
		f.SetOnline("a", false)
		require.Len(t, a.all(), 1)
		b := &app{start: time.Now()}
		f.SetWebhook(b)
		time.Sleep(time.Minute)
		require.Len(t, a.all(), 1)
		require.Equal(t, []string{presenceBody("a", "0", bubbleStart), presenceBody("a", "1", bubbleStart)}, b.bodies())
	})
}

// Nothing is posted after the end, which a handler may cause.
func TestEndOfPosting(t *testing.T) {
	for name, end := range map[string]func(f *fake){
		"nil":   func(f *fake) { f.SetWebhook(nil) },
		"URL":   func(f *fake) { f.SetWebhookURL("") },
		"close": func(f *fake) { f.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			withWebhook(t, func(t *testing.T, f *fake, a *app) {
				f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Late, Delay: time.Minute, UserID: "late"})
				f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.OutOfOrder, UserID: "held"})
				f.ok(deactivatePath, "userId=running")
				f.SetOnline("late", true)
				f.SetOnline("held", true)
				a.answer = answerWith(500)
				f.SetOnline("failed", true)
				require.Len(t, a.all(), 1)
				a.answer = func(_ http.ResponseWriter, req *http.Request) {
					if strings.Contains(req.URL.RawQuery, "nonce") && len(f.Deliveries()) == 1 {
						end(f)
					}
					<-req.Context().Done()
				}
				f.SetOnline("a", true)
				f.SetOnline("a", false)
				require.Len(t, a.all(), 2)
				require.Equal(t, []outcome{{1, 500, nil}, {1, 0, context.Canceled}}, f.outcomes())
				require.Equal(t, time.Duration(0), time.Since(a.start))
				f.WaitDeliveries()
				if name != "close" {
					f.SetWebhook(a)
				}
				time.Sleep(14 * time.Minute)
				f.Advance(time.Hour)
				want := 2
				if name != "close" {
					want = 3 // the result of the deactivation
				}
				require.Len(t, a.all(), want)
			})
		})
	}
}

// The bubble wouldn't end if a goroutine were left.
func TestCloseEndsGoroutines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := rctest.NewServer()
		f := &fake{srv, t, srv.Config().HTTPClient, srv.Config().DataCenter.Primary}
		var group sync.WaitGroup
		srv.SetWebhook(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			group.Add(1)
			defer group.Done()
			<-req.Context().Done()
		}))
		f.ok(deactivatePath, "userId="+joinedIDs(100))
		time.Sleep(15 * time.Minute)
		f.ok(deactivatePath, "userId=b")
		synctest.Wait()
		start := time.Now()
		srv.Close()
		group.Wait()
		require.Zero(t, time.Since(start))
		require.Len(t, f.Deliveries(), 100)
	})
}

// Close cancels a post in flight and closes its connection.
func TestCloseDuringAPost(t *testing.T) {
	t.Parallel()
	f := setup(t)
	arrived, ended := make(chan struct{}), make(chan struct{})
	base, open := startWebhook(t, func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		close(arrived)
		<-req.Context().Done()
		close(ended)
	})
	f.SetWebhookURL(base)
	f.SetOnline("a", true)
	<-arrived
	start := time.Now()
	f.Close()
	<-ended
	require.Less(t, time.Since(start), 4*time.Second)
	require.Len(t, f.Deliveries(), 1)
	require.Error(t, f.Deliveries()[0].Err)
	require.Eventually(t, func() bool { return open.Load() == 0 }, 5*time.Second, time.Millisecond)
}
