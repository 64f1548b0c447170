package rctest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const checkOnlinePath = "/user/checkOnline.json"

func TestPresence(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.Equal(t, map[string]any{"status": "0"}, f.ok(checkOnlinePath, "userId=a"))
	f.SetOnline("a", false)
	f.SetOnline("a", true)
	require.Equal(t, map[string]any{"status": "1"}, f.ok(checkOnlinePath, "userId=a"))
	f.SetOnline("a", false)
	require.Equal(t, map[string]any{"status": "0"}, f.ok(checkOnlinePath, "userId=a"))
	f.refused(checkOnlinePath, "userId=a&userId=b", 400, 1002)
}

func TestPresenceFields(t *testing.T) {
	checkIDs(t, idField{checkOnlinePath, "userId", "&x=1", 1})
}
