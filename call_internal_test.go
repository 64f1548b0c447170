package rcuser

import (
	"net/url"
	"testing"
)

// FuzzPath requires a path that Call accepts to reach the server unchanged.
func FuzzPath(f *testing.F) {
	for _, path := range []string{"/user/info.json", "//x", "/a?b", "/a#b", "", "x", "/a b", "/%2e", "/..", "/ü", "/a\nb", "/:"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if checkPath(path) != nil {
			return
		}
		u, err := url.Parse("https://host" + path)
		if err != nil || u.Path != path || u.Host != "host" || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q is accepted, and becomes %v", path, u)
		}
	})
}
