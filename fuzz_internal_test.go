package rcuser

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzAnswer reads any body under any status: never a panic, never success but for RC's, nothing kept beyond the limits.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		"", `{"code":200}`, `{"code":200,"status":"1"}`, `{"code":"200","status":1}`, `{"code":1002,"errorMessage":"x","url":"/u"}`,
		`{"code":200,"status":2}`, `{"code":1e3}`, `{"code":200`, `[]`, `null`, `<html>`, `{"code":-1,"msg":7}`, `{"status":{},"code":1008}`,
	} {
		for _, status := range []int{200, 201, 302, 400, 401, 429, 500, 503} {
			f.Add(status, body, true)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body string, secret bool) {
		a := answer{status: status}
		result := &typedResult[onlineAnswer, bool, *onlineAnswer]{convert: onlineAnswer.online}
		a.open(&classic, []byte(body), "text/html", result, secret)
		a.assumeCode()
		if a.verdict() == succeeded && (status != 200 || !hasKey(body, "code") || !hasKey(body, "status")) {
			t.Errorf("HTTP %d %q is taken for success", status, body)
		}
		if a.verdict() != succeeded && a.code == 0 && a.problem == nil && status < 300 {
			t.Errorf("HTTP %d %q fails without a reason", status, body)
		}
		if len(a.excerpt) > maxExcerpt || len(a.message) > maxMessage || secret && a.excerpt != nil {
			t.Errorf("kept %d and %d bytes", len(a.excerpt), len(a.message))
		}
		if !utf8.ValidString(a.message) {
			t.Errorf("message %q", a.message)
		}
	})
}

// hasKey looks for a key in any case, as encoding/json takes it.
func hasKey(body, name string) bool {
	var object map[string]any
	_ = json.Unmarshal([]byte(body), &object)
	for key := range object {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// FuzzRetryAfter parses any header: never negative, never beyond what a Duration holds.
func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{
		"0", "3", "-3", "86400", "92233720368547758", "99999999999999999999", "1.5", " 7 ", "soon",
		"Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 02 Jan 2006 15:04:05 GMT", "Mon, 02 Jan 2006 15:04:05 GMT, 3",
	} {
		f.Add(value, "Mon, 02 Jan 2006 15:04:05 GMT")
		f.Add(value, "")
	}
	f.Fuzz(func(t *testing.T, value, date string) {
		d := retryAfter(http.Header{"Retry-After": {value}, "Date": {date}})
		if d < 0 || d > maxRetryAfterSeconds*time.Second && !strings.Contains(value, ":") {
			t.Errorf("%q after %q gives %v", value, date, d)
		}
	})
}

// FuzzBaseURL accepts a URL only if requests to it go where it says, encrypted or to this machine, and carry no more.
func FuzzBaseURL(f *testing.F) {
	for _, raw := range []string{
		"https://api.rong-api.com", "http://127.0.0.1:8080/", "http://[::1]", "http://localhost/x//", "http://127.0.0.1.evil.com",
		"https://user:pw@host", "https://host?q", "https://host#f", "https://host#", "//host", "host:443", "https:host", "https://",
		"http://2130706433", "http://[::ffff:127.0.0.1]", "HTTPS://host", "https://h%6fst/%2e%2e", "https://a b", "http://localhost.",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := parseBaseURL("DataCenter.Primary", raw, false)
		if err != nil {
			return
		}
		if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
			t.Errorf("%q is sent to in the open", raw)
		}
		again, err := url.Parse(u.String() + "/user/info.json")
		if err != nil {
			t.Fatalf("%q became %q, which is no URL: %v", raw, u, err)
		}
		if again.Host != u.Host || again.User != nil || again.RawQuery != "" || again.Fragment != "" {
			t.Errorf("%q became %q, which goes to %q", raw, u, again.Host)
		}
	})
}

// FuzzPath accepts a path for Call only if it arrives as it was written.
func FuzzPath(f *testing.F) {
	for _, path := range []string{"/user/info.json", "//x", "/a?b", "/a#b", "", "x", "/a b", "/%2e", "/..", "/ü", "/a\nb", "/:"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if checkPath(path) != nil {
			return
		}
		u, err := url.Parse("https://host" + path)
		if err != nil || u.Path != path || u.Host != "host" || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q is accepted, and becomes %v", path, u)
		}
	})
}

// FuzzEncode must write what net/url reads back.
func FuzzEncode(f *testing.F) {
	f.Add("userId", "a b&c=d%+", "李雷")
	f.Add("", "=", "&")
	f.Fuzz(func(t *testing.T, key, first, second string) {
		form := url.Values{key: {first, second}, "other": {"x"}}
		if got, want := string(encodeValues(form)), form.Encode(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// FuzzBodyRead reads answers that break off or never end.
func FuzzBodyRead(f *testing.F) {
	f.Add(200, 10, false)
	f.Add(200, maxAnswer+1, false)
	f.Add(500, maxErrorAnswer+1, true)
	f.Fuzz(func(t *testing.T, status, size int, breaks bool) {
		if size < 0 || size > 8<<20 {
			return
		}
		var rest io.Reader = strings.NewReader("")
		if breaks {
			rest = io.MultiReader(rest, breaking{})
		}
		resp := &http.Response{StatusCode: status, Body: io.NopCloser(io.MultiReader(io.LimitReader(zeros{}, int64(size)), rest))}
		data, err := new(bodyBuffer).read(resp)
		if len(data) > maxAnswer+1 || err == nil && status == http.StatusOK && len(data) != size {
			t.Errorf("%d bytes of %d, error %v", len(data), size, err)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

type breaking struct{}

func (breaking) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
