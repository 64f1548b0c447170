package rctest_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// overPort makes f's requests go through a real socket.
func (f *fake) overPort(url string) {
	transport := &http.Transport{}
	f.t.Cleanup(transport.CloseIdleConnections)
	f.base, f.http = url, &http.Client{Transport: transport, CheckRedirect: noRedirects}
}

func noRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// overBoth runs a test in memory and over a port.
func overBoth(t *testing.T, test func(t *testing.T, f *fake, port bool)) {
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		f.http.CheckRedirect = noRedirects
		test(t, f, false)
	})
	t.Run("port", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		f.overPort(f.Listen())
		test(t, f, true)
	})
}

// result is an answer as far as it came.
type result struct {
	err, bodyErr error
	status       int
	length       int64
	header       http.Header
	body         string
}

func (f *fake) try(req *http.Request) result {
	resp, err := f.http.Do(req)
	if err != nil {
		return result{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return result{nil, err, resp.StatusCode, resp.ContentLength, resp.Header, string(body)}
}

// ban bans the user a; tryBan tells how that went.
const ban = "userId=a&minute=5"

func (f *fake) tryBan() result { return f.try(f.request(block, ban)) }

func (f *fake) banned() bool { return !f.User("a").BannedUntil.IsZero() }

const (
	truth    = `{"code":200}`
	html     = "<html>bad gateway</html>"
	limited  = `{"code":1008,"errorMessage":"injected","url":"/user/block.json"}`
	badClock = `{"code":1004,"errorMessage":"Timestamp is not within 5m0s of now, in milliseconds","url":"/user/block.json"}`
)

type faultCase struct {
	fault        rctest.Fault
	err, bodyErr error
	status       int
	body         string
	header       http.Header // nil values: must be missing
	code         int         // as recorded
	applied      bool
	unheard      bool
}

func header(name string, values ...string) http.Header { return http.Header{name: values} }

var faultCases = map[string]faultCase{
	"code":               {fault: rctest.Fault{Code: 1008}, status: 429, body: limited, code: 1008, header: header("Content-Type", "application/json; charset=utf-8")},
	"code, applied":      {fault: rctest.Fault{Code: 1008, Applied: true}, status: 429, body: limited, code: 1008, applied: true},
	"code and status":    {fault: rctest.Fault{Code: 1008, Status: 503}, status: 503, body: limited, code: 1008},
	"success and 500":    {fault: rctest.Fault{Code: 200, Status: 500}, status: 500, body: truth, code: 200},
	"code and body":      {fault: rctest.Fault{Code: 1008, Body: html}, status: 429, body: html},
	"status":             {fault: rctest.Fault{Status: 503}, status: 503, header: header("Content-Type")},
	"odd status":         {fault: rctest.Fault{Status: 999}, status: 999},
	"no content":         {fault: rctest.Fault{Status: 204}, status: 204, header: header("Content-Length")},
	"HTML":               {fault: rctest.Fault{Status: 502, Body: html}, status: 502, body: html, header: header("Content-Type", "text/html; charset=utf-8")},
	"body":               {fault: rctest.Fault{Body: `{"code":`}, status: 200, body: `{"code":`},
	"padded":             {fault: rctest.Fault{Body: html, BodySize: 1 << 17}, status: 200, body: html + strings.Repeat(" ", 1<<17-len(html))},
	"padded truth":       {fault: rctest.Fault{BodySize: 15}, status: 200, body: truth + "   ", code: 200, applied: true},
	"smaller than truth": {fault: rctest.Fault{BodySize: 1}, status: 200, body: truth, code: 200, applied: true},
	"only padding":       {fault: rctest.Fault{Status: 500, BodySize: 2}, status: 500, body: "  ", header: header("Content-Type", "text/plain; charset=utf-8")},
	"redirect":           {fault: rctest.Fault{Status: 307, Header: header("location", "https://example.org/")}, status: 307, header: header("Location", "https://example.org/")},
	"Retry-After":        {fault: rctest.Fault{Code: 1008, RetryAfter: "soon"}, status: 429, body: limited, code: 1008, header: header("Retry-After", "soon")},
	"header":             {fault: rctest.Fault{Header: header("Content-Type", "a", "b")}, status: 200, body: truth, code: 200, applied: true, header: header("Content-Type", "a", "b")},
	"no date":            {fault: rctest.Fault{Header: header("Date")}, status: 200, body: truth, code: 200, applied: true, header: header("Date")},
	"cut":                {fault: rctest.Fault{Kind: rctest.Cut}, status: 200, body: truth[:6], bodyErr: io.ErrUnexpectedEOF, code: 200, applied: true},
	"cut body":           {fault: rctest.Fault{Kind: rctest.Cut, Status: 500, Body: "abc"}, status: 500, body: "a", bodyErr: io.ErrUnexpectedEOF},
	"cut at once":        {fault: rctest.Fault{Kind: rctest.Cut, Body: "a"}, status: 200, bodyErr: io.ErrUnexpectedEOF},
	"cut slowly":         {fault: rctest.Fault{Kind: rctest.Cut, BodyDelay: time.Millisecond}, status: 200, body: truth[:6], bodyErr: io.ErrUnexpectedEOF, code: 200, applied: true},
	"wrong length":       {fault: rctest.Fault{Kind: rctest.WrongLength}, status: 200, body: truth, bodyErr: io.ErrUnexpectedEOF, code: 200, applied: true, header: header("Content-Length", "13")},
	"wrong length, none": {fault: rctest.Fault{Kind: rctest.WrongLength, Status: 500}, status: 500, bodyErr: io.ErrUnexpectedEOF},
	"lost answer":        {fault: rctest.Fault{Kind: rctest.LostAnswer}, err: syscall.ECONNRESET, applied: true},
	"lost late":          {fault: rctest.Fault{Kind: rctest.LostAnswer, HeaderDelay: time.Millisecond}, err: syscall.ECONNRESET, applied: true},
	"reset before":       {fault: rctest.Fault{Kind: rctest.ResetBefore}, err: syscall.ECONNRESET, unheard: true},
	"refused":            {fault: rctest.Fault{Kind: rctest.RefuseConnection}, err: syscall.ECONNREFUSED, unheard: true},
	"hang":               {fault: rctest.Fault{Kind: rctest.Hang}, err: context.Canceled},
	"hang, applied":      {fault: rctest.Fault{Kind: rctest.Hang, Applied: true}, err: context.Canceled, applied: true},
	"slow header":        {fault: rctest.Fault{HeaderDelay: time.Millisecond}, status: 200, body: truth, code: 200, applied: true},
	"slow body":          {fault: rctest.Fault{BodyDelay: time.Millisecond}, status: 200, body: truth, code: 200, applied: true},
	"clock ahead":        {fault: rctest.Fault{ClockOffset: 6 * time.Minute}, status: 401, body: badClock, code: 1004},
	"clock behind":       {fault: rctest.Fault{ClockOffset: -6 * time.Minute}, status: 401, body: badClock, code: 1004},
	"clock a bit wrong":  {fault: rctest.Fault{ClockOffset: 4 * time.Minute}, status: 200, body: truth, code: 200, applied: true},
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, c := range faultCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overBoth(t, func(t *testing.T, f *fake, port bool) {
				f.Inject(c.fault)
				c.check(t, f, port)
				require.Equal(t, 1, f.FaultHits())

				f.ok(unblock, "userId=a")
				require.False(t, f.banned(), "one call was hit, no other")
				require.Equal(t, 1, f.FaultHits())
			})
		})
	}
}

