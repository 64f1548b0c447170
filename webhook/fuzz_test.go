package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/f0207b22/rcuser/webhook"
)

const (
	soundQuery  = "appKey=app-key-7&nonce=14314&timestamp=1408710653000&signature=30be0bbca9c9b2e27578701e9fda2358a814c88f"
	soundDigest = "30be0bbca9c9b2e27578701e9fda2358a814c88f"
)

// FuzzVerify looks for a change of a signed request that verifies and says something else. Time is unlimited, so that
// nothing but the signature stands in the way.
func FuzzVerify(f *testing.F) {
	f.Add("POST", soundQuery)
	f.Add("GET", soundQuery)
	f.Add("POST", "rc-nonce=14314&rc-timestamp=1408710653000&rc-signature="+soundDigest)
	f.Add("POST", "nonce=1431%34&signTimestamp=1408710653000&x=%7e&signature="+soundDigest)
	f.Add("POST", "nonce=143141&timestamp=408710653000&signature="+soundDigest)
	f.Add("POST", "nonce=1431&timestamp=41408710653000&signature="+soundDigest)
	f.Add("POST", "nonce=14314140&timestamp=8710653000&signature="+soundDigest)
	f.Add("POST", "nonce=143141408710653000%80%00&timestamp=1408710653000&signature="+soundDigest)
	f.Add("POST", soundQuery+"&nonce=14314;signature=%zz")
	f.Fuzz(func(t *testing.T, method, query string) {
		request := &http.Request{Method: method, URL: &url.URL{Path: "/", RawQuery: query}}
		verified, err := webhook.Verify(request, anyTime, good)
		if err != nil {
			var failure *webhook.Error
			if !errors.As(err, &failure) || failure.Reason < webhook.ErrMethod || failure.Reason > webhook.ErrFuture || verified != (webhook.Verified{}) {
				t.Fatalf("%v, %+v", err, verified)
			}
			if strings.Contains(err.Error(), soundDigest) {
				t.Fatalf("the error has the signature: %v", err)
			}
			return
		}
		values := request.URL.Query()
		is := func(name, want string, more ...string) bool { // under one of its names, once
			var all []string
			for _, name := range append(more, name) {
				all = append(all, values[name]...)
			}
			return slices.Equal(all, []string{want})
		}
		if method != http.MethodPost || !is("nonce", "14314", "rc-nonce") ||
			!is("timestamp", "1408710653000", "signTimestamp", "rc-timestamp") || !is("signature", soundDigest, "rc-signature") ||
			values.Has("appKey") && !is("appKey", goodKey) || verified.ReplayKey != soundDigest || verified.AppKey != goodKey {
			t.Fatalf("%s %q verifies: %+v", method, query, verified)
		}
	})
}

// FuzzDecode: whatever comes, the app's functions get no event without what it can't do without.
func FuzzDecode(f *testing.F) {
	for _, tc := range decoded {
		f.Add([]byte(tc.body))
	}
	f.Add([]byte(`{"userid":"\ud800","status":"\u0000","time":1}`))
	f.Add([]byte("[[[[{}]]]]"))
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := webhook.Decode(body)
		var failure *webhook.Error
		switch {
		case err == nil:
		case !errors.As(err, &failure) || failure.Reason != webhook.ErrBody || events != nil:
			t.Fatalf("%v, %+v", err, events)
		default:
			return
		}
		for _, e := range events {
			if !complete(e, body) {
				t.Fatalf("%q became %+v", body, e)
			}
		}
	})
}

// complete reports whether an event has its required fields.
func complete(e webhook.Event, body []byte) bool {
	timed := func(at time.Time) bool {
		return at.UnixMilli() > 0 && at.UnixMilli() <= 1<<48 && at.Location() == time.UTC
	}
	switch e := e.(type) {
	case webhook.PresenceEvent:
		return e.UserID != "" && e.Status != "" && timed(e.Time)
	case webhook.DeactivationEvent:
		return e.UserID != "" && e.OperationID != "" && e.Type != "" && e.Code != "" && timed(e.Time)
	case webhook.ProfileEvent:
		object := func(raw []byte) bool { return raw == nil || strings.HasPrefix(strings.TrimSpace(string(raw)), "{") }
		return e.UserID != "" && e.Change != "" && timed(e.Time) && object(e.Profile) && object(e.ExtProfile)
	case webhook.FriendshipEvent:
		return e.UserID != "" && e.ToUserID != "" && e.Change != "" && timed(e.Time)
	case webhook.UnknownEvent:
		return len(e.Raw) > 0 && strings.Contains(string(body), string(e.Raw))
	}
	return false
}

// FuzzHandler sends whole requests, with a sound signature or whatever the fuzzer makes of one: nothing gets to a
// function that Verify and Decode don't both accept.
func FuzzHandler(f *testing.F) {
	f.Add(true, "POST", "", "application/json", []byte(onePresence))
	f.Add(true, "POST", "&x=1", "application/x-www-form-urlencoded", []byte("userId=uid1&operateId=C70B&type=0&code=0&time=1730192400000"))
	f.Add(true, "POST", "&nonce=2", "", []byte("[]"))
	f.Add(false, "PUT", soundQuery, "text/plain; charset=gbk", []byte(`{"a":`))
	f.Add(false, "POST", "rc-nonce=14314&rc-timestamp=1408710653000&rc-signature="+soundDigest, "multipart/form-data", []byte{})
	f.Fuzz(func(t *testing.T, sound bool, method, query, contentType string, body []byte) {
		var dispatched atomic.Int32
		handler, err := webhook.NewHandler(webhook.Config{
			Credentials: knows(good), Window: anyTime, Replays: guard{}, // which keeps no memory
			OnPresence:     func(context.Context, webhook.PresenceEvent) error { dispatched.Add(1); return nil },
			OnDeactivation: func(context.Context, webhook.DeactivationEvent) error { dispatched.Add(1); return nil },
			OnProfile:      func(context.Context, webhook.ProfileEvent) error { dispatched.Add(1); return nil },
			OnFriendship:   func(context.Context, webhook.FriendshipEvent) error { dispatched.Add(1); return nil },
			OnUnknown:      func(context.Context, webhook.UnknownEvent) error { dispatched.Add(1); return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		if sound {
			query = soundQuery + query
		}
		request := post(query, string(body))
		request.Method = method
		request.Header.Set("Content-Type", contentType)
		_, unverified := webhook.Verify(request, anyTime, good)
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
