package rctest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

const (
	whitesettingSetPath   = "/user/whitesetting/set.json"
	whitesettingQueryPath = "/user/whitesetting/query.json"
	whitelistAddPath      = "/user/whitelist/add.json"
	whitelistRemovePath   = "/user/whitelist/remove.json"
	whitelistQueryPath    = "/user/whitelist/query.json"
)

func TestAllowlistSwitch(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.ok(whitesettingSetPath, "userId=98&userId=99&whiteSetting=1")
	f.ok(whitesettingSetPath, "userId=99&whiteSetting=0")
	require.Equal(t, []any{
		map[string]any{"userId": "98", "whiteSetting": "1"},
		map[string]any{"userId": "99", "whiteSetting": "0"},
		map[string]any{"userId": "nobody", "whiteSetting": "0"},
	}, f.ok(whitesettingQueryPath, "userId=98&userId=99&userId=nobody")["users"])
	require.True(t, f.User("98").AllowlistEnabled)
	require.False(t, f.User("99").AllowlistEnabled)
}

func TestAllowlistForAll(t *testing.T) {
	t.Parallel()
	f := setup(t, rctest.AllowlistForAll())
	require.True(t, f.User("a").AllowlistEnabled)
	f.ok(whitesettingSetPath, "userId=a&whiteSetting=1")
	f.refused(whitesettingSetPath, "userId=a&whiteSetting=0", 400, 1002)
	require.Equal(t, []any{map[string]any{"userId": "b", "whiteSetting": "1"}}, f.ok(whitesettingQueryPath, "userId=b")["users"])
	require.False(t, f.CanMessage("b", "c"))
	f.ok(whitelistAddPath, "userId=c&whiteUserId=b")
	require.True(t, f.CanMessage("b", "c"))
	require.False(t, f.CanMessage("c", "b"), "lists work one way")
}

func TestAllowlistFields(t *testing.T) {
	checkIDs(
		t,
		idField{whitelistAddPath, "whiteUserId", "&userId=o", 20},
		idField{whitelistRemovePath, "whiteUserId", "&userId=o", 20},
		idField{whitelistQueryPath, "userId", "&x=1", 1},
		idField{whitesettingSetPath, "userId", "&whiteSetting=1", 20},
		idField{whitesettingQueryPath, "userId", "&x=1", 20},
	)
	checkRefused(t, whitelistQueryPath, "userId=a&size=1001")
	checkRefused(t, whitesettingSetPath, "userId=a&whiteSetting=2", "userId=a&whiteSetting=on", "userId=d")
}
