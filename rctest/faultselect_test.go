package rctest_test

import (
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// pattern makes n calls and returns a character for each: x for status 500, y for 501, z for 502, otherwise a dot.
func (f *fake) pattern(path string, n int) string {
	var hits strings.Builder
	for range n {
		if status := f.try(f.request(path, banForm)).status; status >= 500 {
			hits.WriteByte("xyz"[status-500])
		} else {
			hits.WriteByte('.')
		}
	}
	return hits.String()
}

func TestFaultSelection(t *testing.T) {
	t.Parallel()
	x := func(f rctest.Fault) rctest.Fault { f.Status = 500; return f }
	y := func(f rctest.Fault) rctest.Fault { f.Status = 501; return f }
	for name, c := range map[string]struct {
		faults []rctest.Fault
		path   string
		want   string
	}{
		"no fault":          {nil, blockPath, "......"},
		"once":              {[]rctest.Fault{x(rctest.Fault{})}, blockPath, "x....."},
		"three times":       {[]rctest.Fault{x(rctest.Fault{Times: 3})}, blockPath, "xxx..."},
		"always":            {[]rctest.Fault{x(rctest.Fault{Times: rctest.Always})}, blockPath, "xxxxxx"},
		"every 1":           {[]rctest.Fault{x(rctest.Fault{Every: 1, Times: 2})}, blockPath, "xx...."},
		"every 2":           {[]rctest.Fault{x(rctest.Fault{Every: 2, Times: rctest.Always})}, blockPath, ".x.x.x"},
		"every 2, twice":    {[]rctest.Fault{x(rctest.Fault{Every: 2, Times: 2})}, blockPath, ".x.x.."},
		"probability 1":     {[]rctest.Fault{x(rctest.Fault{Probability: 1, Times: rctest.Always})}, blockPath, "xxxxxx"},
		"tiny probability":  {[]rctest.Fault{x(rctest.Fault{Probability: 1e-300, Times: rctest.Always})}, blockPath, "......"},
		"endpoint":          {[]rctest.Fault{x(rctest.Fault{Endpoint: blockPath})}, blockPath, "x....."},
		"doubled slashes":   {[]rctest.Fault{x(rctest.Fault{Endpoint: "//user//block.json"})}, "/user///block.json", "x....."},
		"other endpoint":    {[]rctest.Fault{x(rctest.Fault{Endpoint: unblockPath})}, blockPath, "......"},
		"unknown endpoint":  {[]rctest.Fault{x(rctest.Fault{Endpoint: "/x"})}, "/x", "x....."},
		"any endpoint":      {[]rctest.Fault{x(rctest.Fault{})}, "/x", "x....."},
		"primary":           {[]rctest.Fault{x(rctest.Fault{Host: rctest.PrimaryHost})}, blockPath, "x....."},
		"backup":            {[]rctest.Fault{x(rctest.Fault{Host: rctest.BackupHost})}, blockPath, "......"},
		"in order":          {[]rctest.Fault{x(rctest.Fault{Times: 2}), y(rctest.Fault{Times: 2})}, blockPath, "xxyy.."},
		"calls left over":   {[]rctest.Fault{x(rctest.Fault{Every: 2, Times: rctest.Always}), y(rctest.Fault{Times: rctest.Always})}, blockPath, "yxyxyx"},
		"not counted twice": {[]rctest.Fault{x(rctest.Fault{Times: 3}), y(rctest.Fault{Every: 2})}, blockPath, "xxx.y."},
		"others ignored":    {[]rctest.Fault{x(rctest.Fault{Endpoint: unblockPath}), y(rctest.Fault{Endpoint: blockPath})}, blockPath, "y....."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			hits := 0
			for _, fault := range c.faults {
				f.Inject(fault)
			}
			require.Equal(t, c.want, f.pattern(c.path, 6))
			for _, r := range f.Requests() {
				if r.Fault {
					hits++
				}
			}
			require.Equal(t, len(strings.ReplaceAll(c.want, ".", "")), hits)
			require.Equal(t, hits, f.FaultHits())
		})
	}
}

func TestFaultProbability(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) string {
		f := setup(t)
		f.Inject(rctest.Fault{Status: 500, Probability: 0.3, Seed: seed, Times: rctest.Always})
		return f.pattern(blockPath, 400)
	}
	require.Equal(t, run(7), run(7))
	require.NotEqual(t, run(7), run(8))
	require.InDelta(t, 120, strings.Count(run(7), "x"), 40)

	f := setup(t)
	f.Inject(rctest.Fault{Status: 500, Probability: 0.5, Times: 5})
	require.Equal(t, 5, strings.Count(f.pattern(blockPath, 400), "x"), "Times counts only calls that are hit")
	f = setup(t)
	f.Inject(rctest.Fault{Status: 500, Probability: 0.5, Every: 2, Times: rctest.Always})
	for i, c := range f.pattern(blockPath, 100) {
		require.True(t, i%2 == 1 || c == '.')
	}
}

