package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

var errApp = errors.New("the database is away")

// TestReasons provokes every answer that there is. The text is the reason's own, and nothing but it. All 18 occur.
func TestReasons(t *testing.T) {
	t.Parallel()
	failing := func(r *receiver) { r.do = func(context.Context, webhook.Event) error { return errApp } }
	panicking := func(r *receiver) { r.do = func(context.Context, webhook.Event) error { panic(errApp) } }
	hanging := func(r *receiver) {
		r.do = func(ctx context.Context, _ webhook.Event) error { <-ctx.Done(); return errApp }
	}
	closed := func(r *receiver) { _ = r.Shutdown(context.Background()) }
	reached := map[string]bool{}
	for _, tc := range []struct {
		want    answer
		prepare func(*receiver)
		forge   func(*http.Request)
		config  func(*webhook.Config)
	}{
		{want: answers.method, forge: method("GET")},
		{want: answers.large, forge: func(r *http.Request) { r.ContentLength = 1<<20 + 1 }},
		{want: answers.parameters, forge: remove("nonce")},
		{want: answers.syntax, forge: set("nonce", "*")},
		{want: answers.credentials, config: func(c *webhook.Config) { c.Credentials = knows() }},
		{want: answers.signature, forge: set("nonce", "14315")},
		{want: answers.appKey, forge: set("appKey", "other")},
		{want: answers.stale, forge: signed(goodNonce, "1081790000000")},
		{want: answers.future, forge: signed(goodNonce, "1981790000000")},
		{want: answers.body, forge: func(r *http.Request) { r.Body, r.ContentLength = http.NoBody, 0 }},
		{want: answers.read, forge: func(r *http.Request) { r.Body = http.NoBody }}, // as r.ParseForm leaves it
		{want: answers.large, forge: func(r *http.Request) { r.Body = http.MaxBytesReader(nil, r.Body, 10) }},
		{want: answers.body, forge: func(r *http.Request) { r.Body = nil }},
		{want: answers.read, forge: func(r *http.Request) { r.Body = io.NopCloser(iotest.ErrReader(errApp)) }},
		{want: answers.busy, config: replays(guard{claim: says(webhook.Busy, nil)})},
		{want: answers.guard, config: replays(guard{claim: says(0, errApp)})},
		{want: answers.full, config: queued(1, 1), prepare: fill},
		{want: answers.shutdown, prepare: closed},
		{want: answers.timeout, prepare: hanging},
		{want: answers.function, prepare: failing},
		{want: answers.panicked, prepare: panicking},
	} {
		reached[tc.want.Text] = true
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t, func(c *webhook.Config) {
				if tc.config != nil {
					tc.config(c)
				}
			})
			if tc.prepare != nil {
				tc.prepare(receiver)
			}
			requireRefusal(t, receiver, tc.forge, tc.want)
			time.Sleep(3 * time.Hour) // until the queue's functions are done
		})
	}
	for reason := webhook.ErrMethod; reason <= 18; reason++ {
		require.True(t, reached[reason.Error()], "%d", reason)
	}
}

// requireRefusal looks at the answer and at its line in the log.
func requireRefusal(t *testing.T, receiver *receiver, forge func(*http.Request), want answer) {
	t.Helper()
	request := fresh(goodNonce)
	if forge != nil {
		forge(request)
	}
	require.Equal(t, want, receiver.serve(request))
	log := receiver.log.String()
	level := map[bool]string{true: "ERROR", false: "WARN"}[want.Status == http.StatusInternalServerError]
	for _, part := range []string{`"level":"` + level + `"`, fmt.Sprintf(`"status":%d,"reason":%q`, want.Status, want.Text), `"remote":"192.0.2.1:1234"`} {
		require.Contains(t, log, part)
	}
	requireSilent(t, request, log)
}

func TestReasonsThatDontExist(t *testing.T) {
	t.Parallel()
	for _, none := range []webhook.Reason{-1, 0, 19} {
		require.Equal(t, "unknown reason", none.Error())
	}
}

func says(claim webhook.Claim, err error) func(context.Context, string) (webhook.Claim, error) {
	return func(context.Context, string) (webhook.Claim, error) { return claim, err }
}

// fill keeps a worker busy for an hour and lets an event wait for it.
func fill(r *receiver) {
	r.do = func(context.Context, webhook.Event) error { time.Sleep(time.Hour); return nil }
	r.serve(fresh("1"))
	synctest.Wait()
	r.serve(fresh("2"))
}

