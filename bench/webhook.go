package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

const webhookBody = `[{"userid":"1103863","status":"1","os":"iOS","time":1571130409553,"clientIp":"180.108.223.44:52229"}]`

var webhookCredentials = rcuser.Credentials{AppKey: "key", AppSecret: "Y1W2MeFwwwRxa0"}

// requestTime is about what a request takes. It turns the length of a run into a number of requests.
const requestTime = 10 * time.Microsecond

// webhooks compares webhook.Handler with bareHandler. Both handle the same number of requests in a run: each needs its
// own signature, and preparing them leaves a heap that would otherwise differ.
func webhooks(rounds int, length time.Duration) {
	setBenchTime(fmt.Sprintf("%dx", max(1, length/requestTime)))
	c := compare(rounds, handle(bareHandler), handle(sdkHandler))
	fmt.Printf("webhook handler: time %.2f of a bare one, allocations %.2f\n", c.time, c.allocs)
}

// onPresence is the app's function for a presence event.
type onPresence func(webhook.PresenceEvent)

func sdkHandler(do onPresence) http.Handler {
	h, err := webhook.NewHandler(webhook.Config{
		Credentials: webhook.StaticCredentials(webhookCredentials),
		OnPresence:  func(_ context.Context, e webhook.PresenceEvent) error { do(e); return nil },
	})
	if err != nil {
		panic(err)
	}
	return h
}

// handle returns a benchmark that makes a handler and has it answer b.N prepared requests.
func handle(newHandler func(onPresence) http.Handler) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		handled := 0
		handler := newHandler(func(e webhook.PresenceEvent) {
			if e.UserID == "1103863" {
				handled++
			}
		})
		requests := signedRequests(b.N)
		w := &discardWriter{header: make(http.Header)}
		b.ResetTimer()
		for _, r := range requests {
			clear(w.header)
			handler.ServeHTTP(w, r)
		}
		if handled != b.N {
			panic(fmt.Sprintf("%d of %d requests handled", handled, b.N))
		}
	}
}

// signedRequests returns requests as a server hands them to its handler, signed by RC's rules with a nonce each.
func signedRequests(n int) []*http.Request {
	requests := make([]*http.Request, n)
	for i := range requests {
		body := strings.NewReader(webhookBody)
		r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "/rc", body)
		if err != nil {
			panic(err)
		}
		webhook.Sign(r, webhookCredentials, time.Now())
		requests[i] = r
	}
	return requests
}

// discardWriter is a ResponseWriter that costs next to nothing. Like net/http's, it lets a handler set a read deadline.
type discardWriter struct{ header http.Header }

func (w *discardWriter) Header() http.Header           { return w.header }
func (*discardWriter) Write(b []byte) (int, error)     { return len(b), nil }
func (*discardWriter) WriteHeader(int)                 {}
func (*discardWriter) SetReadDeadline(time.Time) error { return nil }
