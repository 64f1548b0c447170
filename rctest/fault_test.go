package rctest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

const (
	successBody     = `{"code":200}`
	htmlBody        = "<html>bad gateway</html>"
	rateLimitedBody = `{"code":1008,"errorMessage":"injected","url":"/user/block.json"}`
	badClockBody    = `{"code":1004,"errorMessage":"Timestamp is not within 5m0s of now, in milliseconds","url":"/user/block.json"}`
)

// faultCase is a fault and what a call that bans user a results in.
type faultCase struct {
	fault        rctest.Fault
	err, bodyErr error
	status       int
	body         string
	header       http.Header // expected headers; nil values = must be missing
	code         int         // in Requests
	applied      bool
	notReceived  bool
}

var faultCases = map[string]faultCase{
	"code":                {fault: rctest.Fault{Code: 1008}, status: 429, body: rateLimitedBody, code: 1008, header: header("Content-Type", "application/json;charset=UTF-8")},
	"code, applied":       {fault: rctest.Fault{Code: 1008, Applied: true}, status: 429, body: rateLimitedBody, code: 1008, applied: true},
	"code and status":     {fault: rctest.Fault{Code: 1008, Status: 503}, status: 503, body: rateLimitedBody, code: 1008},
	"success and 500":     {fault: rctest.Fault{Code: 200, Status: 500}, status: 500, body: successBody, code: 200},
	"code and body":       {fault: rctest.Fault{Code: 1008, Body: htmlBody}, status: 429, body: htmlBody},
	"status":              {fault: rctest.Fault{Status: 503}, status: 503, header: header("Content-Type")},
	"odd status":          {fault: rctest.Fault{Status: 999}, status: 999},
	"no content":          {fault: rctest.Fault{Status: 204}, status: 204, header: header("Content-Length")},
	"HTML":                {fault: rctest.Fault{Status: 502, Body: htmlBody}, status: 502, body: htmlBody, header: header("Content-Type", "text/html; charset=utf-8")},
	"body":                {fault: rctest.Fault{Body: `{"code":`}, status: 200, body: `{"code":`},
	"padded":              {fault: rctest.Fault{Body: htmlBody, BodySize: 1 << 17}, status: 200, body: htmlBody + strings.Repeat(" ", 1<<17-len(htmlBody))},
	"padded success":      {fault: rctest.Fault{BodySize: 15}, status: 200, body: successBody + "   ", code: 200, applied: true},
	"BodySize too small":  {fault: rctest.Fault{BodySize: 1}, status: 200, body: successBody, code: 200, applied: true},
	"only padding":        {fault: rctest.Fault{Status: 500, BodySize: 2}, status: 500, body: "  ", header: header("Content-Type", "text/plain; charset=utf-8")},
	"redirect":            {fault: rctest.Fault{Status: 307, Header: header("location", "https://example.org/")}, status: 307, header: header("Location", "https://example.org/")},
	"Retry-After":         {fault: rctest.Fault{Code: 1008, RetryAfter: "soon"}, status: 429, body: rateLimitedBody, code: 1008, header: header("Retry-After", "soon")},
	"header":              {fault: rctest.Fault{Header: header("Content-Type", "a", "b")}, status: 200, body: successBody, code: 200, applied: true, header: header("Content-Type", "a", "b")},
	"no date":             {fault: rctest.Fault{Header: header("Date")}, status: 200, body: successBody, code: 200, applied: true, header: header("Date")},
	"cut":                 {fault: rctest.Fault{Kind: rctest.Cut}, status: 200, body: successBody[:6], bodyErr: io.ErrUnexpectedEOF, code: 200, applied: true},
	"cut body":            {fault: rctest.Fault{Kind: rctest.Cut, Status: 500, Body: "abc"}, status: 500, body: "a", bodyErr: io.ErrUnexpectedEOF},
	"cut at once":         {fault: rctest.Fault{Kind: rctest.Cut, Body: "a"}, status: 200, bodyErr: io.ErrUnexpectedEOF},
	"cut slowly":          {fault: rctest.Fault{Kind: rctest.Cut, BodyDelay: time.Millisecond}, status: 200, body: successBody[:6], bodyErr: io.ErrUnexpectedEOF, code: 200, applied: true},
	"wrong length":        {fault: rctest.Fault{Kind: rctest.WrongLength}, status: 200, body: successBody, bodyErr: io.ErrUnexpectedEOF, code: 200, applied: true, header: header("Content-Length", "13")},
	"wrong length, none":  {fault: rctest.Fault{Kind: rctest.WrongLength, Status: 500}, status: 500, bodyErr: io.ErrUnexpectedEOF},
	"lost answer":         {fault: rctest.Fault{Kind: rctest.LostAnswer}, err: syscall.ECONNRESET, applied: true},
	"late lost answer":    {fault: rctest.Fault{Kind: rctest.LostAnswer, HeaderDelay: time.Millisecond}, err: syscall.ECONNRESET, applied: true},
	"reset before":        {fault: rctest.Fault{Kind: rctest.ResetBefore}, err: syscall.ECONNRESET, notReceived: true},
	"refused":             {fault: rctest.Fault{Kind: rctest.RefuseConnection}, err: syscall.ECONNREFUSED, notReceived: true},
	"hang":                {fault: rctest.Fault{Kind: rctest.Hang}, err: context.Canceled},
	"hang, applied":       {fault: rctest.Fault{Kind: rctest.Hang, Applied: true}, err: context.Canceled, applied: true},
	"slow header":         {fault: rctest.Fault{HeaderDelay: time.Millisecond}, status: 200, body: successBody, code: 200, applied: true},
	"slow body":           {fault: rctest.Fault{BodyDelay: time.Millisecond}, status: 200, body: successBody, code: 200, applied: true},
	"clock ahead":         {fault: rctest.Fault{ClockOffset: 6 * time.Minute}, status: 401, body: badClockBody, code: 1004},
	"clock behind":        {fault: rctest.Fault{ClockOffset: -6 * time.Minute}, status: 401, body: badClockBody, code: 1004},
	"date ahead":          {fault: rctest.Fault{DateOffset: time.Hour}, status: 200, body: successBody, code: 200, applied: true},
	"date behind":         {fault: rctest.Fault{DateOffset: -24 * time.Hour, Code: 1008}, status: 429, body: rateLimitedBody, code: 1008},
	"clock and date":      {fault: rctest.Fault{ClockOffset: -6 * time.Minute, DateOffset: 6 * time.Minute}, status: 401, body: badClockBody, code: 1004},
	"proxy's 408":         {fault: rctest.Fault{Status: 408, Header: header("Connection-Info", "idle")}, status: 408, header: header("Connection-Info", "idle")},
	"proxy's 421":         {fault: rctest.Fault{Status: 421, Body: htmlBody}, status: 421, body: htmlBody, header: header("Content-Type", "text/html; charset=utf-8")},
	"proxy's 407":         {fault: rctest.Fault{Status: 407, Header: header("Proxy-Authenticate", "Basic")}, status: 407, header: header("Proxy-Authenticate", "Basic")},
	"proxy's page of 401": {fault: rctest.Fault{Status: 401, Body: htmlBody, Header: header("Server", "nginx")}, status: 401, body: htmlBody, header: header("Server", "nginx")},
	"clock 4 min ahead":   {fault: rctest.Fault{ClockOffset: 4 * time.Minute}, status: 200, body: successBody, code: 200, applied: true},
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, c := range faultCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemoryAndOverPort(t, func(t *testing.T, f *fake, port bool) {
				f.Inject(c.fault)
				c.check(t, f, port)
				require.Equal(t, 1, f.FaultHits())

				f.ok(unblockPath, "userId=a")
				require.False(t, f.banned(), "the fault hits one call only")
				require.Equal(t, 1, f.FaultHits())
			})
		})
	}
}