// TestErrorText is what a log has: the reason, what is at fault, and the cause, which errors.As finds.
func TestErrorText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  webhook.Error
		want string
	}{
		{webhook.Error{Reason: webhook.ErrSignature}, "webhook: the signature doesn't verify"},
		{webhook.Error{Reason: webhook.ErrBody, Name: "time", Detail: "is missing or empty"}, "webhook: the body can't be understood: time: is missing or empty"},
		{webhook.Error{Reason: webhook.ErrBody, Err: io.ErrUnexpectedEOF}, "webhook: the body can't be understood: unexpected EOF"},
	} {
		require.Equal(t, tc.want, tc.err.Error())
		require.ErrorIs(t, &tc.err, tc.err.Reason)
		require.NotErrorIs(t, &tc.err, webhook.ErrMethod)
		require.Equal(t, tc.err.Err != nil, errors.Is(&tc.err, io.ErrUnexpectedEOF))
	}
	request := fresh(goodNonce)
	add("nonce", "2")(request)
	_, err := webhook.Verify(request, webhook.Window{}, good)
	require.EqualError(t, err, "webhook: a signature parameter is missing or ambiguous: nonce: is given 2 times, it must be once")
	_, err = webhook.Verify(post("nonce=%zz", ""), webhook.Window{}, good)
	require.EqualError(t, err, "webhook: a signature parameter is missing or ambiguous: the query is malformed", "and nothing of it")
}

// TestWrongConfigs names the field that is wrong.
func TestWrongConfigs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*webhook.Config)
	}{
		{"Config.Credentials", func(c *webhook.Config) { c.Credentials = nil }},
		{"Config", func(c *webhook.Config) { *c = webhook.Config{Credentials: c.Credentials, Queue: 1} }},
		{"Config.Queue", queued(-1, 0)},
		{"Config.Workers", queued(1, -1)},
		{"Config.Workers", queued(0, 1)},
	} {
		config := webhook.Config{Credentials: knows(good), OnUnknown: recorded[webhook.UnknownEvent](nil)}
		tc.change(&config)
		var argument *rcuser.ArgumentError
		h, err := webhook.NewHandler(config)
		require.ErrorAs(t, err, &argument)
		require.Equal(t, tc.name, argument.Name)
		require.Nil(t, h)
	}
}

// TestEachFunctionAlone is enough, and gets its own events; the others' are answered 200 and forgotten.
func TestEachFunctionAlone(t *testing.T) {
	t.Parallel()
	bodies := []string{
		onePresence,
		"userId=uid1&operateId=C70B-B1D6-82E8-5SBO&type=0&code=0&time=1730192400000",
		`{"userId":"uid1","time":1574476797772,"userProfile":{"level":2}}`,
		`{"userId":"userId11","eventType":3,"toUserId":"toUserId22","time":1774363668900}`,
		`{"of":"the future"}`,
	}
	for i := range bodies {
		events := &receiver{}
		config := webhook.Config{Credentials: knows(good)}
		[]func(){
			func() { config.OnPresence = recorded[webhook.PresenceEvent](events) },
			func() { config.OnDeactivation = recorded[webhook.DeactivationEvent](events) },
			func() { config.OnProfile = recorded[webhook.ProfileEvent](events) },
			func() { config.OnFriendship = recorded[webhook.FriendshipEvent](events) },
			func() { config.OnUnknown = recorded[webhook.UnknownEvent](events) },
		}[i]()
		var err error
		events.Handler, err = webhook.NewHandler(config)
		require.NoError(t, err)
		for k, body := range bodies {
			require.Equal(t, answers.ok, events.serve(post(signedQuery(strings.Repeat("1", k+1), time.Now()), body)))
		}
		want, err := webhook.Decode([]byte(bodies[i]))
		require.NoError(t, err)
		require.Equal(t, want, events.received())
	}
}

// TestFirstFailureEnds the work on a request: RC sends all of its events again.
func TestFirstFailureEnds(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		receiver.do = func(_ context.Context, e webhook.Event) error {
			if e.(webhook.PresenceEvent).UserID == "u2" {
				return errApp
			}
			return nil
		}
		list := `[{"userid":"u1","status":"0","time":1},{"userid":"u2","status":"0","time":1},{"userid":"u3","status":"0","time":1}]`
		require.Equal(t, answers.function, receiver.serve(post(signedQuery(goodNonce, start), list)))
		require.Equal(t, []string{"u1", "u2"}, receiver.users())
		require.Contains(t, receiver.log.String(), "the database is away")
		require.NotContains(t, receiver.log.String(), "3f9c81d2b7", "the path is a secret too")
	})
}

// TestLateFunctionEnds the work on a request too, even if it returns nil: it is sent again, and its first event handled
// twice rather than its second never.
func TestLateFunctionEnds(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		late := 5 * time.Second
		receiver.do = func(context.Context, webhook.Event) error { time.Sleep(late); return nil }
		query := signedQuery(goodNonce, start)
		require.Equal(t, answers.timeout, receiver.serve(post(query, presenceOf("u1", "u2"))))
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"u1"}, receiver.users())
		late = 0
		require.Equal(t, answers.ok, receiver.serve(post(query, presenceOf("u1", "u2"))))
		require.Equal(t, []string{"u1", "u1", "u2"}, receiver.users())
	})
}

type contextKey struct{}

