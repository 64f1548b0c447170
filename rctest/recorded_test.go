package rctest_test

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// recording is a call of the real service with its answer.
type recording struct {
	Name, Path, Form string
	Wrong            string // a header of the credentials that is wrong
	Before           struct{ Path, Form string }
	Status           int
	Body             map[string]any
}

// The fake answers as the real service was seen to answer.
func TestRecordedAnswers(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/recorded.json")
	require.NoError(t, err)
	var file struct {
		ContentType string `json:"content_type"`
		Answers     []recording
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	require.NotEmpty(t, file.Answers)
	for _, c := range file.Answers {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.comparable()
			inMemoryAndOverPort(t, func(t *testing.T, f *fake, _ bool) {
				got := c.replay(f)
				require.Equal(t, c.Status, got.status, got.body)
				require.Equal(t, file.ContentType, got.header.Get("Content-Type"))
				require.Regexp(t, "^[0-9a-f]{32}$", got.header.Get("X-Request-Id"))
				recording{Body: got.body}.comparable()
				require.Equal(t, c.Body, got.body)
			})
		})
	}
}

func (c recording) replay(f *fake) answer {
	if c.Before.Path != "" {
		f.ok(c.Before.Path, c.Before.Form)
	}
	req := f.request(c.Path, c.Form)
	switch c.Wrong {
	case "App-Key":
		req.Header.Set("App-Key", "other")
	case "Signature":
		req.Header.Set("Signature", sign("other", req.Header.Get("Nonce"), req.Header.Get("Timestamp")))
	}
	return f.do(req)
}

// comparable replaces the values that differ from answer to answer by their forms.
func (c recording) comparable() {
	for field, form := range map[string]func(string) bool{
		"token":      func(v string) bool { return len(v) > 40 && len(v) <= 256 },
		"createTime": func(v string) bool { return len(v) == len("2017-02-17 15:34:33") && v[10] == ' ' },
	} {
		if value, ok := c.Body[field].(string); ok && form(value) {
			c.Body[field] = "valid"
		}
	}
}

// Every answer of the service has a request id: the request's, or one of its own that no other answer has. An answer that
// a fault makes a proxy's has none.
func TestRequestID(t *testing.T) {
	t.Parallel()
	inMemoryAndOverPort(t, func(t *testing.T, f *fake, _ bool) {
		seen := map[string]bool{}
		for _, path := range []string{blockPath, "/no/such.json", blockPath, "/no/such.json"} {
			id := f.call(path, banForm).header.Get("X-Request-Id")
			require.NotEmpty(t, id)
			require.False(t, seen[id])
			seen[id] = true
		}
		f.Inject(rctest.Fault{Code: 1008})
		require.NotEmpty(t, f.tryBan().header.Get("X-Request-Id"))
		f.Inject(rctest.Fault{Status: 502, Body: htmlBody})
		require.Empty(t, f.tryBan().header.Get("X-Request-Id"))
		f.Inject(rctest.Fault{Header: http.Header{"X-Request-Id": nil}})
		require.NotContains(t, f.tryBan().header, "X-Request-Id")

		req := f.request(blockPath, banForm)
		req.Header["x-request-id"] = []string{"mine"}
		require.Equal(t, "mine", f.do(req).header.Get("X-Request-Id"))
		require.Equal(t, "mine", f.Requests()[7].Header.Get("X-Request-Id"))
	})
}
