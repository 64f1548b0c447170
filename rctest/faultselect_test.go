package rctest_test

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// pattern makes n calls and writes an x for each that a fault hit with an HTTP 5xx: 500 is x, 501 y, and so on.
func (f *fake) pattern(path string, n int) string {
	var hits strings.Builder
	for range n {
		if status := f.try(f.request(path, ban)).status; status >= 500 {
			hits.WriteByte("xyz"[status-500])
		} else {
			hits.WriteByte('.')
		}
	}
	return hits.String()
}

func TestWhichCallsFaultsHit(t *testing.T) {
	t.Parallel()
	x := func(f rctest.Fault) rctest.Fault { f.Status = 500; return f }
	y := func(f rctest.Fault) rctest.Fault { f.Status = 501; return f }
	for name, c := range map[string]struct {
		faults []rctest.Fault
		path   string
		want   string
	}{
		"none":              {nil, block, "......"},
		"once":              {[]rctest.Fault{x(rctest.Fault{})}, block, "x....."},
		"thrice":            {[]rctest.Fault{x(rctest.Fault{Times: 3})}, block, "xxx..."},
		"always":            {[]rctest.Fault{x(rctest.Fault{Times: rctest.Always})}, block, "xxxxxx"},
		"every 1":           {[]rctest.Fault{x(rctest.Fault{Every: 1, Times: 2})}, block, "xx...."},
		"every 2":           {[]rctest.Fault{x(rctest.Fault{Every: 2, Times: rctest.Always})}, block, ".x.x.x"},
		"every 2, twice":    {[]rctest.Fault{x(rctest.Fault{Every: 2, Times: 2})}, block, ".x.x.."},
		"certainly":         {[]rctest.Fault{x(rctest.Fault{Probability: 1, Times: rctest.Always})}, block, "xxxxxx"},
		"hardly":            {[]rctest.Fault{x(rctest.Fault{Probability: 1e-300, Times: rctest.Always})}, block, "......"},
		"endpoint":          {[]rctest.Fault{x(rctest.Fault{Endpoint: block})}, block, "x....."},
		"sloppy endpoint":   {[]rctest.Fault{x(rctest.Fault{Endpoint: "//user//block.json"})}, "/user///block.json", "x....."},
		"other endpoint":    {[]rctest.Fault{x(rctest.Fault{Endpoint: unblock})}, block, "......"},
		"unknown endpoint":  {[]rctest.Fault{x(rctest.Fault{Endpoint: "/x"})}, "/x", "x....."},
		"any endpoint":      {[]rctest.Fault{x(rctest.Fault{})}, "/x", "x....."},
		"primary":           {[]rctest.Fault{x(rctest.Fault{Host: rctest.PrimaryHost})}, block, "x....."},
		"backup":            {[]rctest.Fault{x(rctest.Fault{Host: rctest.BackupHost})}, block, "......"},
		"in order":          {[]rctest.Fault{x(rctest.Fault{Times: 2}), y(rctest.Fault{Times: 2})}, block, "xxyy.."},
		"the rest":          {[]rctest.Fault{x(rctest.Fault{Every: 2, Times: rctest.Always}), y(rctest.Fault{Times: rctest.Always})}, block, "yxyxyx"},
		"not counted twice": {[]rctest.Fault{x(rctest.Fault{Times: 3}), y(rctest.Fault{Every: 2})}, block, "xxx.y."},
		"others ignored":    {[]rctest.Fault{x(rctest.Fault{Endpoint: unblock}), y(rctest.Fault{Endpoint: block})}, block, "y....."},
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

func TestProbabilityIsReproducible(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) string {
		f := setup(t)
		f.Inject(rctest.Fault{Status: 500, Probability: 0.3, Seed: seed, Times: rctest.Always})
		return f.pattern(block, 400)
	}
	require.Equal(t, run(7), run(7))
	require.NotEqual(t, run(7), run(8))
	require.InDelta(t, 120, strings.Count(run(7), "x"), 40)

	f := setup(t)
	f.Inject(rctest.Fault{Status: 500, Probability: 0.5, Times: 5})
	require.Equal(t, 5, strings.Count(f.pattern(block, 400), "x"), "of those that are hit")
	f = setup(t)
	f.Inject(rctest.Fault{Status: 500, Probability: 0.5, Every: 2, Times: rctest.Always})
	for i, c := range f.pattern(block, 100) {
		require.True(t, i%2 == 1 || c == '.')
	}
}

func TestFaultsOfAHost(t *testing.T) {
	t.Parallel()
	for name, port := range map[string]bool{"memory": false, "port": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			center := f.Config().DataCenter
			primary, backup := center.Primary, strings.ToUpper(center.Backup)
			if port {
				primary, backup = f.Listen(), f.ListenBackup()
				f.overPort(primary)
				require.NotEqual(t, primary, backup)
				require.Equal(t, backup, f.ListenBackup())
			}
			f.Inject(rctest.Fault{Status: 500, Host: rctest.PrimaryHost, Times: rctest.Always})
			f.Inject(rctest.Fault{Status: 501, Host: rctest.BackupHost, Times: 2})
			f.Inject(rctest.Fault{Status: 502, Times: 1})
			f.base = primary
			require.Equal(t, "xx", f.pattern(block, 2))
			f.base = backup
			require.Equal(t, "yyz..", f.pattern(block, 5))
			require.True(t, f.banned(), "the hosts are one server")
		})
	}
}

