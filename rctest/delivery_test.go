package rctest_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// ending is what a test asks of a Delivery.
type ending struct {
	attempt, status int
	err             error
}

func (f *fake) endings() []ending {
	var found []ending
	for _, d := range f.Deliveries() {
		found = append(found, ending{d.Attempt, d.Status, d.Err})
	}
	return found
}

func TestPostsAreTriedAgain(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		a.answer = status(500, 500, 200)
		f.SetOnline("a", true)
		time.Sleep(time.Minute)
		hits := a.all()
		require.Equal(t, []time.Duration{0, time.Second, 2 * time.Second}, a.times())
		for _, h := range hits {
			require.Equal(t, hits[0].query, h.query)
			require.Equal(t, hits[0].body, h.body)
		}
		require.Equal(t, []ending{{1, 500, nil}, {2, 500, nil}, {3, 200, nil}}, f.endings())
	})
}

func TestPostsAreDroppedInTheEnd(t *testing.T) {
	for _, code := range []int{201, 204, 302, 500} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			hooked(t, func(t *testing.T, f *fake, a *app) {
				a.answer = status(code)
				f.SetOnline("a", true)
				time.Sleep(time.Minute)
				require.Equal(t, []ending{{1, code, nil}, {2, code, nil}, {3, code, nil}}, f.endings())
				a.answer = nil
				f.SetOnline("a", false)
				require.Len(t, a.all(), 4, "nothing is left of it")
				require.Equal(t, ending{1, 200, nil}, f.endings()[3])
			})
		})
	}
}

func TestAdvanceTriesAgainAtOnce(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		a.answer = status(500)
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

func TestHandlersThatHang(t *testing.T) {
	for name, ignore := range map[string]bool{"until the end": false, "for ever": true} {
		t.Run(name, func(t *testing.T) {
			hooked(t, func(t *testing.T, f *fake, a *app) {
				release := make(chan struct{})
				a.answer = func(w http.ResponseWriter, req *http.Request) {
					<-req.Context().Done()
					if ignore {
						<-release
					}
					w.WriteHeader(200)
				}
				f.SetOnline("a", true)
				f.SetOnline("a", false)
				time.Sleep(16*time.Second + 999*time.Millisecond)
				require.Equal(t, []time.Duration{0, 6 * time.Second, 12 * time.Second}, a.times())
				time.Sleep(time.Millisecond)
				require.Equal(t, 17*time.Second, a.times()[3], "the next one's turn")
				late := context.DeadlineExceeded
				require.Equal(t, []ending{{1, 0, late}, {2, 0, late}, {3, 0, late}}, f.endings())
				close(release)
			})
		})
	}
}

func TestBrokenHandlers(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"panicked: oh": func(http.ResponseWriter, *http.Request) { panic("oh") },
		"panicked: net/http: abort Handler": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(200)
			panic(http.ErrAbortHandler)
		},
		"panicked: invalid WriteHeader code 99":   status(99),
		"panicked: invalid WriteHeader code 1000": status(1000),
		"ended its goroutine":                     func(http.ResponseWriter, *http.Request) { runtime.Goexit() },
	} {
		t.Run(name, func(t *testing.T) {
			hooked(t, func(t *testing.T, f *fake, a *app) {
				a.answer = answer
				f.SetOnline("a", true)
				time.Sleep(time.Minute)
				require.Len(t, a.all(), 3)
				for i, d := range f.Deliveries() {
					require.Equal(t, []int{i + 1, 0}, []int{d.Attempt, d.Status})
					require.EqualError(t, d.Err, "rctest: the handler "+name)
				}
			})
		})
	}
}

func TestAnswersCountAsNetHTTPSendsThem(t *testing.T) {
	for name, c := range map[string]struct {
		want   int
		answer http.HandlerFunc
	}{
		"nothing":     {200, func(http.ResponseWriter, *http.Request) {}},
		"body":        {200, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("OK")); w.WriteHeader(500) }},
		"first":       {400, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400); w.WriteHeader(200) }},
		"information": {400, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(400) }},
		"flush and go on": {200, func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("X", "y")
			_ = http.NewResponseController(w).Flush()
			<-req.Context().Done()
			panic("too late")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			hooked(t, func(t *testing.T, f *fake, a *app) {
				a.answer = c.answer
				f.SetOnline("a", true)
				a.all()
				require.Equal(t, []ending{{1, c.want, nil}}, f.endings())
				time.Sleep(10 * time.Second)
			})
		})
	}
}

func TestDelivery(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		f.Advance(time.Hour)
		time.Sleep(time.Second)
		f.SetOnline("a", true)
		h := a.all()[0]
		want := rctest.Delivery{
			UserID: "a", Query: h.query, ContentType: "application/json", Body: h.body,
			Attempt: 1, Status: 200, Time: time.UnixMilli(bubbleStart + 1000),
		}
		got := f.Deliveries()
		require.WithinDuration(t, want.Time, got[0].Time, 0)
		got[0].Time = want.Time
		require.Equal(t, []rctest.Delivery{want}, got)
		got[0].Query.Set("nonce", "changed")
		require.Equal(t, h.query, f.Deliveries()[0].Query, "a copy")
	})
}

