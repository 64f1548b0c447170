package rctest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// sdk makes a call as an SDK for another language or an ordinary HTTP client does.
type sdk func(f *fake, path, form string) *http.Request

// rename gives the four headers of the credentials other names.
func rename(req *http.Request, name func(string) string) {
	for _, header := range []string{"App-Key", "Nonce", "Timestamp", "Signature"} {
		value := req.Header.Get(header)
		req.Header.Del(header)
		req.Header[name(header)] = []string{value}
	}
}

func seconds() string { return strconv.FormatInt(time.Now().Unix(), 10) }

var sdks = map[string]struct {
	make   sdk
	reason string // of Strict; "" = it accepts the call too
}{
	"PHP: RC- headers, seconds": {func(f *fake, path, form string) *http.Request {
		req := f.request(path, form)
		f.signAgain(req, "1804289383", seconds())
		rename(req, func(name string) string { return "RC-" + name })
		return req
	}, "App-Key is required; RC-App-Key doesn't count"},
	"Java: seconds, a fraction as nonce": {func(f *fake, path, form string) *http.Request {
		req := f.request(path, form)
		f.signAgain(req, "731415.9265358979", seconds())
		req.Header.Set("X-Request-ID", strings.Repeat("0a", 16))
		return req
	}, "Timestamp is in seconds, not in milliseconds"},
	"Python: lower-case headers, a long nonce": {func(f *fake, path, form string) *http.Request {
		req := f.request(path, form)
		f.signAgain(req, "0.84442185152504812", seconds()+"000")
		rename(req, func(name string) string { return "rc-" + strings.ToLower(name) })
		return req
	}, "App-Key is required; RC-App-Key doesn't count"},
	".NET: seconds, signed in upper case": {func(f *fake, path, form string) *http.Request {
		req := f.request(path, form)
		f.signAgain(req, "1804289383", seconds())
		req.Header.Set("Signature", strings.ToUpper(req.Header.Get("Signature")))
		return req
	}, "Signature has upper-case digits"},
	"Node.js: signed when the process began": {func(f *fake, path, form string) *http.Request {
		req := f.request(path, form)
		f.signAgain(req, "14314159", strconv.FormatInt(time.Now().Add(-30*24*time.Hour).Unix(), 10))
		return req
	}, "Timestamp is not within 5m0s of now, in milliseconds"},
	"a base URL that ends in a slash": {func(f *fake, path, form string) *http.Request {
		return f.request("/"+path, form)
	}, "the path is unknown"},
	"a signature of mixed case": {func(f *fake, path, form string) *http.Request {
		req := f.request(path, form)
		s := req.Header.Get("Signature")
		req.Header.Set("Signature", strings.ToUpper(s[:20])+s[20:])
		return req
	}, "Signature has upper-case digits"},
	"header names in lower case": {func(f *fake, path, form string) *http.Request {
		req := f.request(path, form)
		rename(req, strings.ToLower)
		return req
	}, ""},
	"a leading and a trailing &": {func(f *fake, path, form string) *http.Request {
		return f.request(path, "&"+form+"&")
	}, "the body has an empty parameter"},
	"a doubled &": {func(f *fake, path, form string) *http.Request {
		return f.request(path, strings.Replace(form, "&", "&&", 1))
	}, "the body has an empty parameter"},
	"an empty unknown field": {func(f *fake, path, form string) *http.Request {
		return f.request(path, form+"&deviceId=&x")
	}, ""},
	"no Content-Type": {func(f *fake, path, form string) *http.Request {
		req := f.request(path, form)
		req.Header.Del("Content-Type")
		return req
	}, "the Content-Type must be application/x-www-form-urlencoded"},
	"a Content-Type with a charset": {func(f *fake, path, form string) *http.Request {
		req := f.request(path, form)
		req.Header.Set("Content-Type", `Application/X-WWW-Form-Urlencoded;Charset="UTF-8"`)
		return req
	}, ""},
	"a Content-Type that can't be parsed": {func(f *fake, path, form string) *http.Request {
		req := f.request(path, form)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded ; charset=utf-8; charset=;UTF-8")
		return req
	}, "the Content-Type must be application/x-www-form-urlencoded"},
	"a charset of its own": {func(f *fake, path, form string) *http.Request {
		req := f.request(path, form)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf8")
		return req
	}, "the Content-Type must be application/x-www-form-urlencoded"},
}

