package rctest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

const bubbleStart = 946684800000 // ms, of every synctest bubble: 2000-01-01 UTC

// hit is a post that an app received.
type hit struct {
	contentType, body string
	query             url.Values
	after             time.Duration // since the app was made
}

// app is a webhook's handler. It answers with 200 unless it is told otherwise.
type app struct {
	answer func(w http.ResponseWriter, req *http.Request)
	start  time.Time

	mu   sync.Mutex
	hits []hit
}

func (a *app) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	raw, _ := io.ReadAll(req.Body)
	got := hit{contentType: req.Header.Get("Content-Type"), body: string(raw), query: req.URL.Query(), after: time.Since(a.start)}
	a.mu.Lock()
	a.hits = append(a.hits, got)
	a.mu.Unlock()
	if a.answer != nil {
		a.answer(w, req)
	}
}

// all returns what came so far, and nothing is under way but what waits for time to pass.
func (a *app) all() []hit {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.hits)
}

func (a *app) count() int {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.hits)
}

func (a *app) bodies() []string {
	var found []string
	for _, h := range a.all() {
		found = append(found, h.body)
	}
	return found
}

func (a *app) times() []time.Duration {
	var found []time.Duration
	for _, h := range a.all() {
		found = append(found, h.after)
	}
	return found
}

// hooked runs a test in a bubble, with a server that has a webhook.
func hooked(t *testing.T, test func(t *testing.T, f *fake, a *app)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, a := setup(t), &app{start: time.Now()}
		f.SetWebhook(a)
		test(t, f, a)
	})
}

// status lets the app answer with these, one after the other, and then with the last one.
func status(codes ...int) func(http.ResponseWriter, *http.Request) {
	var mu sync.Mutex
	return func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.WriteHeader(codes[0])
		codes = codes[min(1, len(codes)-1):]
	}
}

func presence(user, status string, ms int64) string {
	return fmt.Sprintf(`[{"userid":"%s","status":"%s","os":"iOS","time":%d,"clientIp":"203.0.113.7:52229","sessionId":"rctest-1"}]`,
		user, status, ms)
}

func TestPresenceEvents(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		f.Advance(time.Second) // the server's clock counts, not the real one
		f.SetOnline("a", false)
		f.SetOnline("a", true)
		f.SetOnline("a", true)
		time.Sleep(2 * time.Millisecond)
		f.SetOnline("a", false)
		f.SetOnline("a", true)
		f.ok(block, "userId=a&userId=a&userId=b&minute=1")
		f.SetOnline("a", true) // a banned user can't
		f.ok(unblock, "userId=a")
		f.SetOnline("a", true)
		f.ok(deactivate, "userId=a,a,b")
		require.Equal(t, []string{
			`[{"userid":"a","status":"0","os":"iOS","time":946684801000,"clientIp":"203.0.113.7:52229","sessionId":"rctest-1"}]`,
			`[{"userid":"a","status":"1","os":"iOS","time":946684801002,"clientIp":"203.0.113.7:52229","sessionId":"rctest-1"}]`,
			`[{"userid":"a","status":"0","os":"iOS","time":946684801002,"clientIp":"203.0.113.7:52229","sessionId":"rctest-2"}]`,
			`[{"userid":"a","status":"1","os":"iOS","time":946684801002,"clientIp":"203.0.113.7:52229","sessionId":"rctest-2"}]`,
			`[{"userid":"a","status":"0","os":"iOS","time":946684801002,"clientIp":"203.0.113.7:52229","sessionId":"rctest-3"}]`,
			`[{"userid":"a","status":"2","os":"iOS","time":946684801002,"clientIp":"203.0.113.7:52229","sessionId":"rctest-3"}]`,
		}, a.bodies())
		require.Equal(t, "application/json", a.all()[0].contentType)
	})
}

func TestEventsOfStrangeIDs(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		f.SetOnline("a\"\\ \u4e2d\x01\xff", true)
		operation := f.ok(reactivate, "userId=a%26%3D%25+b")["operateId"]
		require.ElementsMatch(t, []string{
			presence(`a\"\\ `+"\u4e2d"+`\u0001\ufffd`, "0", bubbleStart),
			fmt.Sprintf("userId=a%%26%%3D%%25+b&operateId=%s&type=1&code=0&time=946684800000", operation),
		}, a.bodies())
	})
}