func TestClearFaults(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.ClearFaults()
	f.Inject(rctest.Fault{Status: 500, Times: rctest.Always})
	f.Inject(rctest.Fault{Status: 501})
	require.Equal(t, "xx", f.pattern(block, 2))
	f.ClearFaults()
	require.Equal(t, "..", f.pattern(block, 2))
	require.Equal(t, 2, f.FaultHits())
	f.Inject(rctest.Fault{Status: 502})
	require.Equal(t, "z.", f.pattern(block, 2))
}

func TestInjectedFaultIsACopy(t *testing.T) {
	t.Parallel()
	f := setup(t)
	h := header("X", "1")
	f.Inject(rctest.Fault{Header: h, Times: 2})
	h["X"][0], h["Y"] = "2", []string{"2"}
	for range 2 {
		got := f.tryBan().header
		require.Equal(t, []string{"1"}, got["X"])
		require.NotContains(t, got, "Y")
		got["X"][0] = "3"
	}
}

func TestInjectRefusesNonsense(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, c := range []struct {
		fault rctest.Fault
		want  string
	}{
		{rctest.Fault{}, "the fault changes nothing"},
		{rctest.Fault{Applied: true, Times: 3}, "the fault changes nothing"},
		{rctest.Fault{Code: 1000, Endpoint: "user/block.json"}, `Endpoint "user/block.json" doesn't start with a slash`},
		{rctest.Fault{Code: 1000, Host: -1}, "Host -1 is unknown"},
		{rctest.Fault{Code: 1000, Host: 3}, "Host 3 is unknown"},
		{rctest.Fault{Code: 1000, Times: -2}, "Times -2 is neither Always nor a number of calls"},
		{rctest.Fault{Code: 1000, Every: -1}, "Every -1 is negative"},
		{rctest.Fault{Code: 1000, Probability: -0.1}, "Probability -0.1 is not between 0 and 1"},
		{rctest.Fault{Code: 1000, Probability: 1.1}, "Probability 1.1 is not between 0 and 1"},
		{rctest.Fault{Code: 1000, Probability: math.NaN()}, "Probability NaN is not between 0 and 1"},
		{rctest.Fault{Status: 199}, "Status 199 is not between 200 and 999"},
		{rctest.Fault{Status: 1000}, "Status 1000 is not between 200 and 999"},
		{rctest.Fault{Status: -1}, "Status -1 is not between 200 and 999"},
		{rctest.Fault{BodySize: -1}, "BodySize -1 is negative"},
		{rctest.Fault{HeaderDelay: -1}, "HeaderDelay -1ns is negative"},
		{rctest.Fault{BodyDelay: -1}, "BodyDelay -1ns is negative"},
		{rctest.Fault{Kind: -1}, "Kind -1 is unknown"},
		{rctest.Fault{Kind: 7}, "Kind 7 is unknown"},
		{rctest.Fault{Status: 204, Body: "a"}, "Status 204 never has a body"},
		{rctest.Fault{Status: 304, Code: 1000}, "Status 304 never has a body"},
		{rctest.Fault{Status: 304, BodySize: 1}, "Status 304 never has a body"},
		{rctest.Fault{Status: 204, Kind: rctest.WrongLength}, "Status 204 never has a body"},
		{rctest.Fault{Status: 500, Kind: rctest.Cut}, "there is no body to cut"},
		{rctest.Fault{Status: 500, BodyDelay: 1}, "there is no body for BodyDelay"},
		{rctest.Fault{RetryAfter: "1\r\nX: y"}, `RetryAfter "1\r\nX: y" can't be sent`},
		{rctest.Fault{RetryAfter: " 1"}, `RetryAfter " 1" can't be sent`},
		{rctest.Fault{Header: header("X", "a", "\x00")}, `Header X: "\x00" can't be sent`},
		{rctest.Fault{Header: header("X", "\x7f")}, `Header X: "\x7f" can't be sent`},
		{rctest.Fault{Header: header("a b", "c")}, `Header name "a b" can't be sent`},
		{rctest.Fault{Header: header("ä", "c")}, `Header name "ä" can't be sent`},
		{rctest.Fault{Header: header("")}, `Header name "" can't be sent`},
		{rctest.Fault{Header: header("content-length", "1")}, "Header content-length is set by the transport"},
	} {
		require.PanicsWithValue(t, "rctest: Inject: "+c.want, func() { f.Inject(c.fault) }, c.fault)
	}
	for kind, spoilt := range map[rctest.FaultKind][]rctest.Fault{
		rctest.RefuseConnection: {{HeaderDelay: 1}, {Applied: true}, {Code: 1}},
		rctest.ResetBefore:      {{HeaderDelay: 1}, {Applied: true}, {Status: 500}},
		rctest.Hang:             {{HeaderDelay: 1}, {Body: "a"}, {BodySize: 1}, {BodyDelay: 1}},
		rctest.LostAnswer:       {{Applied: true}, {RetryAfter: "1"}, {Header: header("X")}, {ClockOffset: time.Hour}},
	} {
		for _, fault := range spoilt {
			fault.Kind = kind
			require.Panics(t, func() { f.Inject(fault) }, fault)
		}
	}
	require.Equal(t, http.StatusOK, f.call(block, ban).status, "none of them was injected")
}
