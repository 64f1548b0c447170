package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

// Mount the handler at the path that is configured in RC's console. It answers after OnPresence has returned.
func ExampleNewHandler() {
	credentials := rcuser.Credentials{AppKey: "app-key", AppSecret: "app-secret"}
	handler, err := webhook.NewHandler(webhook.Config{
		Credentials: webhook.StaticCredentials(credentials),
		OnPresence: func(_ context.Context, e webhook.PresenceEvent) error {
			fmt.Println(e.UserID, "is", e.Status, "on", e.OS, "at", e.Time.Format(time.TimeOnly))
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/rc/3f9c81d2b7", handler)

	// RC posts a signed request:
	body := `{"userid":"u1","status":"0","os":"iOS","time":1571130409553,"clientIp":"180.108.223.44:52229"}`
	request := httptest.NewRequest(http.MethodPost, "/rc/3f9c81d2b7", strings.NewReader(body))
	webhook.Sign(request, credentials, time.Now())
	recorder := httptest.NewRecorder()
	mux.ServeHTTP(recorder, request)
	fmt.Println(recorder.Code)
	// Output:
	// u1 is online on iOS at 09:06:49
	// 200
}

// A handler of your own verifies first, and limits the size of the body.
func ExampleVerify() {
	credentials := rcuser.Credentials{AppKey: "app-key", AppSecret: "app-secret"}
	receive := func(w http.ResponseWriter, r *http.Request) {
		if _, err := webhook.Verify(r, webhook.Window{}, credentials); err != nil {
			fmt.Println(err)
			http.Error(w, "not signed by RC", http.StatusUnauthorized)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		events, err := webhook.Decode(body)
		if err != nil {
			http.Error(w, "invalid body", http.StatusBadRequest)
			return
		}
		for _, e := range events {
			if e, ok := e.(webhook.DeactivationEvent); ok {
				fmt.Println(e.Type, "of", e.UserID, "done:", e.Done())
			}
		}
	}

	form := "userId=uid1&operateId=C70B-B1D6-82E8-5SBO&type=0&code=0&time=1730192400000"
	request := httptest.NewRequest(http.MethodPost, "/rc/3f9c81d2b7", strings.NewReader(form))
	receive(httptest.NewRecorder(), request)
	webhook.Sign(request, credentials, time.Now())
	receive(httptest.NewRecorder(), request)
	// Output:
	// webhook: a signature parameter is missing or ambiguous: nonce: is given 0 times, it must be once
	// deactivation of uid1 done: true
}

// Test what your own code does with an event that arrives twice.
func ExampleSign() {
	credentials := rcuser.Credentials{AppKey: "app-key", AppSecret: "app-secret"}
	handler, err := webhook.NewHandler(webhook.Config{
		Credentials:  func(context.Context) ([]rcuser.Credentials, error) { return []rcuser.Credentials{credentials}, nil },
		OnFriendship: func(context.Context, webhook.FriendshipEvent) error { fmt.Println("called"); return nil },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	body := `{"userId":"a","eventType":2,"toUserId":"b","time":1774363668900}`
	first := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	webhook.Sign(first, credentials, time.Now())
	second := httptest.NewRequest(http.MethodPost, first.URL.String(), strings.NewReader(body))
	for _, request := range []*http.Request{first, second} {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		fmt.Println(recorder.Code)
	}
	// Output:
	// called
	// 200
	// 200
}

// Store the events that Shutdown returns: RC won't send them again.
func ExampleHandler_Shutdown() {
	credentials := rcuser.Credentials{AppKey: "app-key", AppSecret: "app-secret"}
	started := make(chan struct{})
	handler, err := webhook.NewHandler(webhook.Config{
		Credentials: webhook.StaticCredentials(credentials),
		OnPresence: func(ctx context.Context, _ webhook.PresenceEvent) error {
			close(started)
			<-ctx.Done() // a database that doesn't answer
			return ctx.Err()
		},
		Queue: 100,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	body := `[{"userid":"u1","status":"0","time":1},{"userid":"u2","status":"0","time":1},{"userid":"u3","status":"0","time":1}]`
	request := httptest.NewRequest(http.MethodPost, "/rc/3f9c81d2b7", strings.NewReader(body))
	webhook.Sign(request, credentials, time.Now())
	handler.ServeHTTP(httptest.NewRecorder(), request)
	<-started

	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond) // in a real program, 10 seconds
	defer cancel()
	err = handler.Shutdown(ctx)
	if left, ok := errors.AsType[*webhook.ShutdownError](err); ok {
		for _, e := range left.Events {
			fmt.Printf("store %s\n", e.(webhook.PresenceEvent).UserID)
		}
	}
	fmt.Println(err)
	// Output:
	// store u2
	// store u3
	// webhook: shutting down: 2 queued events not handled, 1 callbacks still running: context deadline exceeded
}
