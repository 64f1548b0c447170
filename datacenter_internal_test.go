package rcuser

import (
	"net/url"
	"testing"
)

// FuzzBaseURL requires an accepted URL to be https or loopback, and to keep its host and have no user, query or fragment
// when a path is appended.
func FuzzBaseURL(f *testing.F) {
	for _, raw := range []string{
		"https://api.rong-api.com", "http://127.0.0.1:8080/", "http://[::1]", "http://localhost/x//", "http://127.0.0.1.evil.com",
		"https://user:pw@host", "https://host?q", "https://host#f", "https://host#", "//host", "host:443", "https:host", "https://",
		"http://2130706433", "http://[::ffff:127.0.0.1]", "HTTPS://host", "https://h%6fst/%2e%2e", "https://a b", "http://localhost.",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := parseBaseURL("DataCenter.Primary", raw, false)
		if err != nil {
			return
		}
		if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
			t.Errorf("%q is sent to in the open", raw)
		}
		again, err := url.Parse(u.String() + "/user/info.json")
		if err != nil {
			t.Fatalf("%q became %q, which is no URL: %v", raw, u, err)
		}
		if again.Host != u.Host || again.User != nil || again.RawQuery != "" || again.Fragment != "" {
			t.Errorf("%q became %q, which goes to %q", raw, u, again.Host)
		}
	})
}
