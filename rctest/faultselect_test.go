package rctest_test

import (
	"strings"
	"testing"

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