func TestDeactivationResults(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		f.Advance(time.Hour)
		first := f.ok(deactivate, "userId=a,a")["operateId"]
		time.Sleep(time.Minute)
		second := f.ok(deactivate, "userId=a,a")["operateId"]
		f.ok(deactivate, "userId=b")
		time.Sleep(14*time.Minute - 1)
		require.Empty(t, a.bodies())
		time.Sleep(time.Nanosecond)
		finished := []string{
			fmt.Sprintf("userId=a&operateId=%s&type=0&code=0&time=946689300000", first),
			fmt.Sprintf("userId=a&operateId=%s&type=0&code=0&time=946689300000", second),
		}
		require.Equal(t, finished, a.bodies())
		third := f.ok(deactivate, "userId=a,a")["operateId"]
		require.Equal(t, append(finished, fmt.Sprintf("userId=a&operateId=%s&type=0&code=0&time=946689300000", third)), a.bodies())
		require.Equal(t, "application/x-www-form-urlencoded", a.all()[0].contentType)
		time.Sleep(time.Minute)
		got := a.bodies()
		require.Len(t, got, 4)
		require.Regexp(t, `^userId=b&operateId=[-0-9A-Z]{19}&type=0&code=0&time=946689360000$`, got[3])
		time.Sleep(24 * time.Hour)
		require.Len(t, a.bodies(), 4)
	})
}

func TestReactivationResults(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		f.ok(deactivate, "userId=a")
		time.Sleep(59 * time.Minute)
		f.refused(reactivate, "userId=a,b", 400, 1002)
		require.Len(t, a.bodies(), 1, "a refused call does nothing")
		time.Sleep(time.Minute)
		operation := f.ok(reactivate, "userId=a,b,a,b")["operateId"]
		require.ElementsMatch(t, []string{
			fmt.Sprintf("userId=a&operateId=%s&type=1&code=0&time=946688400000", operation),
			fmt.Sprintf("userId=b&operateId=%s&type=1&code=0&time=946688400000", operation),
		}, a.bodies()[1:])
	})
}

// Advance begins to post before it returns, and what happens then has the time at which it was due.
func TestAdvanceFinishesDeactivations(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		f.SetWebhook(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			require.True(t, f.User("a").Deactivated, "the server may be called back")
			a.ServeHTTP(w, req)
		}))
		f.ok(deactivate, "userId=a")
		f.Advance(15*time.Minute - 1)
		require.Empty(t, a.bodies())
		f.Advance(1)
		require.Len(t, a.bodies(), 1)
		f.ok(deactivate, "userId=b")
		f.Advance(10 * time.Hour)
		require.Regexp(t, `&time=946686600000$`, a.bodies()[1])
		require.Equal(t, []time.Duration{0, 0}, a.times())
		f.ok(deactivate, "userId=c")
		f.Advance(5 * time.Minute)
		time.Sleep(10*time.Minute - 1)
		require.Len(t, a.bodies(), 2)
		time.Sleep(time.Nanosecond)
		require.Len(t, a.bodies(), 3, "half of the time each")
	})
}

func TestEventSignature(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, a := setup(t), &app{start: time.Now()}
		f.SetWebhook(a)
		f.AppKey, f.AppSecret = "key&", "Y1W2MeFwwwRxa0"
		f.Advance(time.Hour)
		time.Sleep(time.Second)
		f.SetOnline("a", true)
		f.SetOnline("a", false)
		hits := a.all()
		for _, h := range hits {
			require.Len(t, h.query, 4)
			require.Equal(t, []string{"key&"}, h.query["appKey"])
			require.Regexp(t, `^[0-9A-Z]{18}$`, h.query.Get("nonce"))
			require.Equal(t, []string{"946684801000"}, h.query["timestamp"], "of the real clock")
			require.Equal(t, []string{sign("Y1W2MeFwwwRxa0", h.query.Get("nonce"), "946684801000")}, h.query["signature"])
		}
		require.NotEqual(t, hits[0].query.Get("nonce"), hits[1].query.Get("nonce"))
	})
}

func TestEventRequest(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		var ctx context.Context
		a.answer = func(_ http.ResponseWriter, req *http.Request) {
			ctx = req.Context()
			require.Equal(t, []string{"POST", "app.rctest.invalid", "/", "192.0.2.1:51234", "HTTP/1.1"},
				[]string{req.Method, req.Host, req.URL.Path, req.RemoteAddr, req.Proto})
			require.Equal(t, "/?"+req.URL.RawQuery, req.RequestURI)
			require.EqualValues(t, len(presence("a", "0", bubbleStart)), req.ContentLength)
			require.Equal(t, http.Header{
				"Content-Type": {"application/json"}, "Content-Length": {"114"}, "User-Agent": {"rctest"},
			}, req.Header)
			require.NotNil(t, req.TLS)
			require.NoError(t, ctx.Err())
			deadline, _ := ctx.Deadline()
			require.Equal(t, 5*time.Second, time.Until(deadline))
		}
		f.SetOnline("a", true)
		require.Len(t, a.bodies(), 1)
		require.Equal(t, 200, f.Deliveries()[0].Status)
		require.ErrorIs(t, ctx.Err(), context.Canceled, "as net/http's ends with its handler")
	})
}

