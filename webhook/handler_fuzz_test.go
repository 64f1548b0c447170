package webhook_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/f0207b22/rcuser/webhook"
)

// FuzzHandler sends whole requests, with a valid signature or with any query, and checks that no event is dispatched
// unless both Verify and Decode accept the request.
func FuzzHandler(f *testing.F) {
	f.Add(true, "POST", "", "application/json", []byte(presenceEvent))
	f.Add(true, "POST", "&x=1", "application/x-www-form-urlencoded", []byte("userId=uid1&operateId=C70B&type=0&code=0&time=1730192400000"))
	f.Add(true, "POST", "&nonce=2", "", []byte("[]"))
	f.Add(false, "PUT", vectorQuery, "text/plain; charset=gbk", []byte(`{"a":`))
	f.Add(false, "POST", "rc-nonce=14314&rc-timestamp=1408710653000&rc-signature="+vectorSignature, "multipart/form-data", []byte{})
	f.Fuzz(func(t *testing.T, valid bool, method, query, contentType string, body []byte) {
		var dispatched atomic.Int32
		handler, err := webhook.NewHandler(webhook.Config{
			Credentials: returnCredentials(validCredentials), Window: anyTime, Replays: fakeGuard{}, // remembers nothing
			OnPresence:     func(context.Context, webhook.PresenceEvent) error { dispatched.Add(1); return nil },
			OnDeactivation: func(context.Context, webhook.DeactivationEvent) error { dispatched.Add(1); return nil },
			OnProfile:      func(context.Context, webhook.ProfileEvent) error { dispatched.Add(1); return nil },
			OnFriendship:   func(context.Context, webhook.FriendshipEvent) error { dispatched.Add(1); return nil },
			OnUnknown:      func(context.Context, webhook.UnknownEvent) error { dispatched.Add(1); return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		if valid {
			query = vectorQuery + query
		}
		request := newRequest(query, string(body))
		request.Method = method
		request.Header.Set("Content-Type", contentType)
		_, unverified := webhook.Verify(request, anyTime, validCredentials)
		events, undecoded := webhook.Decode(body)
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		want := http.StatusOK
		switch {
		case method != http.MethodPost:
			want = http.StatusMethodNotAllowed
		case len(body) > 1<<20 && (unverified == nil || request.ContentLength > 0):
			want = http.StatusRequestEntityTooLarge
		case unverified != nil:
			want = http.StatusUnauthorized
		case undecoded != nil:
			want = http.StatusBadRequest
		}
		if want != http.StatusOK {
			events = nil
		}
		if recorder.Code != want || int(dispatched.Load()) != len(events) {
			t.Fatalf("%s %q %q: %d, want %d, and %d events dispatched, want %d", method, query, body, recorder.Code, want, dispatched.Load(), len(events))
		}
	})
}
