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

// toRCHeaders moves the credentials to the headers with the prefix RC-.
func toRCHeaders(req *http.Request) {
	for _, name := range []string{"App-Key", "Nonce", "Timestamp", "Signature"} {
		req.Header.Set("RC-"+name, req.Header.Get(name))
		req.Header.Del(name)
	}
}

// statusAndCode is the HTTP status and the code of an answer.
type statusAndCode struct{ status, code int }

var (
	accepted     = statusAndCode{200, 200}
	paramError   = statusAndCode{400, 1002}
	badSignature = statusAndCode{401, 1004}
	unknownPath  = statusAndCode{404, 404}
	noData       = statusAndCode{400, 1003}
	tooLong      = statusAndCode{400, 1005}
)

func TestRequestChecks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change          func(*fake, *http.Request)
		lenient, strict statusAndCode
	}{
		"valid":                {func(*fake, *http.Request) {}, accepted, accepted},
		"no key":               {func(_ *fake, r *http.Request) { r.Header.Del("App-Key") }, paramError, paramError},
		"other key":            {func(_ *fake, r *http.Request) { r.Header.Set("App-Key", "x") }, paramError, paramError},
		"no nonce":             {func(_ *fake, r *http.Request) { r.Header.Del("Nonce") }, badSignature, badSignature},
		"other nonce":          {func(_ *fake, r *http.Request) { r.Header.Set("Nonce", "1") }, badSignature, badSignature},
		"no time":              {func(_ *fake, r *http.Request) { r.Header.Del("Timestamp") }, badSignature, badSignature},
		"other time":           {func(_ *fake, r *http.Request) { r.Header.Set("Timestamp", millisAgo(0)+"0") }, badSignature, badSignature},
		"no signature":         {func(_ *fake, r *http.Request) { r.Header.Del("Signature") }, badSignature, badSignature},
		"short signature":      {func(_ *fake, r *http.Request) { r.Header.Set("Signature", r.Header.Get("Signature")[1:]) }, badSignature, badSignature},
		"upper-case signature": {func(_ *fake, r *http.Request) { r.Header.Set("Signature", strings.ToUpper(r.Header.Get("Signature"))) }, accepted, badSignature},
		"RC- headers":          {func(_ *fake, r *http.Request) { toRCHeaders(r) }, accepted, paramError},
		"nonce of 18":          {func(f *fake, r *http.Request) { f.signAgain(r, strings.Repeat("n", 18), millisAgo(0)) }, accepted, accepted},
		"nonce of 19":          {func(f *fake, r *http.Request) { f.signAgain(r, strings.Repeat("n", 19), millisAgo(0)) }, accepted, badSignature},
		"time in seconds":      {func(f *fake, r *http.Request) { f.signAgain(r, "n", strconv.FormatInt(time.Now().Unix(), 10)) }, accepted, badSignature},
		"time not a number":    {func(f *fake, r *http.Request) { f.signAgain(r, "n", "soon") }, badSignature, badSignature},
		"time too old":         {func(f *fake, r *http.Request) { f.signAgain(r, "n", millisAgo(5*time.Minute+time.Second)) }, accepted, badSignature},
		"time in the future":   {func(f *fake, r *http.Request) { f.signAgain(r, "n", millisAgo(-5*time.Minute-time.Minute)) }, accepted, badSignature},
		"time 4 min old":       {func(f *fake, r *http.Request) { f.signAgain(r, "n", millisAgo(4*time.Minute)) }, accepted, accepted},
		"time 5 min ahead":     {func(f *fake, r *http.Request) { f.signAgain(r, "n", millisAgo(-5*time.Minute)) }, accepted, accepted},
		"time far ahead":       {func(f *fake, r *http.Request) { f.signAgain(r, "n", "9223372036854775807") }, accepted, badSignature},
		"doubled slash":        {func(_ *fake, r *http.Request) { r.URL.Path = "///user//info.json" }, accepted, unknownPath},
		"escaped path":         {func(_ *fake, r *http.Request) { r.URL.RawPath = "/user/inf%6f.json" }, accepted, unknownPath},
		"trailing slash":       {func(_ *fake, r *http.Request) { r.URL.Path += "/" }, unknownPath, unknownPath},
		"unknown path":         {func(_ *fake, r *http.Request) { r.URL.Path = "/user/expire.json" }, unknownPath, unknownPath},
		"other method":         {func(_ *fake, r *http.Request) { r.Method = http.MethodPut }, statusAndCode{405, 405}, statusAndCode{405, 405}},
		"no content type":      {func(_ *fake, r *http.Request) { r.Header.Del("Content-Type") }, accepted, noData},
		"JSON":                 {func(_ *fake, r *http.Request) { r.Header.Set("Content-Type", "application/json") }, noData, noData},
		"charset": {func(_ *fake, r *http.Request) {
			r.Header.Set("Content-Type", r.Header.Get("Content-Type")+"; charset=utf-8")
		}, accepted, accepted},
		"request ID of 36": {func(_ *fake, r *http.Request) { r.Header.Set("X-Request-ID", strings.Repeat("i", 36)) }, accepted, accepted},
		"request ID of 37": {func(_ *fake, r *http.Request) { r.Header.Set("X-Request-ID", strings.Repeat("i", 37)) }, accepted, tooLong},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for want, f := range map[statusAndCode]*fake{c.lenient: setup(t), c.strict: setup(t, rctest.Strict())} {
				f.register("u1")
				req := f.request(infoPath, "userId=u1")
				c.change(f, req)
				got := f.do(req)
				require.Equal(t, want, statusAndCode{got.status, got.code()}, got.body)
			}
		})
	}
}

