package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// authenticator returns nil if the sender of a request may act for a user, which includes getting a token to chat as that
// user. Replace it with the sessions or access tokens of your app, if its users call this server directly.
type authenticator func(r *http.Request, userID string) error

var errUnauthorized = errors.New("the Authorization header must be Bearer, a space and the API token")

// allowAll is for the fake, where there is nothing to protect.
func allowAll(*http.Request, string) error { return nil }

// requireLoopbackHost is for the fake too. It prevents DNS rebinding: a website whose name resolves to a loopback address
// could otherwise read everything through the browser.
func requireLoopbackHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback((&url.URL{Host: r.Host}).Hostname()) {
			http.Error(w, "the Host header must be localhost or a loopback address", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bearer accepts any request with the token, for every user: it is meant for the app's own servers.
func bearer(token string) authenticator {
	want := sha256.Sum256([]byte(token)) // a hash, so that all comparisons are of equal length
	return func(r *http.Request, _ string) error {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(given))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			return errUnauthorized
		}
		return nil
	}
}
