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
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

// TestHandlerAnswersEveryReason provokes all 18 reasons. The answer's text is the text of the reason and nothing else.
func TestHandlerAnswersEveryReason(t *testing.T) {
	t.Parallel()
	failing := func(r *receiver) { r.onEvent = func(context.Context, webhook.Event) error { return errApp } }
	panicking := func(r *receiver) { r.onEvent = func(context.Context, webhook.Event) error { panic(errApp) } }
	hanging := func(r *receiver) {
		r.onEvent = func(ctx context.Context, _ webhook.Event) error { <-ctx.Done(); return errApp }
	}
	closed := func(r *receiver) { _ = r.Shutdown(context.Background()) }
	reached := map[string]bool{}
	for _, tc := range []struct {
		want    answer
		prepare func(*receiver)
		forge   func(*http.Request)
		config  func(*webhook.Config)
	}{
		{want: answers.method, forge: setMethod("GET")},
		{want: answers.large, forge: func(r *http.Request) { r.ContentLength = 1<<20 + 1 }},
		{want: answers.parameters, forge: removeParam("nonce")},
		{want: answers.syntax, forge: setParam("nonce", "*")},
		{want: answers.credentials, config: func(c *webhook.Config) { c.Credentials = returnCredentials() }},
		{want: answers.signature, forge: setParam("nonce", "14315")},
		{want: answers.appKey, forge: setParam("appKey", "other")},
		{want: answers.stale, forge: sign(testNonce, "1081790000000")},
		{want: answers.future, forge: sign(testNonce, "1981790000000")},
		{want: answers.body, forge: func(r *http.Request) { r.Body, r.ContentLength = http.NoBody, 0 }},
		{want: answers.read, forge: func(r *http.Request) { r.Body = http.NoBody }}, // as after r.ParseForm
		{want: answers.large, forge: func(r *http.Request) { r.Body = http.MaxBytesReader(nil, r.Body, 10) }},
		{want: answers.body, forge: func(r *http.Request) { r.Body = nil }},
		{want: answers.read, forge: func(r *http.Request) { r.Body = io.NopCloser(iotest.ErrReader(errApp)) }},
		{want: answers.busy, config: withGuard(fakeGuard{claim: returnClaim(webhook.Busy, nil)})},
		{want: answers.guard, config: withGuard(fakeGuard{claim: returnClaim(0, errApp)})},
		{want: answers.full, config: withQueue(1, 1), prepare: fillQueue},
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
			time.Sleep(3 * time.Hour) // until the queued events are handled
		})
	}
	for reason := webhook.ErrMethod; reason <= 18; reason++ {
		require.True(t, reached[reason.Error()], "%d", reason)
	}
}

// requireRefusal checks the answer and its log record.
func requireRefusal(t *testing.T, receiver *receiver, forge func(*http.Request), want answer) {
	t.Helper()
	request := validRequest(testNonce)
	if forge != nil {
		forge(request)
	}
	require.Equal(t, want, receiver.serve(request))
	log := receiver.log.String()
	level := map[bool]string{true: "ERROR", false: "WARN"}[want.Status == http.StatusInternalServerError]
	for _, part := range []string{`"level":"` + level + `"`, fmt.Sprintf(`"status":%d,"reason":%q`, want.Status, want.Text), `"remote":"192.0.2.1:1234"`} {
		require.Contains(t, log, part)
	}
	requireNoSecrets(t, request, log)
}

func returnClaim(claim webhook.Claim, err error) func(context.Context, string) (webhook.Claim, error) {
	return func(context.Context, string) (webhook.Claim, error) { return claim, err }
}

// fillQueue keeps the worker busy for an hour and leaves one event waiting.
func fillQueue(r *receiver) {
	r.onEvent = func(context.Context, webhook.Event) error { time.Sleep(time.Hour); return nil }
	r.serve(validRequest("1"))
	synctest.Wait()
	r.serve(validRequest("2"))
}

// TestCallbackContext checks that the context has the request's values, survives a closed connection, and ends after 4
// seconds.
func TestCallbackContext(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		var value any
		var ended time.Duration
		var hungUp error
		ctx, hangUp := context.WithCancel(context.WithValue(t.Context(), contextKey{}, "traced"))
		receiver.onEvent = func(ctx context.Context, _ webhook.Event) error {
			hangUp()
			synctest.Wait()
			hungUp, value = ctx.Err(), ctx.Value(contextKey{})
			<-ctx.Done()
			ended = time.Since(startTime)
			return nil
		}
		require.Equal(t, answers.timeout, receiver.serve(validRequest(testNonce).WithContext(ctx)))
		synctest.Wait()
		require.NoError(t, hungUp)
		require.Equal(t, "traced", value)
		require.Equal(t, 4*time.Second, ended)
	})
}