func TestDeliveriesKeepsTheLast(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		const n = 20_002 // so that it forgets twice
		for i := range n {
			f.SetOnline("a", i%2 == 0)
		}
		hits := a.all()
		require.Len(t, hits, n)
		got := f.Deliveries()
		require.Len(t, got, 10_000)
		require.Equal(t, hits[n-10_000].query, got[0].Query)
		require.Equal(t, hits[n-1].query, got[9999].Query)
	})
}

func TestOrderIsThatOfTheUser(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		first := status(500, 200)
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
		for _, h := range a.all() {
			order = append(order, h.body[12:26]+" "+h.after.String())
		}
		require.Equal(t, []string{
			`a","status":"0 0s`, `b","status":"0 500ms`,
			`a","status":"0 1s`, `a","status":"1 2s`, `a","status":"0 3s`, `a","status":"1 4s`,
		}, order)
	})
}

// The users of one call are posted at the same time, but never more than a process has room for.
func TestUsersAreServedAtTheSameTime(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		a.answer = func(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Second) }
		for i := range 1000 {
			f.SetOnline(fmt.Sprint("u", i), true)
		}
		require.Len(t, a.all(), 400)
		time.Sleep(2 * time.Second)
		require.Len(t, a.all(), 800)
		time.Sleep(time.Minute)
		hits := a.all()
		require.Len(t, hits, 1000)
		require.Equal(t, 4*time.Second, hits[999].after)
	})
}

func TestManyDeactivations(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		for i := range 100 {
			f.ok(deactivate, "userId="+strings.ReplaceAll(idsFrom("", 100*i, 100), "&=", ",")[1:])
		}
		time.Sleep(15 * time.Minute)
		require.Len(t, a.all(), 10_000)
		require.Len(t, f.Deliveries(), 10_000)
		time.Sleep(time.Hour)
		require.Len(t, a.all(), 10_000)
	})
}

func TestWebhookIsReplaced(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		a.answer = status(500)
		f.SetOnline("a", true)
		f.SetOnline("a", false)
		require.Len(t, a.all(), 1)
		b := &app{start: time.Now()}
		f.SetWebhook(b)
		time.Sleep(time.Minute)
		require.Len(t, a.all(), 1)
		require.Equal(t, []string{presence("a", "0", bubbleStart), presence("a", "1", bubbleStart)}, b.bodies())
	})
}

// Nothing comes after the end, and a handler may be who ends it.
func TestPostingEnds(t *testing.T) {
	for name, end := range map[string]func(f *fake){
		"nil":   func(f *fake) { f.SetWebhook(nil) },
		"URL":   func(f *fake) { f.SetWebhookURL("") },
		"close": func(f *fake) { f.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			hooked(t, func(t *testing.T, f *fake, a *app) {
				f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Late, Delay: time.Minute, UserID: "late"})
				f.InjectDelivery(rctest.DeliveryFault{Kind: rctest.OutOfOrder, UserID: "held"})
				f.ok(deactivate, "userId=running")
				f.SetOnline("late", true)
				f.SetOnline("held", true)
				a.answer = status(500)
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
				require.Equal(t, []ending{{1, 500, nil}, {1, 0, context.Canceled}}, f.endings())
				require.Equal(t, time.Duration(0), time.Since(a.start))
				f.WaitDeliveries()
				if name != "close" {
					f.SetWebhook(a)
				}
				time.Sleep(14 * time.Minute)
				f.Advance(time.Hour)
				want := 2
				if name != "close" {
					want = 3 // the deactivation
				}
				require.Len(t, a.all(), want)
			})
		})
	}
}

func TestWebhookAfterClose(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		f.Close()
		f.SetWebhook(a)
		f.SetWebhookURL("http://127.0.0.1:1")
		f.SetOnline("a", true)
		f.WaitDeliveries()
		f.Close()
		require.Empty(t, a.all())
		require.Empty(t, f.Deliveries())
	})
}

// What is made outside of a bubble must not keep its time from passing.
func TestWebhookSetOutsideOfTheBubble(t *testing.T) {
	t.Parallel()
	outside, a := setup(t), &app{}
	outside.SetWebhook(a)
	synctest.Test(t, func(t *testing.T) {
		f := &fake{outside.Server, t, outside.http, outside.base}
		a.start, a.answer = time.Now(), status(500, 200)
		f.ok(deactivate, "userId=a")
		time.Sleep(15 * time.Minute)
		f.WaitDeliveries()
		time.Sleep(time.Second)
		require.Equal(t, []time.Duration{15 * time.Minute, 15*time.Minute + time.Second}, a.times())
	})
}

// A timer outside of a bubble fires as well.
func TestRealTimeTriesAgain(t *testing.T) {
	t.Parallel()
	f := setup(t)
	again := make(chan struct{}, 3)
	f.SetWebhook(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		again <- struct{}{}
	}))
	f.SetOnline("a", true)
	<-again
	f.Advance(999 * time.Millisecond)
	<-again
	f.Close()
}

// The bubble would not end if a goroutine were left.
func TestNothingIsLeft(t *testing.T) {
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
		f.ok(deactivate, "userId="+joined(100))
		time.Sleep(15 * time.Minute)
		f.ok(deactivate, "userId=b")
		synctest.Wait()
		start := time.Now()
		srv.Close()
		group.Wait()
		require.Zero(t, time.Since(start))
		require.Len(t, f.Deliveries(), 100)
	})
}
