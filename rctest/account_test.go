package rctest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUserIsACopy(t *testing.T) {
	t.Parallel()
	f := setup(t)
	token := f.register("a")
	f.ok(blacklistAddPath, "userId=a&blackUserId=x")
	f.ok(whitelistAddPath, "userId=a&whiteUserId=y")
	u := f.User("a")
	u.Blocklist[0], u.Allowlist[0], u.Tokens[0].Value = "changed", "changed", "changed"
	u = f.User("a")
	require.Equal(t, []string{"x", "y", token}, []string{u.Blocklist[0], u.Allowlist[0], u.Tokens[0].Value})
}

// The times in User equal those in answers, so that a test can compare them.
func TestUserTimes(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.register("a")
	f.ok(blockPath, "userId=a&minute=5")
	created := f.ok(infoPath, "userId=a")["createTime"]
	require.Equal(t, created, f.User("a").CreatedAt.Format(time.DateTime))
	require.Zero(t, f.User("a").CreatedAt.Nanosecond())
	require.Zero(t, f.User("a").BannedUntil.Nanosecond())
	require.Equal(t, 200, f.call(blockPath, "userId=a&minute=5").status)
}

func TestCanMessage(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.True(t, f.CanMessage("b", "a"))
	f.ok(blacklistAddPath, "userId=a&blackUserId=b&blackUserId=c")
	f.ok(whitelistAddPath, "userId=a&whiteUserId=c")
	require.False(t, f.CanMessage("b", "a"))
	require.False(t, f.CanMessage("c", "a"), "the allowlist is off")
	require.True(t, f.CanMessage("a", "b"), "lists work one way")
	f.ok(whitesettingSetPath, "userId=a&whiteSetting=1")
	require.True(t, f.CanMessage("c", "a"), "the blocklist doesn't count in allowlist mode")
	require.False(t, f.CanMessage("d", "a"))
	f.ok(whitesettingSetPath, "userId=a&whiteSetting=0")
	require.False(t, f.CanMessage("c", "a"), "the blocklist was kept")
	f.ok(deactivatePath, "userId=d")
	require.False(t, f.CanMessage("d", "b"))
	require.True(t, f.CanMessage("b", "d"))
}
