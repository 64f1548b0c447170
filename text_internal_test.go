package rcuser

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTruncate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text string
		n    int
		want string
	}{
		{"", 0, ""},
		{"", 3, ""},
		{"abc", 0, ""},
		{"abc", 2, "ab"},
		{"abc", 3, "abc"},
		{"abc", 4, "abc"},
		{"a用b", 1, "a"},
		{"a用b", 2, "a"},
		{"a用b", 3, "a"},
		{"a用b", 4, "a用"},
		{"😀", 3, ""},
		{"\xff\xff", 1, "\xff"},
		{"a\x80\x80\x80", 2, ""},
		{strings.Repeat("\x80", 61), 60, ""},
		{strings.Repeat("\x80", 60), 60, strings.Repeat("\x80", 60)},
	} {
		require.Equal(t, tc.want, truncate(tc.text, tc.n), "%q %d", tc.text, tc.n)
	}
}
