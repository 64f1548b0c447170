package rctest_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// resign signs anew with another nonce and time.
func (f *fake) resign(req *http.Request, nonce, timestamp string) {
	req.Header.Set("Nonce", nonce)
	req.Header.Set("Timestamp", timestamp)
	req.Header.Set("Signature", sign(f.AppSecret, nonce, timestamp))
}

func ago(d time.Duration) string { return millis(time.Now().Add(-d)) }

// toRCHeaders moves the credentials to the other set of names.
func toRCHeaders(req *http.Request) {
	for _, name := range []string{"App-Key", "Nonce", "Timestamp", "Signature"} {
		req.Header.Set("RC-"+name, req.Header.Get(name))
		req.Header.Del(name)
	}
}

// outcome is HTTP status and code; an answer of 200 has both.
type outcome struct{ status, code int }

var (
	fine   = outcome{200, 200}
	badKey = outcome{400, 1002}
	unsure = outcome{401, 1004}
	noPath = outcome{404, 404}
	noData = outcome{400, 1003}
	long   = outcome{400, 1005}
)

func TestRequestsAreChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil           func(*fake, *http.Request)
		lenient, strict outcome
	}{
		"fine":             {func(*fake, *http.Request) {}, fine, fine},
		"no key":           {func(_ *fake, r *http.Request) { r.Header.Del("App-Key") }, badKey, badKey},
		"other key":        {func(_ *fake, r *http.Request) { r.Header.Set("App-Key", "x") }, badKey, badKey},
		"no nonce":         {func(_ *fake, r *http.Request) { r.Header.Del("Nonce") }, unsure, unsure},
		"other nonce":      {func(_ *fake, r *http.Request) { r.Header.Set("Nonce", "1") }, unsure, unsure},
		"no time":          {func(_ *fake, r *http.Request) { r.Header.Del("Timestamp") }, unsure, unsure},
		"other time":       {func(_ *fake, r *http.Request) { r.Header.Set("Timestamp", ago(0)+"0") }, unsure, unsure},
		"no signature":     {func(_ *fake, r *http.Request) { r.Header.Del("Signature") }, unsure, unsure},
		"shorter":          {func(_ *fake, r *http.Request) { r.Header.Set("Signature", r.Header.Get("Signature")[1:]) }, unsure, unsure},
		"upper case":       {func(_ *fake, r *http.Request) { r.Header.Set("Signature", strings.ToUpper(r.Header.Get("Signature"))) }, unsure, unsure},
		"RC- headers":      {func(_ *fake, r *http.Request) { toRCHeaders(r) }, fine, badKey},
		"18 characters":    {func(f *fake, r *http.Request) { f.resign(r, strings.Repeat("n", 18), ago(0)) }, fine, fine},
		"19 characters":    {func(f *fake, r *http.Request) { f.resign(r, strings.Repeat("n", 19), ago(0)) }, fine, unsure},
		"seconds":          {func(f *fake, r *http.Request) { f.resign(r, "n", strconv.FormatInt(time.Now().Unix(), 10)) }, fine, unsure},
		"no number":        {func(f *fake, r *http.Request) { f.resign(r, "n", "soon") }, unsure, unsure},
		"old":              {func(f *fake, r *http.Request) { f.resign(r, "n", ago(5*time.Minute+time.Second)) }, fine, unsure},
		"from the future":  {func(f *fake, r *http.Request) { f.resign(r, "n", ago(-5*time.Minute-time.Minute)) }, fine, unsure},
		"nearly old":       {func(f *fake, r *http.Request) { f.resign(r, "n", ago(4*time.Minute)) }, fine, fine},
		"nearly future":    {func(f *fake, r *http.Request) { f.resign(r, "n", ago(-5*time.Minute)) }, fine, fine},
		"far future":       {func(f *fake, r *http.Request) { f.resign(r, "n", "9223372036854775807") }, fine, unsure},
		"doubled slash":    {func(_ *fake, r *http.Request) { r.URL.Path = "///user//info.json" }, fine, noPath},
		"escaped path":     {func(_ *fake, r *http.Request) { r.URL.RawPath = "/user/inf%6f.json" }, fine, noPath},
		"slash at the end": {func(_ *fake, r *http.Request) { r.URL.Path += "/" }, noPath, noPath},
		"unknown path":     {func(_ *fake, r *http.Request) { r.URL.Path = "/user/expire.json" }, noPath, noPath},
		"other method":     {func(_ *fake, r *http.Request) { r.Method = http.MethodPut }, outcome{405, 405}, outcome{405, 405}},
		"no content type":  {func(_ *fake, r *http.Request) { r.Header.Del("Content-Type") }, noData, noData},
		"JSON":             {func(_ *fake, r *http.Request) { r.Header.Set("Content-Type", "application/json") }, noData, noData},
		"charset": {func(_ *fake, r *http.Request) {
			r.Header.Set("Content-Type", r.Header.Get("Content-Type")+"; charset=utf-8")
		}, fine, fine},
		"36 request ID": {func(_ *fake, r *http.Request) { r.Header.Set("X-Request-ID", strings.Repeat("i", 36)) }, fine, fine},
		"37 request ID": {func(_ *fake, r *http.Request) { r.Header.Set("X-Request-ID", strings.Repeat("i", 37)) }, fine, long},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for want, f := range map[outcome]*fake{c.lenient: setup(t), c.strict: setup(t, rctest.Strict())} {
				f.register("u1")
				req := f.request(info, "userId=u1")
				c.spoil(f, req)
				got := f.do(req)
				require.Equal(t, want, outcome{got.status, got.code()}, got.body)
			}
		})
	}
}