func TestEmptyForms(t *testing.T) {
	t.Parallel()
	for _, path := range []string{blockQueryPath, deactivateQueryPath} {
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
	f.ok(getTokenPath, form+strings.Repeat("x", 1<<20-len(form)))
	f.refused(getTokenPath, form+strings.Repeat("x", 1<<20-len(form)+1), 400, 1005)
	require.Nil(t, f.Requests()[1].Form)
}

func TestRequests(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.Empty(t, f.Requests())
	f.ok(blockPath, "userId=a&userId=b&minute=5")
	f.call("/no//such.json", "userId=%zz")
	got := f.Requests()
	require.Len(t, got, 2)
	require.Equal(t, "primary.rctest.invalid", got[0].Host)
	require.Equal(t, []any{"POST", blockPath, 200, 200}, []any{got[0].Method, got[0].Path, got[0].Status, got[0].Code})
	require.Equal(t, []string{"a", "b"}, got[0].Form["userId"])
	require.Equal(t, f.Credentials().AppKey, got[0].Header.Get("App-Key"))
	require.WithinDuration(t, time.Now(), got[0].Time, time.Minute)
	require.Equal(t, []any{"/no//such.json", 404, 404}, []any{got[1].Path, got[1].Status, got[1].Code})
	require.Nil(t, got[1].Form)

	got[0].Form["userId"][0] = "changed"
	got[0].Header.Set("App-Key", "changed")
	require.Equal(t, "a", f.Requests()[0].Form["userId"][0])
	require.Equal(t, f.Credentials().AppKey, f.Requests()[0].Header.Get("App-Key"))
}

func TestRequestsLimit(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for i := range 20_001 {
		f.call(blockQueryPath, "page=1"+strconv.Itoa(i))
	}
	got := f.Requests()
	require.Len(t, got, 10_000)
	require.Equal(t, "110001", got[0].Form.Get("page"))
	require.Equal(t, "120000", got[9_999].Form.Get("page"))
}

// The caller may change the header of its request after the call.
func TestRequestsCopiesTheHeader(t *testing.T) {
	t.Parallel()
	f := setup(t)
	req := f.request(checkOnlinePath, "userId=a")
	nonce := req.Header.Get("Nonce")
	f.do(req)
	req.Header.Set("Nonce", "changed")
	require.Equal(t, nonce, f.Requests()[0].Header.Get("Nonce"))
}
