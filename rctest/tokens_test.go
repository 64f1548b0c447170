package rctest_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func TestExpireTokens(t *testing.T) {
	t.Parallel()
	f := setup(t)
	old := f.register("a")
	other := f.register("b")
	f.SetOnline("a", true)
	f.Advance(time.Second)
	f.ok(expire, "userId=a&userId=nobody&time="+millis(f.Now()))
	require.False(t, f.ValidToken("a", old))
	require.True(t, f.ValidToken("b", other))
	require.Empty(t, f.User("a").Tokens)
	require.True(t, f.User("a").Online, "nobody is thrown out")
	f.Advance(time.Second)
	fresh := f.register("a")
	require.True(t, f.ValidToken("a", fresh))
	f.ok(expire, "userId=a&time=1")
	require.True(t, f.ValidToken("a", fresh))
	require.False(t, f.ValidToken("a", old), "an earlier time revives nothing")
}

func TestExpireTokensYetToCome(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.ok(expire, "userId=a&time="+millis(f.Now().Add(time.Hour)))
	require.False(t, f.ValidToken("a", f.register("a")))
	f.Advance(time.Hour + time.Second)
	require.True(t, f.ValidToken("a", f.register("a")))
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
	f.ok(block, "userId=a&minute=5")
	require.False(t, f.ValidToken("a", token))
	more := f.register("a")
	f.Advance(5 * time.Minute)
	require.True(t, f.ValidToken("a", token))
	require.True(t, f.ValidToken("a", more))
}