// Whatever client makes the call, it has the same effect.
func TestOtherClients(t *testing.T) {
	t.Parallel()
	for name, c := range sdks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemoryAndOverPort(t, func(t *testing.T, f *fake, _ bool) {
				got := f.do(c.make(f, getTokenPath, "userId=u1&name=Ann+%e5%bc%A0%20B"))
				require.Equal(t, 200, got.code(), got.body)
				require.Equal(t, "Ann 张 B", f.User("u1").Name, "+ and %20 are spaces, and escapes have any case")
				require.Equal(t, 200, f.do(c.make(f, deactivatePath, "x=1&userId=u1")).code())
				require.Empty(t, f.Requests()[1].Reason)
			})
			strict := setup(t, rctest.Strict())
			got := strict.do(c.make(strict, getTokenPath, "userId=u1&name=Ann"))
			require.Equal(t, c.reason, strict.Requests()[0].Reason)
			require.Equal(t, c.reason == "", got.code() == 200, got.body)
			require.Equal(t, c.reason == "", strict.User("u1").Registered)
		})
	}
}

// What no parser but Go's own refuses, or what isn't quite encoded, is accepted too.
func TestLooseForms(t *testing.T) {
	t.Parallel()
	for form, reason := range map[string]string{
		"userId=a&name=x;y":                "the body has a semicolon that isn't escaped",
		"userId=a&name=张三":                 "the body has characters outside of ASCII that aren't escaped",
		"userId=a&name=~!*'()x":            "",
		"x=1;2&userId=a&name=N&;":          "the body has a semicolon that isn't escaped",
		"\ufeffx=1&userId=a&name=N":        "the body begins with a byte order mark",
		"userId=a&name=N&x=" + "%EF%BB%BF": "",
	} {
		f, strict := setup(t), setup(t, rctest.Strict())
		f.ok(getTokenPath, form)
		require.True(t, f.User("a").Registered)
		got := strict.call(getTokenPath, form)
		require.Equal(t, reason == "", got.code() == 200, got.body)
		require.Equal(t, reason, strict.Requests()[0].Reason)
	}
	f := setup(t)
	f.ok(getTokenPath, "userId=a&name=x;y")
	require.Equal(t, "x;y", f.User("a").Name)
}

// A byte order mark becomes part of the first field's name, as for every other server: the fake isn't kinder, but says so.
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	f := setup(t)
	message := f.refused(getTokenPath, "\ufeffuserId=a&name=N", 400, 1002)
	require.Equal(t, "The parameter userId is required.", message)
	require.Contains(t, f.Requests()[0].Reason, "begins with a byte order mark")
	f.refused(getTokenPath, "name=N&userId=", 400, 1002)
	require.NotContains(t, f.Requests()[1].Reason, "byte order mark")
}

func TestOtherBodies(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for media, code := range map[string]int{
		"application/json": 1003, "text/plain; charset=utf-8": 1003, "multipart/form-data; boundary=x": 1003,
		"application/x-www-form-urlencodedx": 1003, ";": 200, " ": 200,
	} {
		req := f.request(blockPath, banForm)
		req.Header.Set("Content-Type", media)
		require.Equal(t, code, f.do(req).code(), media)
	}
	req := f.request(blockPath, `{"userId":"a","minute":5}`)
	req.Header.Del("Content-Type")
	require.Equal(t, 1002, f.do(req).code(), "JSON isn't a form, even without a Content-Type")
	req = f.request(blockPath+"?userId=a&minute=5", "x=1")
	require.Equal(t, 1002, f.do(req).code(), "fields in the URL don't count")
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		req = f.request(blockPath, banForm)
		req.Method = method
		require.Equal(t, 405, f.do(req).code())
	}
}

