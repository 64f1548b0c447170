package rcuser

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestRetryAfterHeader(t *testing.T) {
	t.Parallel()
	const date = "Fri, 01 Mar 2024 12:00:00 GMT"
	for _, tc := range []struct {
		value, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"1", "", time.Second},
		{" 7 ", "", 7 * time.Second},
		{"007", "", 7 * time.Second},
		{"4294967296", "", 4294967296 * time.Second},
		{"4294967297", "", 4294967296 * time.Second},
		{"9223372036854775807", "", 4294967296 * time.Second},
		{"92233720368547758070", "", 4294967296 * time.Second},
		{strings.Repeat("9", 1000), "", 4294967296 * time.Second},
		{"-1", "", 0},
		{"+1", "", 0},
		{"1.5", "", 0},
		{"1e3", "", 0},
		{"0x10", "", 0},
		{"1s", "", 0},
		{"soon", "", 0},
		{"Fri, 01 Mar 2024 12:00:05 GMT", date, 5 * time.Second},
		{"Friday, 01-Mar-24 12:00:06 GMT", date, 6 * time.Second},
		{"Fri Mar  1 12:00:07 2024", date, 7 * time.Second},
		{date, date, 0},
		{"Fri, 01 Mar 2024 11:00:00 GMT", date, 0},
		{"Fri, 32 Mar 2024 11:00:00 GMT", date, 0},
		{"Fri, 31 Dec 9999 23:59:59 GMT", "Sat, 01 Jan 0001 00:00:00 GMT", 4294967296 * time.Second},
		{date, "Sat, 01 Jan 0001 00:00:00 GMT", 4294967296 * time.Second},
		{date, "Fri, 31 Dec 9999 23:59:59 GMT", 0},
		{"Sat, 01 Jan 2000 00:00:08 GMT", "", 8 * time.Second}, // bubbles begin at that midnight
		{"Sat, 01 Jan 2000 00:00:09 GMT", "yesterday", 9 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			header := http.Header{"Retry-After": {tc.value}, "Date": {tc.date}}
			require.Equal(t, tc.want, retryAfter(header), "%q", tc.value)
		})
	}
	require.Zero(t, retryAfter(nil))
}

// FuzzAnswer reads any body with any HTTP status. It must not panic, must report success only for HTTP 200 with RC's
// fields, and must keep no more of the body and message than allowed.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		"", `{"code":200}`, `{"code":200,"status":"1"}`, `{"code":"200","status":1}`, `{"code":1002,"errorMessage":"x","url":"/u"}`,
		`{"code":200,"status":2}`, `{"code":1e3}`, `{"code":200`, `[]`, `null`, `<html>`, `{"code":-1,"msg":7}`, `{"status":{},"code":1008}`,
	} {
		for _, status := range []int{200, 201, 302, 400, 401, 429, 500, 503} {
			f.Add(status, body, "text/html", "/login", true)
			f.Add(status, "\ufeff"+body, "\x80", "//h\x00/?token=1", false)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body, contentType, location string, secret bool) {
		a := answer{status: status}
		result := &typedResult[onlineAnswer, bool, *onlineAnswer]{convert: onlineAnswer.online}
		a.decode(&classic, []byte(body), http.Header{"Content-Type": {contentType}, "Location": {location}}, result, secret)
		a.assumeCode()
		if a.verdict() == succeeded && (status != 200 || !hasKey(body, "code") || !hasKey(body, "status")) {
			t.Errorf("HTTP %d %q is taken for success", status, body)
		}
		if a.verdict() != succeeded && a.code == 0 && (a.problem == nil || a.problem.Error() == "") {
			t.Errorf("HTTP %d %q fails without a reason", status, body)
		}
		if a.problem != nil && !a.fromRC && len(contentType) > 10 && !isHeaderText(contentType) && strings.Contains(a.problem.Error(), contentType) {
			t.Errorf("Content-Type %q is printed: %v", contentType, a.problem)
		}
		if a.code == ErrSignature && !a.fromRC {
			t.Errorf("HTTP %d %q is taken for a refused signature", status, body)
		}
		if len(a.excerpt) > maxExcerpt || len(a.message) > maxMessage || secret && a.excerpt != nil {
			t.Errorf("kept %d and %d bytes", len(a.excerpt), len(a.message))
		}
		if !utf8.ValidString(a.message) {
			t.Errorf("message %q", a.message)
		}
	})
}

// hasKey ignores case, as encoding/json does.
func hasKey(body, name string) bool {
	var object map[string]any
	_ = json.Unmarshal([]byte(strings.TrimPrefix(body, "\ufeff")), &object)
	for key := range object {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// FuzzRetryAfter parses any header. The result is never negative and never overflows.
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
		if d < 0 || d > 4294967296*time.Second {
			t.Errorf("%q after %q gives %v", value, date, d)
		}
	})
}

// FuzzBodyRead reads truncated and too large bodies.
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
			rest = io.MultiReader(rest, failingReader{})
		}
		resp := &http.Response{StatusCode: status, Body: io.NopCloser(io.MultiReader(io.LimitReader(zeroReader{}, int64(size)), rest))}
		data, err := new(bodyBuffer).read(resp)
		if len(data) > maxAnswer+1 || err == nil && status == http.StatusOK && len(data) != size {
			t.Errorf("%d bytes of %d, error %v", len(data), size, err)
		}
	})
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { return len(p), nil }

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
