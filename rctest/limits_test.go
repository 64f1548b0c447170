package rctest_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

func TestFieldsAreChecked(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 65)
	for _, c := range []struct {
		path, field, rest string
		most              int
	}{
		{expire, "userId", "&time=1", 20},
		{block, "userId", "&minute=1", 20},
		{unblock, "userId", "&x=1", 20},
		{blacklistAdd, "blackUserId", "&userId=o", 20},
		{blacklistRemove, "blackUserId", "&userId=o", 20},
		{whitelistAdd, "whiteUserId", "&userId=o", 20},
		{whitelistRemove, "whiteUserId", "&userId=o", 20},
		{settingSet, "userId", "&whiteSetting=1", 20},
		{settingQuery, "userId", "&x=1", 20},
		{info, "userId", "&x=1", 1},
		{refresh, "userId", "&x=1", 1},
		{checkOnline, "userId", "&x=1", 1},
		{blacklistQuery, "userId", "&x=1", 1},
		{whitelistQuery, "userId", "&x=1", 1},
		{deactivate, "userId", "&x=1", 1},
		{reactivate, "userId", "&x=1", 1},
	} {
		t.Run(c.path, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			f.register("u0")
			f.ok(c.path, ids(c.field, c.most)+c.rest)
			f.refused(c.path, ids(c.field, c.most+1)+c.rest, 400, 1002)
			require.Contains(t, f.refused(c.path, c.rest[1:], 400, 1002), "is required")
			f.refused(c.path, c.field+"="+c.rest, 400, 1002)
			f.refused(c.path, c.field+"="+long+c.rest, 400, 1005)
			f.refused(c.path, c.field+"=a%00"+c.rest, 400, 1002)
			f.refused(c.path, c.field+"=%FF"+c.rest, 400, 1002)
			f.refused(c.path, c.field+"=%zz"+c.rest, 400, 1002)
			f.refused(c.path, "", 400, 1003)
		})
	}
}

func TestNumbersAreChecked(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for form, path := range map[string]string{
		"userId=a&minute=0":          block,
		"userId=a&minute=43201":      block,
		"userId=a":                   block,
		"userId=a&minute=+5":         block,
		"userId=a&minute=5&minute=5": block,
		"userId=a&time=-1":           expire,
		"userId=a&time=":             expire,
		"userId=b":                   expire,
		"userId=a&whiteSetting=2":    settingSet,
		"userId=a&whiteSetting=on":   settingSet,
		"userId=d":                   settingSet,
		"userId=a&size=0":            blacklistQuery,
		"userId=a&size=1001":         whitelistQuery,
		"page=-1":                    blockQuery,
		"page=1&size=0":              blockQuery,
		"size=x":                     blockQuery,
		"pageNo=0":                   deactivatedQuery,
		"pageSize=51":                deactivatedQuery,
		"pageSize=0":                 deactivatedQuery,
		"pageNo=99999999999999999999999999999999": deactivatedQuery,
	} {
		f.refused(path, form, 400, 1002)
	}
	require.Equal(t, rctest.User{ID: "a"}, f.User("a"))
}

func TestJoinedIDs(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, path := range []string{deactivate, reactivate} {
		f.refused(path, "userId="+joined(101), 400, 1002)
		f.refused(path, "userId=a,,b", 400, 1002)
		f.refused(path, "userId=a,", 400, 1002)
		f.refused(path, "userId=a&userId=b", 400, 1002)
		f.refused(path, "userId=a,"+strings.Repeat("b", 65), 400, 1005)
	}
	require.Empty(t, f.ok(deactivatedQuery, "")["users"])
	f.ok(reactivate, "userId="+joined(100))
	f.ok(deactivate, "userId="+joined(100))
}

func TestRateLimits(t *testing.T) {
	t.Parallel()
	for path, rate := range map[string]int{getToken: 200, info: 100, blockQuery: 100} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t, rctest.EnforceRateLimits())
				f.ok(getToken, "userId=b&name=N")
				time.Sleep(time.Second)
				for range rate / 2 {
					f.ok(path, "userId=b&name=N")
				}
				time.Sleep(600 * time.Millisecond)
				for range rate / 2 {
					f.ok(path, "userId=b&name=N")
				}
				f.Advance(time.Hour) // isn't real time
				f.refused(path, "userId=b&name=N", http.StatusTooManyRequests, 1008)
				f.ok(checkOnline, "userId=b")
				time.Sleep(400 * time.Millisecond)
				for range rate / 2 {
					f.ok(path, "userId=b&name=N")
				}
				f.refused(path, "userId=b&name=N", http.StatusTooManyRequests, 1008)
			})
		})
	}
}

func TestRateLimitsOfIDs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, rctest.EnforceRateLimits())
		for _, path := range []string{deactivate, reactivate} {
			f.ok(path, "userId="+strings.Repeat("x,", 97)+"x")
			f.refused(path, "userId=a,b,c", 429, 1008)
			f.ok(path, "userId=a,b") // what was refused didn't count
			f.refused(path, "userId=c", 429, 1008)
			time.Sleep(time.Second)
			f.refused(path, "userId="+joined(101), 400, 1002)
			time.Sleep(time.Hour)
		}
	})
}

func TestRatesAreOffByDefault(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for range 300 {
		f.ok(getToken, "userId=a&name=N")
	}
	require.Equal(t, rcuser.NoLimit, f.Config().Limiter)
	require.Nil(t, setup(t, rctest.EnforceRateLimits()).Config().Limiter)
}