// TestAnswerHeaders checks that a browser doesn't render an answer as a page, and that 405 has an Allow header.
func TestAnswerHeaders(t *testing.T) {
	t.Parallel()
	receiver := newReceiver(t)
	for name, allow := range map[string]string{"POST": "", "GET": "POST"} {
		request := validRequest(testNonce)
		request.Method = name
		recorder := httptest.NewRecorder()
		receiver.ServeHTTP(recorder, request)
		require.Equal(t, "text/plain; charset=utf-8", recorder.Header().Get("Content-Type"))
		require.Equal(t, "nosniff", recorder.Header().Get("X-Content-Type-Options"))
		require.Equal(t, allow, recorder.Header().Get("Allow"))
	}
}

// TestPanicsAreAnswered500 lets each function of the app panic, and checks that the next request is handled normally.
func TestPanicsAreAnswered500(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){"panic": func() { panic("boom") }, "end": runtime.Goexit, "runtime": func() { _ = []int(nil)[len(t.Name())] }} {
		for place, change := range map[string]func(*webhook.Config, func()){
			"credentials": func(c *webhook.Config, end func()) {
				c.Credentials = func(context.Context) ([]rcuser.Credentials, error) {
					end()
					return []rcuser.Credentials{validCredentials}, nil
				}
			},
			"claim": func(c *webhook.Config, end func()) {
				c.Replays = fakeGuard{claim: func(context.Context, string) (webhook.Claim, error) { end(); return webhook.Claimed, nil }}
			},
			"commit": func(c *webhook.Config, end func()) {
				c.Replays = fakeGuard{commit: func(context.Context, string, time.Time) error { end(); return nil }}
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
				request := validRequest(testNonce)
				require.Equal(t, answers.panicked, receiver.serve(request), "%s in %s", name, place)
				requireNoSecrets(t, request, receiver.log.String())
				ends = false
				require.Equal(t, answers.ok, receiver.serve(validRequest(testNonce)), "%s in %s", name, place)
			})
		}
	}
}

// TestGuardErrorsAfterHandling checks that errors of Commit and Release don't change the answer, and that both have 5
// seconds of their own.
func TestGuardErrorsAfterHandling(t *testing.T) {
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
			receiver := newReceiver(t, withGuard(fakeGuard{
				commit: func(ctx context.Context, key string, end time.Time) error {
					until = end
					return settle(ctx, "commit", key)
				},
				release: func(ctx context.Context, key string) error { return settle(ctx, "release", key) },
			}))
			receiver.onEvent = func(context.Context, webhook.Event) error {
				if fails {
					return errApp
				}
				time.Sleep(3 * time.Second)
				return nil
			}
			request := validRequest(testNonce)
			key := request.URL.Query().Get("signature")
			if fails {
				require.Equal(t, answers.function, receiver.serve(request))
				require.Equal(t, []string{"release " + key}, calls)
			} else {
				require.Equal(t, answers.ok, receiver.serve(request))
				require.Equal(t, []string{"commit " + key}, calls)
				require.False(t, until.Before(startTime.Add(10*time.Minute)))
			}
			require.Equal(t, 5*time.Second, left)
			require.Contains(t, receiver.log.String(), `"reason":"the replay guard failed","detail":"the database is unavailable"`)
			if !fails {
				require.Contains(t, receiver.log.String(), `"msg":"webhook: handled, but not remembered as handled"`)
				require.NotContains(t, receiver.log.String(), "handling failed")
			}
			requireNoSecrets(t, request, receiver.log.String())
		})
	}
}

// TestFIPS checks that requests are verified where SHA-1 is forbidden otherwise. GODEBUG needs a separate process.
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
	receiver := newReceiver(t, withWindow(anyTime))
	forged := strings.Replace(vectorQuery, "signature=3", "signature=4", 1)
	require.Equal(t, answers.signature, receiver.serve(newRequest(forged, presenceEvent)))
	require.Equal(t, answers.ok, receiver.serve(newRequest(vectorQuery, presenceEvent)))
	require.Len(t, receiver.dispatched(), 1)
}