// A body that breaks off is refused: half a form must not be applied.
func TestBrokenBody(t *testing.T) {
	t.Parallel()
	f := setup(t)
	w := httptest.NewRecorder()
	req := f.request(blockPath, "")
	req.Body = io.NopCloser(io.MultiReader(strings.NewReader(banForm), &failingBody{err: io.ErrUnexpectedEOF}))
	f.Handler(rctest.PrimaryHost).ServeHTTP(w, req)
	require.Equal(t, 400, w.Code)
	require.Contains(t, f.Requests()[0].Reason, "the body can't be read")
	require.False(t, f.banned())
}

// RC's PHP SDK repeats the ids that the documentation joins with commas.
func TestRepeatedIDs(t *testing.T) {
	t.Parallel()
	for form, want := range map[string][]any{
		"userId=a&userId=b":                                         {"a", "b"},
		"userId=a%2Cb&userId=c":                                     {"a", "b", "c"},
		"userId=a&x=1&userId=b,c,d":                                 {"a", "b", "c", "d"},
		"userId=a,b&userId=c&userId=":                               nil,
		idsFrom("userId", 0, 101):                                   nil,
		"userId=" + joinedIDs(60) + "&" + idsFrom("userId", 60, 41): nil,
	} {
		f := setup(t)
		if want == nil {
			f.refused(deactivatePath, form, 400, 1002)
			continue
		}
		f.ok(deactivatePath, form)
		require.Equal(t, want, f.ok(deactivateQueryPath, "")["users"])
		f.Advance(2 * time.Hour)
		f.ok(reactivatePath, form)
		require.Empty(t, f.ok(deactivateQueryPath, "")["users"])
	}
	f := setup(t)
	f.ok(deactivatePath, "userId="+joinedIDs(60)+"&"+idsFrom("userId", 60, 40))

	strict := setup(t, rctest.Strict())
	for _, path := range []string{deactivatePath, reactivatePath} {
		require.Contains(t, strict.refused(path, "userId=a&userId=b", 400, 1002), "joined with commas")
	}
	strict.ok(deactivatePath, "userId=a,b")
	strict.ok(blockPath, "userId=a&userId=b&minute=1")
}

// The rate counts every id, however it is given.
func TestRateOfRepeatedIDs(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]string{
		"repeated": idsFrom("userId", 0, 60),
		"mixed":    "userId=" + joinedIDs(30) + "&" + idsFrom("userId", 30, 30),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t, rctest.EnforceRateLimits())
				f.ok(deactivatePath, form)
				f.refused(deactivatePath, form, 429, 1008)
				f.ok(deactivatePath, "userId="+strings.Repeat("x,", 39)+"x")
				f.refused(deactivatePath, "userId=y", 429, 1008)
				time.Sleep(time.Second)
				f.refused(deactivatePath, idsFrom("userId", 0, 101), 400, 1002)
			})
		})
	}
}

// A fault of one user hits a call that repeats the ids.
func TestFaultOfARepeatedID(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.Inject(rctest.Fault{UserID: "c", Code: 1000, Times: rctest.Always})
	f.Inject(rctest.Fault{UserID: "d", Code: 1050})
	require.Equal(t, 1000, f.call(deactivatePath, "userId=a&userId=b,c").code())
	require.Equal(t, 1050, f.call(deactivatePath, "userId=d&userId=b").code())
	require.Equal(t, 200, f.call(deactivatePath, "userId=a&userId=b").code())
	require.Equal(t, 1000, f.call(blockPath, "minute=1;&userId=%63").code())
}

