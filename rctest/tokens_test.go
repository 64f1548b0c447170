package rctest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const expirePath = "/user/token/expire.json"

func TestExpireTokens(t *testing.T) {
	t.Parallel()
	f := setup(t)
	old := f.register("a")
	other := f.register("b")
	f.SetOnline("a", true)
	f.Advance(time.Second)
	f.ok(expirePath, "userId=a&userId=nobody&time="+millis(f.Now()))
	require.False(t, f.ValidToken("a", old))
	require.True(t, f.ValidToken("b", other))
	require.Empty(t, f.User("a").Tokens)
	require.True(t, f.User("a").Online, "expiring tokens doesn't disconnect")
	f.Advance(time.Second)
	later := f.register("a")
	require.True(t, f.ValidToken("a", later))
	f.ok(expirePath, "userId=a&time=1")
	require.True(t, f.ValidToken("a", later))
	require.False(t, f.ValidToken("a", old), "an earlier time doesn't make tokens valid again")
}

func TestExpireTokensInTheFuture(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.ok(expirePath, "userId=a&time="+millis(f.Now().Add(time.Hour)))
	require.False(t, f.ValidToken("a", f.register("a")))
	f.Advance(time.Hour + time.Second)
	require.True(t, f.ValidToken("a", f.register("a")))
}

// An earlier time doesn't replace a later one that is still in the future.
func TestExpireWithAnEarlierTime(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.ok(expirePath, "userId=a&time="+millis(f.Now().Add(time.Hour)))
	f.ok(expirePath, "userId=a&time="+millis(f.Now().Add(-time.Hour)))
	require.False(t, f.ValidToken("a", f.register("a")))
}

func TestValidToken(t *testing.T) {
	t.Parallel()
	f := setup(t)
	token := f.register("a")
	f.register("b")
	require.False(t, f.ValidToken("nobody", token))
	require.False(t, f.ValidToken("b", token))
	require.False(t, f.ValidToken("a", ""))
	require.False(t, f.ValidToken("a", token+"x"))
	f.ok(blockPath, "userId=a&minute=5")
	require.False(t, f.ValidToken("a", token))
	more := f.register("a")
	f.Advance(5 * time.Minute)
	require.True(t, f.ValidToken("a", token))
	require.True(t, f.ValidToken("a", more))
}

func TestExpireFields(t *testing.T) {
	checkIDs(t, idField{expirePath, "userId", "&time=1", 20})
	checkRefused(t, expirePath, "userId=a&time=-1", "userId=a&time=", "userId=b")
}
