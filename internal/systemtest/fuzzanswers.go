package systemtest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/f0207b22/rcuser"
)

// answer is what a server, or a machine in between, may send.
type answer struct {
	status                             int
	body                               string
	contentType, date, retryAfter, age string
}

func (a answer) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: a.status, Request: req, ContentLength: -1, Body: io.NopCloser(strings.NewReader(a.body)),
		Header: http.Header{
			"Content-Type": {a.contentType}, "Date": {a.date}, "Retry-After": {a.retryAfter}, "Age": {a.age},
		},
	}, nil
}

// FuzzAnswers gives any answer to every endpoint's call. Nothing panics, a call succeeds only if the answer says so, and it
// fails with an *Error.
func FuzzAnswers(f *testing.F) {
	const date = "Mon, 02 Jan 2006 15:04:05 GMT"
	for _, body := range []string{
		``, `{"code":200}`, `{"code":"200.0","userId":7,"token":8}`, `{"code":10000,"status":true}`, `{"code":2e2,"operateId":9}`,
		`{"code":200,"users":[1,"a",null,{"userId":"b","blockEndTime":"2016-06-13 18:9:4","whiteSetting":1}],"next":"n"}`,
		`{"code":200,"users":{"a":1},"next":[]}`, `{"code":1004}`, `{"code":1008,"errorMessage":{}}`, `{"code":4294967496}`,
		`{"code":1e999}`, "\ufeff" + `{"code":200,"userName":1,"createTime":1e12}`, `{"code":1002,"CODE":200}`, `[{"code":200}]`, `<html>`,
	} {
		for _, status := range []int{200, 206, 302, 401, 408, 429, 503} {
			f.Add(status, body, "application/json;charset=UTF-8", date, "7", "")
			f.Add(status, body, strings.Repeat("\x80", 61), strings.Repeat("\xff", 40), "-1", "1e9")
		}
	}
	f.Fuzz(func(t *testing.T, status int, body, contentType, date, retryAfter, age string) {
		a := answer{status, body, contentType, date, retryAfter, age}
		for _, row := range Rows() {
			fuzzAnswer(t, row, a)
		}
	})
}

func fuzzAnswer(t *testing.T, row Row, a answer) {
	t.Helper()
	client, err := rcuser.NewClient(rcuser.Config{
		AppKey: "key", AppSecret: "secret", DataCenter: rcuser.DataCenter{Primary: "https://rc.invalid"}, Limiter: rcuser.NoLimit,
		HTTPClient: &http.Client{Transport: a}, Retry: rcuser.RetryPolicy{MaxAttempts: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = row.Call(t.Context(), client, Pair{"a", "b"})
	failure, failed := errors.AsType[*rcuser.Error](err)
	codes := codesOf(a.body)
	refuses := func(code string) bool { return !isSuccess(code) }
	mayBeSuccess := a.status == http.StatusOK && slices.ContainsFunc(codes, isSuccess)
	switch {
	case !failed && !mayBeSuccess: // the row may have an error of its own, for a result that it doesn't expect
		t.Fatalf("%s: HTTP %d %q is taken for success", row.Path, a.status, a.body)
	case failed && mayBeSuccess && !slices.ContainsFunc(codes, refuses) && failure.Outcome != rcuser.Unknown:
		t.Fatalf("%s: HTTP %d %q is told as not applied: %v", row.Path, a.status, a.body, err)
	case failed && !strings.HasPrefix(failure.Error(), "rcuser: POST "+row.Path+": "):
		t.Fatalf("%s: HTTP %d %q gives the error %v", row.Path, a.status, a.body, err)
	}
}

// codesOf returns the codes of an answer, which may be written several times, in its own way of reading JSON.
func codesOf(body string) []string {
	body = strings.TrimPrefix(body, "\ufeff")
	decoder := json.NewDecoder(strings.NewReader(body))
	if start, err := decoder.Token(); !json.Valid([]byte(body)) || err != nil || start != json.Delim('{') {
		return nil
	}
	var codes []string
	for decoder.More() {
		key, err := decoder.Token()
		var value json.RawMessage
		if name, ok := key.(string); err != nil || !ok || decoder.Decode(&value) != nil {
			return nil
		} else if strings.EqualFold(name, "code") {
			codes = append(codes, string(value))
		}
	}
	return codes
}

func isSuccess(code string) bool {
	_ = json.Unmarshal([]byte(code), &code) // if it is a string
	n, err := strconv.ParseFloat(code, 64)
	return err == nil && (n == 200 || n == 10000)
}