// TestAnswerInTime checks that every request is answered after at most 4 seconds, whether or not slow code of the app
// respects its context: RC waits for 5 seconds and pauses for a minute after many timeouts.
func TestAnswerInTime(t *testing.T) {
	t.Parallel()
	for _, ignores := range []bool{false, true} {
		for place, change := range map[string]func(*webhook.Config, func(context.Context)){
			"credentials": func(c *webhook.Config, hang func(context.Context)) {
				c.Credentials = func(ctx context.Context) ([]rcuser.Credentials, error) { hang(ctx); return nil, ctx.Err() }
			},
			"claim": func(c *webhook.Config, hang func(context.Context)) {
				c.Replays = fakeGuard{claim: func(ctx context.Context, _ string) (webhook.Claim, error) { hang(ctx); return 0, ctx.Err() }}
			},
			"commit": func(c *webhook.Config, hang func(context.Context)) {
				c.Replays = fakeGuard{commit: func(ctx context.Context, _ string, _ time.Time) error { hang(ctx); return ctx.Err() }}
			},
			"function": func(c *webhook.Config, hang func(context.Context)) {
				c.OnPresence = func(ctx context.Context, _ webhook.PresenceEvent) error { hang(ctx); return ctx.Err() }
			},
		} {
			t.Run(fmt.Sprint(place, ignores), func(t *testing.T) {
				t.Parallel()
				inBubble(t, func(t *testing.T) { requireAnswerInTime(t, place, ignores, change) })
			})
		}
	}
}

func requireAnswerInTime(t *testing.T, place string, ignores bool, change func(*webhook.Config, func(context.Context))) {
	t.Helper()
	var mu sync.Mutex
	var ended time.Duration
	receiver := newReceiver(t, func(c *webhook.Config) {
		change(c, func(ctx context.Context) {
			<-ctx.Done()
			mu.Lock()
			ended = time.Since(startTime)
			mu.Unlock()
			if ignores {
				time.Sleep(time.Hour)
			}
		})
	})
	require.Equal(t, answers.timeout, receiver.serve(validRequest(testNonce)))
	require.Equal(t, 4*time.Second, time.Since(startTime))
	time.Sleep(2 * time.Hour)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, place != "commit", strings.Contains(receiver.log.String(), `"msg":"webhook: handling failed"`), receiver.log.String())
	if place == "commit" { // has 5 seconds, because without Commit the request would be handled again
		require.Equal(t, 5*time.Second, ended)
		return
	}
	require.Equal(t, 4*time.Second, ended)
}

// TestCredentialsAreFetchedLast checks that requests with invalid parameters cause no access to a secret store, and that
// an error of the store is only logged.
func TestCredentialsAreFetchedLast(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		calls := 0
		receiver := newReceiver(t, func(c *webhook.Config) {
			c.Credentials = func(context.Context) ([]rcuser.Credentials, error) {
				calls++
				return []rcuser.Credentials{validCredentials}, errors.New("the secret store is locked")
			}
		})
		for _, table := range [][]forgery{invalidParams[:28], invalidSyntax} {
			for _, tc := range table {
				request := validRequest(testNonce)
				tc.forge(request)
				receiver.serve(request)
				require.Zero(t, calls, tc.name)
			}
		}
		require.Equal(t, answers.credentials, receiver.serve(validRequest(testNonce)))
		require.Equal(t, 1, calls)
		require.Empty(t, receiver.dispatched())
		require.Contains(t, receiver.log.String(), "the secret store is locked")
	})
}

// TestHandlerInSeveralBubbles uses one handler in two bubbles and then outside: a timer of a bubble never fires after its end.
func TestHandlerInSeveralBubbles(t *testing.T) {
	t.Parallel()
	receiver := newReceiver(t, withWindow(anyTime), withGuard(fakeGuard{}))
	receiver.onEvent = func(ctx context.Context, _ webhook.Event) error { <-ctx.Done(); return nil }
	for range 2 {
		inBubble(t, func(t *testing.T) {
			require.Equal(t, answers.timeout, receiver.serve(validRequest(testNonce)))
			require.Equal(t, 4*time.Second, time.Since(startTime))
			synctest.Wait() // the callback ends with the answer
			receiver.onEvent = nil
			require.Equal(t, answers.ok, receiver.serve(validRequest(testNonce)))
			synctest.Wait()
			receiver.onEvent = func(ctx context.Context, _ webhook.Event) error { <-ctx.Done(); return nil }
		})
	}
	end := make(chan struct{})
	receiver.onEvent = func(context.Context, webhook.Event) error { <-end; return nil }
	got := make(chan answer, 2)
	go func() { got <- receiver.serve(validRequest("1")) }()
	go func() { got <- receiver.serve(validRequest("2")) }()
	close(end)
	require.Equal(t, answers.ok, <-got)
	require.Equal(t, answers.ok, <-got)
}

// TestManyAnswersInTime checks that requests that overlap are each answered when their own time is up.
func TestManyAnswersInTime(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		receiver.onEvent = sleepFor(time.Minute)
		var attempts []<-chan timedAnswer
		var want []timedAnswer
		for i := range 50 {
			at := time.Duration(i*i) * 10 * ms
			attempts = append(attempts, receiver.serveAt(at, signedQuery(fmt.Sprint(i), startTime)))
			want = append(want, timedAnswer{answers.timeout, at + 4*time.Second})
		}
		for i := range attempts {
			require.Equal(t, want[i], <-attempts[i])
		}
		time.Sleep(time.Hour)
	})
}
