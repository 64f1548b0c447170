package rcuser

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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

func TestAppendEscaped(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		text := string([]byte{'a', byte(c), 'z'})
		require.Equal(t, "k="+url.QueryEscape(text), string(appendEscaped([]byte("k="), text)), "%#x", c)
	}
}

// TestEncodeLongValues covers forms larger than the stack buffer of encodeValues.
func TestEncodeLongValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"a": "a", " ": "+", "&": "%26", "\xff": "%FF", "用": "%E7%94%A8"} {
		form := url.Values{"b": {"1"}, "a": {strings.Repeat(text, 600/len(text)), "2"}}
		require.Equal(t, "a="+strings.Repeat(want, 600/len(text))+"&a=2&b=1", string(encodeValues(form)), "%q", text)
	}
}
