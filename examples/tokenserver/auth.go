package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// authenticator returns nil if whoever sent a request may act for a user, which includes getting a token to chat as them.
// It is what an app must replace: it knows by a session or an access token of its own who its user is.
type authenticator func(r *http.Request, userID string) error

var errUnauthorized = errors.New("the Authorization header must be: Bearer, a space and the API token")

// anybody is for the fake, which has nothing to protect.
func anybody(*http.Request, string) error { return nil }

// local is for the fake too: a site could give its name this machine's address, and a browser then let it read everything.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback((&url.URL{Host: r.Host}).Hostname()) {
			http.Error(w, "the Host header must be localhost or a loopback address", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bearer trusts the app's own servers, which know the token, whoever they act for.
func bearer(token string) authenticator {
	want := sha256.Sum256([]byte(token)) // so that what is compared has one length
	return func(r *http.Request, _ string) error {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(given))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			return errUnauthorized
		}
		return nil
	}
}