// A server whose clock a fault shifts by a minute still accepts a timestamp in seconds, unless it is strict.
func TestSecondsUnderAClockOffset(t *testing.T) {
	t.Parallel()
	for offset, code := range map[time.Duration]int{time.Minute: 200, -4 * time.Minute: 200, time.Hour: 1004} {
		f := setup(t)
		f.Inject(rctest.Fault{ClockOffset: offset})
		req := f.request(blockPath, banForm)
		f.signAgain(req, "n", seconds())
		require.Equal(t, code, f.do(req).code(), offset)
	}
}

// Characters that get into an id when a list is pasted or exported. RC's documentation allows letters and digits only;
// whether the service refuses the others isn't known.
func TestStrictIDs(t *testing.T) {
	t.Parallel()
	for what, ids := range map[string][]string{
		"a quotation mark": {`"a"`, "'a'", "“a”", "‘a’", "«a»", "「a」", "`a`", "a＂"},
		"a comma":          {"a,b", "a，b", "a、b", "a،b"},
		"a zero-width or bidirectional character": {
			"a\u200b", "\ufeffa", "a\u200d", "a\u2060b", "a\u00adb", "\u202ea", "a\u200f", "\u2066a\u2069", "a\u061c",
		},
	} {
		for _, id := range ids {
			f, strict := setup(t), setup(t, rctest.Strict())
			form := "minute=1&userId=ok&userId=" + url.QueryEscape(id)
			f.ok(blockPath, form)
			require.Contains(t, strict.refused(blockPath, form, 400, 1002), "userId has "+what+", U+")
			strict.refused(blacklistAddPath, "userId=ok&blackUserId="+url.QueryEscape(id), 400, 1002)
			strict.refused(getTokenPath, "name=N&userId="+url.QueryEscape(id), 400, 1002)
			require.True(t, strict.User("ok").BannedUntil.IsZero())
		}
	}
	strict := setup(t, rctest.Strict())
	for _, id := range []string{"a-b_c.d", "A1", "张三", "a@example.org", "a b", "é", "👍"} {
		strict.ok(blockPath, "minute=1&userId="+url.QueryEscape(id))
	}
	strict.ok(getTokenPath, "userId=a&name="+url.QueryEscape(`"Ann, the 'first'"`))
}

// The reason of a refusal tells what to look at.
func TestReasons(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for want, change := range map[string]func(*http.Request){
		"App-Key is required":        func(r *http.Request) { r.Header.Del("App-Key") },
		"App-Key isn't the server's": func(r *http.Request) { r.Header.Set("App-Key", "x") },
		"the signature doesn't match: is this the app's secret, and the SHA-1 of secret, nonce and timestamp?": func(r *http.Request) {
			r.Header.Set("Signature", sign("other", r.Header.Get("Nonce"), r.Header.Get("Timestamp")))
		},
		"Signature is required":     func(r *http.Request) { r.Header.Del("Signature") },
		"Timestamp is required":     func(r *http.Request) { r.Header.Del("Timestamp") },
		"Nonce is required":         func(r *http.Request) { r.Header.Del("Nonce") },
		"Timestamp is not a number": func(r *http.Request) { f.signAgain(r, "n", "soon") },
		"the path is unknown":       func(r *http.Request) { r.URL.Path = "/user/expire.json" },
		"the method must be POST":   func(r *http.Request) { r.Method = http.MethodGet },
		"the body is not a form: invalid URL escape \"%zz\"": func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader("userId=%zz"))
		},
	} {
		req := f.request(blockPath, banForm)
		change(req)
		f.do(req)
		last, _ := f.RequestsSince(uint64(len(f.Requests())-1), 1)
		require.Equal(t, want, last[0].Reason)
	}
	f.Inject(rctest.Fault{Code: 200, Applied: true})
	f.Inject(rctest.Fault{Code: 1008})
	f.call(blockPath, "userId=a")
	f.tryBan()
	got := f.Requests()[10:]
	require.Equal(t, []string{"The parameter minute is required.", ""}, []string{got[0].Reason, got[1].Reason},
		"the server's own, not the fault's")
}
