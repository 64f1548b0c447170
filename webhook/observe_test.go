package webhook_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

// infoRecorder is an OnRequest that records its calls.
type infoRecorder struct {
	mu    sync.Mutex
	infos []webhook.RequestInfo
}

func (r *infoRecorder) record(_ context.Context, info webhook.RequestInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.infos = append(r.infos, info)
}

func (r *infoRecorder) last(t *testing.T, calls int) webhook.RequestInfo {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Len(t, r.infos, calls)
	return r.infos[calls-1]
}

// TestOnRequest checks that OnRequest is called once for every request, however it ended, before ServeHTTP returns.
func TestOnRequest(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		var recorder infoRecorder
		receiver := newReceiver(t, func(c *webhook.Config) { c.OnRequest = recorder.record })
		receiver.onEvent = func(ctx context.Context, e webhook.Event) error {
			switch e.(webhook.PresenceEvent).UserID {
			case "fails":
				return errApp
			case "slow":
				<-ctx.Done()
			case "takes":
				time.Sleep(time.Second)
			}
			return nil
		}
		unsigned := newRequest("", presenceEvent)
		get := validRequest("get")
		get.Method = http.MethodGet
		first := signedQuery("1", startTime)
		for i, tc := range []struct {
			request *http.Request
			want    webhook.RequestInfo
		}{
			{newRequest(first, presenceEvents("takes", "b")), webhook.RequestInfo{Status: 200, Events: 2, Duration: time.Second}},
			{newRequest(first, presenceEvents("takes", "b")), webhook.RequestInfo{Status: 200}},
			{newRequest(signedQuery("2", startTime), "[]"), webhook.RequestInfo{Status: 200}},
			{newRequest(signedQuery("3", startTime), presenceEvents("fails")), webhook.RequestInfo{Status: 500, Events: 1}},
			{newRequest(signedQuery("4", startTime), presenceEvents("slow")), webhook.RequestInfo{Status: 503, Events: 1, Duration: 4 * time.Second}},
			{newRequest(signedQuery("5", startTime), "garbage"), webhook.RequestInfo{Reason: webhook.ErrBody, Status: 400}},
			{unsigned, webhook.RequestInfo{Reason: webhook.ErrParameters, Status: 401}},
			{get, webhook.RequestInfo{Reason: webhook.ErrMethod, Status: 405}},
		} {
			got := receiver.serve(tc.request)
			info := recorder.last(t, i+1)
			require.Equal(t, got.Status, info.Status)
			if info.Reason != nil {
				require.Equal(t, got.Text, info.Reason.Error(), "a fixed text")
			}
			if tc.want.Reason == nil && tc.want.Status != 200 {
				tc.want.Reason = info.Reason // not exported
			}
			require.Equal(t, tc.want, info)
		}
		require.NoError(t, receiver.Shutdown(t.Context()))
		require.Equal(t, answers.shutdown, receiver.serve(validRequest("6")))
		require.Equal(t, 503, recorder.last(t, 9).Status)
	})
}

// TestOnRequestMisbehaves checks that a hook that panics, ends its goroutine or hangs breaks neither the answer nor the
// server, and that the context has the request's values and isn't canceled.
func TestOnRequestMisbehaves(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		hook  func(context.Context)
		takes time.Duration
	}{
		"panics":             {func(context.Context) { panic("boom") }, 0},
		"ends its goroutine": {func(context.Context) { runtime.Goexit() }, 0},
		"hangs":              {func(context.Context) { time.Sleep(time.Hour) }, 250 * time.Millisecond},
		"waits": {func(ctx context.Context) {
			if ctx.Value(contextKey{}) == "traced" && ctx.Err() == nil {
				time.Sleep(100 * time.Millisecond)
			}
		}, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T) {
				receiver := newReceiver(t, func(c *webhook.Config) {
					c.OnRequest = func(ctx context.Context, _ webhook.RequestInfo) { tc.hook(ctx) }
				})
				ctx, hangUp := context.WithCancel(context.WithValue(t.Context(), contextKey{}, "traced"))
				hangUp()
				for i, nonce := range []string{"1", "2"} {
					require.Equal(t, answers.ok, receiver.serve(validRequest(nonce).WithContext(ctx)))
					require.Equal(t, tc.takes*time.Duration(i+1), time.Since(startTime))
				}
				require.Len(t, receiver.dispatched(), 2)
				require.Equal(t, name == "panics", strings.Contains(receiver.log.String(), `"msg":"webhook: panic"`))
				time.Sleep(2 * time.Hour)
			})
		})
	}
}