// TestContext has the request's values, and ends neither when RC hangs up nor later than after 4 seconds.
func TestContext(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		var value any
		var ended time.Duration
		var hungUp error
		ctx, hangUp := context.WithCancel(context.WithValue(t.Context(), contextKey{}, "traced"))
		receiver.do = func(ctx context.Context, _ webhook.Event) error {
			hangUp()
			synctest.Wait()
			hungUp, value = ctx.Err(), ctx.Value(contextKey{})
			<-ctx.Done()
			ended = time.Since(start)
			return nil
		}
		require.Equal(t, answers.timeout, receiver.serve(fresh(goodNonce).WithContext(ctx)))
		synctest.Wait()
		require.NoError(t, hungUp)
		require.Equal(t, "traced", value)
		require.Equal(t, 4*time.Second, ended)
	})
}

// TestHeaders of an answer: a browser must not take it for a page, and 405 says what is allowed.
func TestHeaders(t *testing.T) {
	t.Parallel()
	receiver := newReceiver(t)
	for name, allow := range map[string]string{"POST": "", "GET": "POST"} {
		request := fresh(goodNonce)
		request.Method = name
		recorder := httptest.NewRecorder()
		receiver.ServeHTTP(recorder, request)
		require.Equal(t, "text/plain; charset=utf-8", recorder.Header().Get("Content-Type"))
		require.Equal(t, "nosniff", recorder.Header().Get("X-Content-Type-Options"))
		require.Equal(t, allow, recorder.Header().Get("Allow"))
	}
}

// TestPanics of whatever the app gave the handler are answered 500, and the next request is none the worse for it.
func TestPanics(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){"panic": func() { panic("boom") }, "end": runtime.Goexit, "runtime": func() { _ = []int(nil)[len(t.Name())] }} {
		for place, change := range map[string]func(*webhook.Config, func()){
			"credentials": func(c *webhook.Config, end func()) {
				c.Credentials = func(context.Context) ([]rcuser.Credentials, error) { end(); return []rcuser.Credentials{good}, nil }
			},
			"claim": func(c *webhook.Config, end func()) {
				c.Replays = guard{claim: func(context.Context, string) (webhook.Claim, error) { end(); return webhook.Claimed, nil }}
			},
			"commit": func(c *webhook.Config, end func()) {
				c.Replays = guard{commit: func(context.Context, string, time.Time) error { end(); return nil }}
			},
		} {
			inBubble(t, func(t *testing.T) {
				ends := true
				receiver := newReceiver(t, func(c *webhook.Config) {
					change(c, func() {
						if ends {
							end()
						}
					})
				})
				request := fresh(goodNonce)
				require.Equal(t, answers.panicked, receiver.serve(request), "%s in %s", name, place)
				requireSilent(t, request, receiver.log.String())
				ends = false
				require.Equal(t, answers.ok, receiver.serve(fresh(goodNonce)), "%s in %s", name, place)
			})
		}
	}
}

// TestSettling: what a guard says after the fact changes no answer. It gets its time even if the request has had its own.
func TestSettling(t *testing.T) {
	t.Parallel()
	for _, fails := range []bool{false, true} {
		inBubble(t, func(t *testing.T) {
			var calls []string
			var left time.Duration
			settle := func(ctx context.Context, call, key string) error {
				deadline, _ := ctx.Deadline()
				left = time.Until(deadline)
				calls = append(calls, call+" "+key)
				return errApp
			}
			var until time.Time
			receiver := newReceiver(t, replays(guard{
				commit: func(ctx context.Context, key string, end time.Time) error {
					until = end
					return settle(ctx, "commit", key)
				},
				release: func(ctx context.Context, key string) error { return settle(ctx, "release", key) },
			}))
			receiver.do = func(context.Context, webhook.Event) error {
				if fails {
					return errApp
				}
				time.Sleep(3 * time.Second)
				return nil
			}
			request := fresh(goodNonce)
			key := request.URL.Query().Get("signature")
			if fails {
				require.Equal(t, answers.function, receiver.serve(request))
				require.Equal(t, []string{"release " + key}, calls)
			} else {
				require.Equal(t, answers.ok, receiver.serve(request))
				require.Equal(t, []string{"commit " + key}, calls)
				require.False(t, until.Before(start.Add(10*time.Minute)))
			}
			require.Equal(t, 5*time.Second, left)
			require.Contains(t, receiver.log.String(), `"reason":"the replay guard failed","detail":"the database is away"`)
			requireSilent(t, request, receiver.log.String())
		})
	}
}

// TestFIPS: where SHA-1 is forbidden nothing can be verified, and the server lives on. That needs a process of its own.
func TestFIPS(t *testing.T) {
	t.Parallel()
	if os.Getenv("GODEBUG") != "fips140=only" {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFIPS$", "-test.v")
		child.Env = append(os.Environ(), "GODEBUG=fips140=only")
		out, err := child.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "--- PASS: TestFIPS")
		return
	}
	receiver := newReceiver(t, window(anyTime))
	require.Equal(t, answers.panicked, receiver.serve(post(soundQuery, onePresence)))
	require.Equal(t, answers.parameters, receiver.serve(post("", onePresence)))
	require.Empty(t, receiver.received())
}