func (c faultCase) check(t *testing.T, f *fake, port bool) {
	if port && c.fault.Kind == rctest.RefuseConnection {
		c.err = syscall.ECONNRESET
	}
	req := f.request(blockPath, banForm)
	if c.fault.Kind == rctest.Hang {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer cancel()
			f.waitForRequest()
		}()
		req = req.WithContext(ctx)
	}
	c.compare(t, f.try(req))
	require.Equal(t, c.applied, f.banned())
	got := f.Requests()
	if c.notReceived {
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
		require.WithinDuration(t, time.Now().Add(c.fault.ClockOffset+c.fault.DateOffset), date, 30*time.Second)
	}
}

// A fault's answer is sent without any check of the call. A call that is applied is checked first.
func TestFaultsOnInvalidCalls(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.Inject(rctest.Fault{Code: 1000, Times: 2})
	f.Inject(rctest.Fault{Code: 200, Applied: true})
	f.Inject(rctest.Fault{Kind: rctest.LostAnswer})
	req := f.request("/no/such.json", "")
	req.Header.Del("Signature")
	require.Equal(t, 1000, f.do(req).code())
	req = f.request(blockPath, banForm)
	req.Method = http.MethodGet
	require.Equal(t, 1000, f.do(req).code())
	require.Equal(t, 200, f.call(blockPath, "userId=a").code())
	require.ErrorIs(t, f.try(f.request(blockPath, "userId=a")).err, syscall.ECONNRESET)
	for _, r := range f.Requests() {
		require.False(t, r.Applied)
		require.True(t, r.Fault)
	}
	f.ok(blockPath, banForm)
	require.True(t, f.Requests()[4].Applied)
	require.False(t, f.Requests()[4].Fault)
	require.Equal(t, 5, len(f.Requests()))
}