func (c faultCase) check(t *testing.T, f *fake, port bool) {
	if port && c.fault.Kind == rctest.RefuseConnection {
		c.err = syscall.ECONNRESET
	}
	req := f.request(block, ban)
	if c.fault.Kind == rctest.Hang {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer cancel()
			for len(f.Requests()) == 0 {
				time.Sleep(100 * time.Microsecond)
			}
		}()
		req = req.WithContext(ctx)
	}
	c.compare(t, f.try(req))
	require.Equal(t, c.applied, f.banned())
	got := f.Requests()
	if c.unheard {
		require.Empty(t, got)
		return
	}
	require.Len(t, got, 1)
	require.Equal(t, rctest.Request{Code: c.code, Status: c.status, Applied: c.applied, Fault: true},
		rctest.Request{Code: got[0].Code, Status: got[0].Status, Applied: got[0].Applied, Fault: got[0].Fault})
	require.Equal(t, "a", got[0].Form.Get("userId"))
}

func (c faultCase) compare(t *testing.T, got result) {
	require.ErrorIs(t, got.err, c.err)
	require.ErrorIs(t, got.bodyErr, c.bodyErr)
	require.Equal(t, c.status, got.status)
	require.Equal(t, c.body, got.body)
	if c.err != nil {
		return
	}
	for name, values := range c.header {
		if values == nil {
			require.NotContains(t, got.header, name)
		}
		require.Equal(t, values, got.header.Values(name), name)
	}
	switch {
	case c.fault.Kind == rctest.WrongLength:
		require.EqualValues(t, len(c.body)+1, got.length)
	case c.bodyErr == nil:
		require.EqualValues(t, len(c.body), got.length)
	}
	if _, given := c.header["Date"]; !given {
		date, err := http.ParseTime(got.header.Get("Date"))
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(c.fault.ClockOffset), date, 30*time.Second)
	}
}

func TestFaultsInMemoryFailLikeANetwork(t *testing.T) {
	t.Parallel()
	for kind, op := range map[rctest.FaultKind]string{
		rctest.RefuseConnection: "dial", rctest.ResetBefore: "read", rctest.LostAnswer: "read",
	} {
		f := setup(t)
		f.Inject(rctest.Fault{Kind: kind})
		var failed *net.OpError
		require.ErrorAs(t, f.tryBan().err, &failed)
		require.Equal(t, op, failed.Op)
		require.Equal(t, "tcp", failed.Net)
	}
}

