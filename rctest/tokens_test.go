package rctest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
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

func TestTokenShape(t *testing.T) {
	t.Parallel()
	f := setup(t)
	seen := make(map[string]bool)
	for range 100 {
		token := f.register("a")
		require.Regexp(t, `^[A-Za-z0-9+/]{59}=@rctest\.cn\.rongnav\.com;rctest\.cn\.rongcfg\.com$`, token)
		require.False(t, seen[token])
		seen[token] = true
	}
	all := fmt.Sprint(seen)
	require.True(t, strings.Contains(all, "+") && strings.Contains(all, "/"), "characters that a form must escape")
}

// A token can't be made from another one.
func TestTokenOfAnother(t *testing.T) {
	t.Parallel()
	f, other := setup(t), setup(t)
	token := f.register("a")
	require.False(t, f.ValidToken("a", other.register("a")), "of another server")
	for i := range len(token) {
		changed := []byte(token)
		changed[i] ^= 1
		require.False(t, f.ValidToken("a", string(changed)), string(changed))
		require.False(t, f.ValidToken("a", token[:i]), i)
		require.False(t, f.ValidToken("a", token[:i]+"\n"+token[i:]), "base64 may have line breaks, a token may not")
	}
	for _, text := range []string{"@", "====", strings.Repeat("A", 59) + "=", strings.Repeat("A", 59) + "=" + token[60:]} {
		require.False(t, f.ValidToken("a", text), text)
	}
	require.True(t, f.ValidToken("a", token))
}

func TestListedTokens(t *testing.T) {
	t.Parallel()
	f := setup(t)
	var issued []string
	for range 25 {
		issued = append(issued, f.register("a"))
	}
	var listed []string
	for _, token := range f.User("a").Tokens {
		listed = append(listed, token.Value)
	}
	require.Equal(t, issued[5:], listed, "the last 20, oldest first")
	require.True(t, f.ValidToken("a", issued[0]), "not listed, but valid")
}

// TestExpireInTheSameMillisecond runs in a bubble, whose clock stands still.
func TestExpireInTheSameMillisecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		expireNow := func() { f.ok(expirePath, "userId=a&time="+millis(f.Now())) }
		expireNow()
		first := f.register("a")
		require.True(t, f.ValidToken("a", first), "obtained after the call")
		expireNow()
		require.False(t, f.ValidToken("a", first), "obtained before the call")
		second := f.register("a")
		require.True(t, f.ValidToken("a", second))
		require.False(t, f.ValidToken("a", first))
		issuedAt := millis(f.Now())
		f.Advance(time.Hour)
		f.ok(expirePath, "userId=a&time="+issuedAt)
		require.False(t, f.ValidToken("a", second), "the call came later, with the time of issue")
	})
}

// A time in the future voids what is issued until then, and not what is issued in that very millisecond.
func TestExpireInTheFutureToTheMillisecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		f.ok(expirePath, "userId=a&time="+millis(f.Now().Add(5*time.Millisecond)))
		for range 5 {
			require.False(t, f.ValidToken("a", f.register("a")))
			f.Advance(time.Millisecond)
		}
		require.True(t, f.ValidToken("a", f.register("a")))
		require.Len(t, f.User("a").Tokens, 1)
	})
}

// tokenModel says by the rules alone which tokens of a user are valid.
type tokenModel struct {
	issued  []string
	at      []int64  // when each was issued
	expired []expiry // in the order of the calls
	void    int      // how many tokens the last deactivation has voided
}

type expiry struct {
	before int64
	issued int // how many tokens there were
}

func (m *tokenModel) valid(serial int) bool {
	for _, e := range m.expired {
		existed := serial < e.issued
		if m.at[serial] < e.before || m.at[serial] == e.before && existed {
			return false
		}
	}
	return serial >= m.void
}

// TestTokenModel compares random orders of calls within few milliseconds with tokenModel.
func TestTokenModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 40).Draw(r, "steps")
		problem := ""
		synctest.Test(t, func(t *testing.T) { problem = compareTokens(setup(t), steps) })
		require.Empty(r, problem)
	})
}

func compareTokens(f *fake, steps []int) string {
	m := &tokenModel{}
	for n, step := range steps {
		now := f.Now()
		switch {
		case step < 3:
			m.issued, m.at = append(m.issued, f.register("a")), append(m.at, now.UnixMilli())
		case step < 7:
			before := now.UnixMilli() + int64(step-5)
			f.ok(expirePath, fmt.Sprint("userId=a&time=", before))
			m.expired = append(m.expired, expiry{before, len(m.issued)})
		case step == 7:
			f.ok(deactivatePath, "userId=a")
			f.Advance(time.Hour)
			f.ok(reactivatePath, "userId=a")
			m.void = len(m.issued)
		default:
			f.Advance(time.Millisecond)
		}
		for serial, token := range m.issued {
			if m.valid(serial) != f.ValidToken("a", token) {
				return fmt.Sprintf("after step %d, token %d must be valid: %v", n, serial, m.valid(serial))
			}
		}
	}
	return ""
}

func TestExpireFields(t *testing.T) {
	checkIDs(t, idField{expirePath, "userId", "&time=1", 20})
	checkRefused(t, expirePath, "userId=a&time=-1", "userId=a&time=", "userId=b")
}
