package webhook

import (
	"net/url"
	"slices"
	"testing"
)

// FuzzParams compares findParams with url.ParseQuery.
func FuzzParams(f *testing.F) {
	f.Add("appKey=k&nonce=1&timestamp=2&signature=3")
	f.Add("rc-nonce=1&rc-timestamp=2&rc-signature=3&x=%zz")
	f.Add("%6eonce=1%34&&=&signTimestamp=2+3&signature=%7E&rc-appKey=1&rc-signTimestamp=4")
	f.Add("nonce=1&nonce=2&timestamp=1&signature=1;a")
	f.Fuzz(func(t *testing.T, query string) {
		got, err := findParams(query)
		want, parseErr := url.ParseQuery(query)
		if parseErr != nil {
			if err == nil {
				t.Fatalf("%q is accepted, but %v", query, parseErr)
			}
			return
		}
		all := func(names ...string) (values []string) {
			for _, name := range names {
				values = append(values, want[name]...)
			}
			return values
		}
		nonces, timestamps, signatures := all("nonce", "rc-nonce"), all("timestamp", "signTimestamp", "rc-timestamp"), all("signature", "rc-signature")
		prefixed := want.Has("rc-nonce")
		valid := len(nonces) == 1 && len(timestamps) == 1 && len(signatures) == 1 && len(want["appKey"]) <= 1 &&
			prefixed == want.Has("rc-timestamp") && prefixed == want.Has("rc-signature")
		if valid != (err == nil) {
			t.Fatalf("%q: %v, want valid: %v", query, err, valid)
		}
		if valid && (!slices.Equal([]string{got.nonce, got.timestamp, got.signature, got.appKey}, []string{nonces[0], timestamps[0], signatures[0], want.Get("appKey")}) ||
			got.hasAppKey != want.Has("appKey")) {
			t.Fatalf("%q: %+v", query, got)
		}
	})
}