func TestFaultCodesHaveTheirStatus(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for code, status := range map[int]int{
		200: 200, 1000: 500, 1001: 401, 1002: 400, 1003: 400, 1004: 401, 1005: 400, 1006: 401, 1007: 401, 1008: 429, 1009: 430,
		1015: 200, 1016: 403, 1050: 504, 2007: 403, 1010: 400, 4711: 400, -1: 400,
	} {
		f.Inject(rctest.Fault{Code: code})
		got := f.call(block, ban)
		require.Equal(t, outcome{status, code}, outcome{got.status, got.code()})
	}
}

// An answer of its own comes before anything of the call is checked; applying checks everything.
func TestFaultsOfCallsThatAreNotInOrder(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.Inject(rctest.Fault{Code: 1000, Times: 2})
	f.Inject(rctest.Fault{Code: 200, Applied: true})
	f.Inject(rctest.Fault{Kind: rctest.LostAnswer})
	req := f.request("/no/such.json", "")
	req.Header.Del("Signature")
	require.Equal(t, 1000, f.do(req).code())
	req = f.request(block, ban)
	req.Method = http.MethodGet
	require.Equal(t, 1000, f.do(req).code())
	require.Equal(t, 200, f.call(block, "userId=a").code())
	require.ErrorIs(t, f.try(f.request(block, "userId=a")).err, syscall.ECONNRESET)
	for _, r := range f.Requests() {
		require.False(t, r.Applied)
		require.True(t, r.Fault)
	}
	f.ok(block, ban)
	require.True(t, f.Requests()[4].Applied)
	require.False(t, f.Requests()[4].Fault)
	require.Equal(t, 5, len(f.Requests()))
}

func TestFaultOfTheClock(t *testing.T) {
	t.Parallel()
	f := setup(t, rctest.Strict())
	f.Inject(rctest.Fault{ClockOffset: time.Hour, Times: rctest.Always})
	f.Inject(rctest.Fault{ClockOffset: time.Hour, Code: 1000})
	req := f.request(block, ban)
	f.resign(req, "n", ago(-time.Hour))
	require.Equal(t, 200, f.do(req).code(), "a client that follows the server's clock")
	require.WithinDuration(t, time.Now().Add(5*time.Minute), f.User("a").BannedUntil, time.Minute, "bans don't")
}

func TestFaultsAndHEAD(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, f *fake, _ bool) {
		f.Inject(rctest.Fault{Kind: rctest.Cut, Body: html})
		f.Inject(rctest.Fault{Kind: rctest.WrongLength, BodyDelay: time.Hour})
		for _, status := range []int{200, 405, 405} {
			req := f.request(block, "")
			req.Method, req.Body, req.ContentLength = http.MethodHead, nil, 0
			got := f.try(req)
			require.NoError(t, got.err)
			require.NoError(t, got.bodyErr)
			require.Equal(t, status, got.status)
			require.Empty(t, got.body)
			require.Positive(t, got.length)
		}
	})
}

func TestFaultsOfAMountedServer(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, kind := range []rctest.FaultKind{rctest.ResetBefore, rctest.LostAnswer, rctest.Cut} {
		f.Inject(rctest.Fault{Kind: kind})
		require.PanicsWithValue(t, http.ErrAbortHandler, func() { f.ServeHTTP(httptest.NewRecorder(), f.request(block, ban)) })
	}
	f.Inject(rctest.Fault{Code: 1000, Host: rctest.BackupHost, Times: rctest.Always})
	f.Inject(rctest.Fault{HeaderDelay: time.Hour, Endpoint: unblock})
	for host, status := range map[string]int{
		"backup.rctest.invalid": 500, "BACKUP.rctest.invalid:8443": 500, "primary.rctest.invalid": 200, "localhost:80": 200, "": 200,
	} {
		req, w := f.request(block, ban), httptest.NewRecorder()
		req.Host = host
		f.ServeHTTP(w, req)
		require.Equal(t, status, w.Code, host)
	}
	f.Close()
	require.Panics(t, func() { f.ServeHTTP(httptest.NewRecorder(), f.request(unblock, ban)) }, "nothing waits after Close")
}

func TestFaultsAreConcurrent(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, f *fake, _ bool) {
		f.Inject(rctest.Fault{Kind: rctest.LostAnswer, Times: 50})
		f.Inject(rctest.Fault{Status: 502, Every: 2, Times: 50})
		f.Inject(rctest.Fault{HeaderDelay: time.Microsecond, Probability: 0.5, Times: rctest.Always})
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				for range 20 {
					f.tryBan()
					f.Inject(rctest.Fault{Endpoint: "/never", Code: 1000})
					f.FaultHits()
				}
			})
		}
		group.Go(func() { f.Requests() })
		group.Wait()
		var lost, bad int
		for _, r := range f.Requests() {
			switch r.Status {
			case 502:
				bad++
			case 0:
				lost++
			}
		}
		require.Equal(t, []int{50, 50}, []int{lost, bad})
		f.ClearFaults()
		f.ok(block, ban)
	})
}
