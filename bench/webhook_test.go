package main

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/f0207b22/rcuser/webhook"
)

func TestHandlersDecodeTheSame(t *testing.T) {
	want := []webhook.PresenceEvent{{
		UserID: "1103863", Status: "1", OS: "iOS", ClientIP: "180.108.223.44:52229",
		Time: time.Date(2019, time.October, 15, 9, 6, 49, 553_000_000, time.UTC),
	}}
	for name, newHandler := range map[string]func(onPresence) http.Handler{"bare": bareHandler, "rcuser": sdkHandler} {
		var got []webhook.PresenceEvent
		w := httptest.NewRecorder()
		newHandler(func(e webhook.PresenceEvent) { got = append(got, e) }).ServeHTTP(w, signedRequests(1)[0])
		if w.Code != http.StatusOK || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: status %d, events %v, want %v", name, w.Code, got, want)
		}
	}
}

func TestBareHandlerRefuses(t *testing.T) {
	signedAt := func(at time.Time) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/rc", strings.NewReader(webhookBody))
		webhook.Sign(r, webhookCredentials, at)
		return r
	}
	forged := signedAt(time.Now())
	forged.URL.RawQuery = strings.Replace(forged.URL.RawQuery, "nonce=", "nonce=x", 1)
	for name, r := range map[string]*http.Request{
		"another nonce": forged,
		"unsigned":      httptest.NewRequest(http.MethodPost, "/rc", strings.NewReader(webhookBody)),
		"too old":       signedAt(time.Now().Add(-11 * time.Minute)),
		"too far ahead": signedAt(time.Now().Add(6 * time.Minute)),
	} {
		w := httptest.NewRecorder()
		bareHandler(func(webhook.PresenceEvent) { t.Errorf("%s: handled", name) }).ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%s: status %d, want 401", name, w.Code)
		}
	}
}
