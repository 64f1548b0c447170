package rcuser

import (
	"errors"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
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

// TestFormThatCannotBeEncoded can only be a mistake in this package; nothing may be sent then.
func TestFormThatCannotBeEncoded(t *testing.T) {
	t.Parallel()
	client, err := NewClient(Config{AppKey: "key", AppSecret: "secret", DataCenter: Singapore})
	require.NoError(t, err)
	_, err = (*service)(client.Users).prepare(t.Context(), addBans, 7)
	argument, ok := errors.AsType[*ArgumentError](err)
	require.True(t, ok)
	require.Equal(t, "form", argument.Name)
}