func TestClockOfTheSignature(t *testing.T) {
	t.Parallel()
	f := setup(t, rctest.Strict())
	before := f.Now()
	f.Advance(24 * time.Hour)
	require.WithinDuration(t, before.Add(24*time.Hour), f.Now(), time.Minute)
	a := f.call(blockQuery, "")
	require.Equal(t, 200, a.status, "real time counts")
	date, err := http.ParseTime(a.header.Get("Date"))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), date, time.Minute)
	f.Advance(0)
	f.Advance(1<<63 - 1)
	f.Advance(1<<63 - 1)
	require.True(t, f.Now().After(before))
	require.Panics(t, func() { f.Advance(-1) })
}

func TestEmptyForms(t *testing.T) {
	t.Parallel()
	for _, path := range []string{blockQuery, deactivatedQuery} {
		f, strict := setup(t), setup(t, rctest.Strict())
		req := f.request(path, "")
		req.Header.Del("Content-Type")
		require.Equal(t, 200, f.do(req).code())
		req = strict.request(path, "")
		req.Header.Del("Content-Type")
		require.Equal(t, 1003, strict.do(req).code())
	}
}

func TestLargeBody(t *testing.T) {
	t.Parallel()
	f := setup(t)
	form := "userId=a&name=N&x="
	f.ok(getToken, form+strings.Repeat("x", 1<<20-len(form)))
	f.refused(getToken, form+strings.Repeat("x", 1<<20-len(form)+1), 400, 1005)
	require.Nil(t, f.Requests()[1].Form)
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, path := range []string{getToken, "/no/such.json"} {
		req := f.request(path, "userId=a&name=N")
		req.Header.Set("X-Request-ID", "r1")
		a := f.do(req)
		require.Equal(t, "application/json; charset=utf-8", a.header.Get("Content-Type"))
		require.Equal(t, "r1", a.header.Get("X-Request-ID"))
	}
	a := f.call("/user/info.json", "userId=x")
	require.Equal(t, map[string]any{
		"url": "/user/info.json", "code": 1002.0, "errorMessage": "ParamError:data is not exist.",
	}, a.body)
}

func TestRequests(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.Empty(t, f.Requests())
	f.ok(block, "userId=a&userId=b&minute=5")
	f.call("/no//such.json", "userId=%zz")
	got := f.Requests()
	require.Len(t, got, 2)
	require.Equal(t, "primary.rctest.invalid", got[0].Host)
	require.Equal(t, []any{"POST", block, 200, 200}, []any{got[0].Method, got[0].Path, got[0].Status, got[0].Code})
	require.Equal(t, []string{"a", "b"}, got[0].Form["userId"])
	require.Equal(t, f.AppKey, got[0].Header.Get("App-Key"))
	require.WithinDuration(t, time.Now(), got[0].Time, time.Minute)
	require.Equal(t, []any{"/no//such.json", 404, 404}, []any{got[1].Path, got[1].Status, got[1].Code})
	require.Nil(t, got[1].Form)

	got[0].Form["userId"][0] = "changed"
	got[0].Header.Set("App-Key", "changed")
	require.Equal(t, "a", f.Requests()[0].Form["userId"][0])
	require.Equal(t, f.AppKey, f.Requests()[0].Header.Get("App-Key"))
}

func TestRequestsAreForgotten(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for i := range 20_001 {
		req := f.request(blockQuery, "page="+strconv.Itoa(i))
		req.Header.Del("App-Key")
		f.do(req)
	}
	got := f.Requests()
	require.Len(t, got, 10_000)
	require.Equal(t, "10001", got[0].Form.Get("page"))
	require.Equal(t, "20000", got[9_999].Form.Get("page"))
}