func TestClockOffset(t *testing.T) {
	t.Parallel()
	f := setup(t, rctest.Strict())
	f.Inject(rctest.Fault{ClockOffset: time.Hour, Times: rctest.Always})
	f.Inject(rctest.Fault{ClockOffset: time.Hour, Code: 1000})
	req := f.request(blockPath, banForm)
	f.signAgain(req, "n", millisAgo(-time.Hour))
	require.Equal(t, 200, f.do(req).code(), "the timestamp fits the shifted clock")
	require.WithinDuration(t, time.Now().Add(5*time.Minute), f.User("a").BannedUntil, time.Minute, "the clock of bans isn't shifted")
}

// TestDateOffset has a strict server, which checks the time of each call: its clock is right, only Date is wrong.
func TestDateOffset(t *testing.T) {
	t.Parallel()
	f := setup(t, rctest.Strict())
	f.Inject(rctest.Fault{DateOffset: time.Hour, Times: 2})
	require.Equal(t, http.StatusOK, f.tryBan().status, "the timestamp fits RC's clock")
	req := f.request(blockPath, banForm)
	f.signAgain(req, "n", millisAgo(-time.Hour))
	require.Equal(t, 1004, f.do(req).code(), "it fits only Date")
}

// TestProxyAnswersDontReachRC shows answers that a proxy gives on the way to one of the hosts.
func TestProxyAnswersDontReachRC(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403, 404, 407, 408, 421, 425} {
		synctest.Test(t, func(t *testing.T) {
			f := setup(t, rctest.EnforceRateLimits())
			center := f.Config().DataCenter
			f.Inject(rctest.Fault{Status: status, Body: htmlBody, Host: rctest.PrimaryHost, Times: rctest.Always})
			for range 101 {
				require.Equal(t, status, f.tryBan().status)
			}
			require.False(t, f.banned())
			for _, r := range f.Requests() {
				require.Equal(t, []any{true, false, 0, status}, []any{r.Fault, r.Applied, r.Code, r.Status})
			}
			f.base = center.Backup
			require.Equal(t, http.StatusOK, f.tryBan().status, "none of the 101 counts for the rate of 100")
		})
	}
}

func TestFaultsWithHEAD(t *testing.T) {
	t.Parallel()
	inMemoryAndOverPort(t, func(t *testing.T, f *fake, _ bool) {
		f.Inject(rctest.Fault{Kind: rctest.Cut, Body: htmlBody})
		f.Inject(rctest.Fault{Kind: rctest.WrongLength, BodyDelay: time.Hour})
		for _, status := range []int{200, 405, 405} {
			req := f.request(blockPath, "")
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

func TestFaultsConcurrently(t *testing.T) {
	t.Parallel()
	inMemoryAndOverPort(t, func(t *testing.T, f *fake, _ bool) {
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
		f.ok(blockPath, banForm)
	})
}

func TestClearFaults(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.ClearFaults()
	f.Inject(rctest.Fault{Status: 500, Times: rctest.Always})
	f.Inject(rctest.Fault{Status: 501})
	require.Equal(t, "xx", f.pattern(blockPath, 2))
	f.ClearFaults()
	require.Equal(t, "..", f.pattern(blockPath, 2))
	require.Equal(t, 2, f.FaultHits())
	f.Inject(rctest.Fault{Status: 502})
	require.Equal(t, "z.", f.pattern(blockPath, 2))
}

func TestInjectCopiesTheFault(t *testing.T) {
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
