package rcuser

import (
	"net/url"
	"testing"
)

// FuzzEncode compares encodeValues with url.Values.Encode.
func FuzzEncode(f *testing.F) {
	f.Add("userId", "a b&c=d%+", "李雷")
	f.Add("", "=", "&")
	f.Fuzz(func(t *testing.T, key, first, second string) {
		form := url.Values{key: {first, second}, "other": {"x"}}
		if got, want := string(encodeValues(form)), form.Encode(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