func TestFaultHost(t *testing.T) {
	t.Parallel()
	for name, port := range map[string]bool{"memory": false, "port": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			center := f.Config().DataCenter
			primary, backup := center.Primary, strings.ToUpper(center.Backup)
			if port {
				primary, backup = f.Listen(), f.ListenBackup()
				f.usePort(primary)
				require.NotEqual(t, primary, backup)
				require.Equal(t, backup, f.ListenBackup())
			}
			f.Inject(rctest.Fault{Status: 500, Host: rctest.PrimaryHost, Times: rctest.Always})
			f.Inject(rctest.Fault{Status: 501, Host: rctest.BackupHost, Times: 2})
			f.Inject(rctest.Fault{Status: 502, Times: 1})
			f.base = primary
			require.Equal(t, "xx", f.pattern(blockPath, 2))
			f.base = backup
			require.Equal(t, "yyz..", f.pattern(blockPath, 5))
			require.True(t, f.banned(), "the hosts are one server")
		})
	}
}

func TestFaultUserID(t *testing.T) {
	t.Parallel()
	hit := func(f rctest.Fault) rctest.Fault { f.UserID, f.Code, f.Times = "bad", 1002, rctest.Always; return f }
	for name, c := range map[string]struct {
		path, form string
		code       int
	}{
		"alone":          {blockPath, "minute=1&userId=bad", 1002},
		"among others":   {blockPath, "minute=1&userId=a&userId=bad", 1002},
		"joined":         {deactivatePath, "userId=a%2Cbad%2Cc", 1002},
		"of a blocklist": {blacklistAddPath, "userId=a&blackUserId=b&blackUserId=bad", 1002},
		"owner":          {blacklistAddPath, "userId=bad&blackUserId=b", 1002},
		"of another":     {whitelistAddPath, "userId=a&whiteUserId=bad", 1002},
		"others":         {blockPath, "minute=1&userId=a&userId=badly", 200},
		"other case":     {blockPath, "minute=1&userId=Bad", 200},
		"a name":         {getTokenPath, "userId=a&name=bad", 200},
		"not joined":     {blockPath, "minute=1&userId=a%2Cbad", 200},
		"none":           {deactivateQueryPath, "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemoryAndOverPort(t, func(t *testing.T, f *fake, _ bool) {
				f.Inject(hit(rctest.Fault{}))
				require.Equal(t, c.code, f.call(c.path, c.form).code())
				require.Equal(t, c.code, f.call(c.path, c.form).code())
				require.Equal(t, c.code == 200, f.Requests()[1].Applied)
				f.Inject(rctest.Fault{Kind: rctest.ResetBefore})
				if c.code == 200 {
					require.ErrorIs(t, f.try(f.request(c.path, c.form)).err, syscall.ECONNRESET, "another fault hits it")
				}
			})
		})
	}
}

// TestFaultUserIDCountsOnlyItsCalls has Times and Every count only calls with the id.
func TestFaultUserIDCountsOnlyItsCalls(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.Inject(rctest.Fault{UserID: "b", Status: 500, Every: 2, Times: 1})
	require.Equal(t, "...", f.pattern(blockPath, 3), "calls with user a")
	require.Equal(t, 200, f.try(f.request(blockPath, "userId=b&minute=1")).status)
	require.Equal(t, 500, f.try(f.request(blockPath, "userId=b&minute=1")).status)
	require.Equal(t, 200, f.try(f.request(blockPath, "userId=b&minute=1")).status)
	require.Equal(t, 1, f.FaultHits())

	f.Inject(rctest.Fault{UserID: "b", Kind: rctest.LostAnswer})
	req := f.request(blockPath, "")
	req.Body = &failingBody{err: io.ErrUnexpectedEOF}
	require.ErrorIs(t, f.try(req).err, io.ErrUnexpectedEOF, "a body that can't be read has no ids")
	require.ErrorIs(t, f.try(f.request(unblockPath, "userId=b")).err, syscall.ECONNRESET)
}

func TestFaultFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		f.Inject(rctest.Fault{Status: 500, For: 30 * time.Second})
		f.Inject(rctest.Fault{Status: 501, For: time.Minute, Times: 2})
		require.Equal(t, "xxx", f.pattern(blockPath, 3), "Times is all")
		time.Sleep(30*time.Second - 1)
		require.Equal(t, "x", f.pattern(blockPath, 1))
		time.Sleep(time.Nanosecond)
		require.Equal(t, "yy.", f.pattern(blockPath, 3))
		require.Equal(t, 6, f.FaultHits())

		f.Inject(rctest.Fault{Kind: rctest.RefuseConnection, For: time.Hour})
		require.ErrorIs(t, f.tryBan().err, syscall.ECONNREFUSED)
		f.Advance(time.Hour)
		require.Equal(t, http.StatusOK, f.tryBan().status, "the server's clock counts")
	})
}

// TestFaultForOverPort has both hosts out of reach for a time.
func TestFaultForOverPort(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.usePort(f.Listen())
	f.Inject(rctest.Fault{Kind: rctest.ResetBefore, For: time.Hour})
	for _, base := range []string{f.Listen(), f.ListenBackup()} {
		f.base = base
		require.ErrorIs(t, f.tryBan().err, syscall.ECONNRESET)
	}
	f.Advance(time.Hour)
	require.Equal(t, http.StatusOK, f.tryBan().status)
}