// Routers and wrappers of net/http must find what they need.
func TestEventThroughServeMux(t *testing.T) {
	hooked(t, func(t *testing.T, f *fake, a *app) {
		mux := http.NewServeMux()
		mux.Handle("POST app.rctest.invalid/{$}", http.TimeoutHandler(http.MaxBytesHandler(a, 200), time.Second, ""))
		f.SetWebhook(mux)
		f.SetOnline("a", true)
		require.Equal(t, []string{presence("a", "0", bubbleStart)}, a.bodies())
		require.Equal(t, 200, f.Deliveries()[0].Status)
	})
}

func TestNoWebhookNoEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, a := setup(t), &app{start: time.Now()}
		f.SetOnline("a", true)
		f.ok(deactivate, "userId=finished")
		f.Advance(15 * time.Minute)
		f.ok(deactivate, "userId=running")
		f.ok(reactivate, "userId=b")
		time.Sleep(time.Minute)
		f.SetWebhook(a)
		require.Empty(t, a.bodies(), "what happened before isn't sent")
		f.SetOnline("a", false)
		require.Equal(t, []string{presence("a", "1", bubbleStart+16*60_000)}, a.bodies())
		time.Sleep(14 * time.Minute)
		require.Len(t, a.bodies(), 2)
		require.True(t, strings.HasPrefix(a.bodies()[1], "userId=running&"))
		require.Equal(t, []time.Duration{time.Minute, 15 * time.Minute}, a.times())

		f.ok(deactivate, "userId=c")
		f.SetWebhook(nil)
		f.SetOnline("a", true)
		time.Sleep(time.Hour)
		f.SetWebhook(a)
		time.Sleep(time.Hour)
		require.Len(t, a.bodies(), 2, "c finished while there was no webhook")
	})
}

func TestRefuseDeactivation(t *testing.T) {
	t.Parallel()
	for _, webhook := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f, a := setup(t), &app{start: time.Now()}
			if webhook {
				f.SetWebhook(a)
			}
			token := f.register("a")
			f.ok(blacklistAdd, "userId=a&blackUserId=x")
			f.RefuseDeactivation("a", "x")
			f.RefuseDeactivation("a", "7&")
			first := f.ok(deactivate, "userId=a,b")["operateId"]
			again := f.ok(deactivate, "userId=a")["operateId"]
			f.Advance(15*time.Minute - 1)
			require.True(t, f.User("a").Deactivated)
			require.Equal(t, []any{"a", "b"}, f.ok(deactivatedQuery, "")["users"])
			f.Advance(1)
			require.Equal(t, []any{"b"}, f.ok(deactivatedQuery, "")["users"])
			u := f.User("a")
			require.Equal(t, []any{false, "N", []string{"x"}}, []any{u.Deactivated, u.Name, u.Blocklist})
			require.True(t, u.DeactivatedAt.IsZero())
			require.False(t, f.ValidToken("a", token))
			f.Advance(time.Hour)
			require.Equal(t, "N", f.User("a").Name)
			require.True(t, f.ValidToken("a", f.register("a")))
			f.ok(deactivate, "userId=a") // the next one isn't refused
			f.Advance(15 * time.Minute)
			require.Empty(t, f.User("a").Name)
			if !webhook {
				require.Empty(t, a.bodies())
				return
			}
			require.Len(t, a.bodies(), 4)
			require.Subset(t, a.bodies(), []string{
				fmt.Sprintf("userId=a&operateId=%s&type=0&code=7%%26&time=946685700000", first),
				fmt.Sprintf("userId=a&operateId=%s&type=0&code=7%%26&time=946685700000", again),
				fmt.Sprintf("userId=b&operateId=%s&type=0&code=0&time=946685700000", first),
			})
		})
	}
	srv := rctest.NewServer()
	require.Panics(t, func() { srv.RefuseDeactivation("a", "") })
	require.Panics(t, func() { srv.RefuseDeactivation("a", "0") })
}

// Every way to look must find that a refused deactivation is over.
func TestRefusedDeactivationEndsForEveryLook(t *testing.T) {
	t.Parallel()
	for name, active := range map[string]func(f *fake) bool{
		"user":  func(f *fake) bool { return !f.User("a").Deactivated },
		"token": func(f *fake) bool { return f.call(getToken, "userId=a&name=N").code() == 200 },
		"online": func(f *fake) bool {
			f.SetOnline("a", true)
			return f.ok(checkOnline, "userId=a")["status"] == "1"
		},
		"message": func(f *fake) bool { return f.CanMessage("a", "b") },
		"again": func(f *fake) bool {
			f.ok(deactivate, "userId=a")
			return f.User("a").DeactivatedAt.Equal(f.Now())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t)
				f.RefuseDeactivation("a", "1")
				f.ok(deactivate, "userId=a")
				time.Sleep(15 * time.Minute)
				require.True(t, active(f))
			})
		})
	}
}
