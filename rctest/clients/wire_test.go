package clients

import (
	"bufio"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// format is how a client writes its requests on the wire: all but the body. Lines end with CR LF there. The words in
// braces are replaced: {millis} or {seconds} by the time, {signature} or {SIGNATURE} by the signature in lower or upper case.
type format struct {
	head, nonce string
}

// exchange is a call, and what must be true afterwards.
type exchange struct {
	path, body string
	check      check
}

type check func(t *testing.T, srv *rctest.Server, answer map[string]any)

// wire is one connection to a server.
type wire struct {
	t           *testing.T
	credentials rcuser.Credentials
	conn        net.Conn
	answers     *bufio.Reader
}

func dial(t *testing.T, srv *rctest.Server) *wire {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(srv.Listen(), "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(callTimeout)))
	return &wire{t, srv.Credentials(), conn, bufio.NewReader(conn)}
}

// call sends a request, and returns the status and the JSON of the answer.
func (w *wire) call(f format, path, body string) (status int, answer map[string]any) {
	w.t.Helper()
	head := w.fill(f, path, body)
	if strings.Contains(head, "\r\nTransfer-Encoding: chunked\r\n") {
		body = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}
	var resp *http.Response
	if strings.Contains(head, "\r\nExpect: 100-continue\r\n") {
		w.write(head)
		resp = w.read() // a refusal may come without the server's asking for the body
		if resp.StatusCode == http.StatusContinue {
			w.write(body)
			resp = w.read()
		}
	} else {
		w.write(head + body)
		resp = w.read()
	}
	defer func() { _ = resp.Body.Close() }()
	require.NoError(w.t, json.NewDecoder(resp.Body).Decode(&answer))
	return resp.StatusCode, answer
}

func (w *wire) fill(f format, path, body string) string {
	now := time.Now()
	timestamp := strconv.FormatInt(now.UnixMilli(), 10)
	if strings.Contains(f.head, "{seconds}") {
		timestamp = strconv.FormatInt(now.Unix(), 10)
	}
	signature := fmt.Sprintf("%x", sha1.Sum([]byte(w.credentials.AppSecret+f.nonce+timestamp)))
	return strings.NewReplacer(
		"\n", "\r\n", "{path}", path, "{host}", w.conn.RemoteAddr().String(), "{length}", strconv.Itoa(len(body)),
		"{key}", w.credentials.AppKey, "{nonce}", f.nonce, "{millis}", timestamp, "{seconds}", timestamp,
		"{signature}", signature, "{SIGNATURE}", strings.ToUpper(signature),
	).Replace(f.head + "\n")
}

func (w *wire) write(text string) {
	w.t.Helper()
	_, err := w.conn.Write([]byte(text))
	require.NoError(w.t, err)
}

func (w *wire) read() *http.Response {
	w.t.Helper()
	resp, err := http.ReadResponse(w.answers, nil)
	require.NoError(w.t, err)
	return resp
}

// documented is a request as RC's documentation has it.
var documented = format{nonce: "14314", head: `POST {path} HTTP/1.1
Host: {host}
App-Key: {key}
Nonce: {nonce}
Timestamp: {millis}
Signature: {signature}
Content-Type: application/x-www-form-urlencoded
Content-Length: {length}
`}

func (f format) with(old, replacement string) format {
	if !strings.Contains(f.head, old) {
		panic("the head has no " + old)
	}
	f.head = strings.ReplaceAll(f.head, old, replacement)
	return f
}

// TestDeviations: each way in which SDKs deviate from the documentation, one at a time. The server accepts it, and
// refuses it, with the reason, if it is strict.
func TestDeviations(t *testing.T) {
	longNonce := documented
	longNonce.nonce = "5577006791947779410"
	for _, test := range []struct {
		name   string
		format format
		path   string
		body   string
		strict int    // the code
		reason string // is in Request.Reason
	}{
		{"seconds", documented.with("{millis}", "{seconds}"), "/user/block.json", "userId=alice&minute=10", 1004, "seconds"},
		{"a long nonce", longNonce, "/user/block.json", "userId=alice&minute=10", 1004, "longer than 18"},
		{"upper case", documented.with("{signature}", "{SIGNATURE}"), "/user/block.json", "userId=alice&minute=10", 1004, "upper-case"},
		{"another prefix", documented.with("App-Key", "RC-App-Key").with("\nNonce", "\nRC-Nonce").
			with("\nTimestamp", "\nRC-Timestamp").with("\nSignature", "\nRC-Signature"), "/user/block.json", "userId=alice&minute=10", 1002, "RC-App-Key doesn't count"},
		{"a doubled slash", documented, "//user/block.json", "userId=alice&minute=10", 404, "path"},
		{"repeated ids of deactivate", documented, "/user/deactivate.json", "userId=alice&userId=bob", 1002, "commas"},
		{"repeated ids of reactivate", documented, "/user/reactivate.json", "userId=alice&userId=bob", 1002, "commas"},
		{"a last separator", documented, "/user/block.json", "userId=alice&minute=10&", 1002, "empty parameter"},
		{
			"no Content-Type", documented.with("Content-Type: application/x-www-form-urlencoded\n", ""),
			"/user/block.json", "userId=alice&minute=10", 1003, "Content-Type",
		},
		{
			"no Content-Type and no body", documented.with("Content-Type: application/x-www-form-urlencoded\n", ""),
			"/user/block/query.json", "", 1003, "Content-Type",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := rctest.NewServer()
			t.Cleanup(srv.Close)
			_, answer := dial(t, srv).call(test.format, test.path, test.body)
			require.EqualValues(t, 200, answer["code"], answer)
			strict := rctest.NewServer(rctest.Strict())
			t.Cleanup(strict.Close)
			_, answer = dial(t, strict).call(test.format, test.path, test.body)
			require.EqualValues(t, test.strict, answer["code"], answer)
			require.NotEmpty(t, answer["errorMessage"])
			require.Contains(t, strict.Requests()[0].Reason, test.reason)
			require.True(t, strict.User("alice").BannedUntil.IsZero())
			require.False(t, strict.User("alice").Deactivated)
		})
	}
}

// TestVariations: what HTTP and forms leave open. A strict server accepts it too.
func TestVariations(t *testing.T) {
	const form = "userId=alice&minute=10"
	for _, test := range []struct {
		name   string
		format format
		body   string
	}{
		{"as documented", documented, form},
		{"lower-case header names", documented.with("App-Key:", "app-key:").with("Nonce:", "nonce:").
			with("Timestamp:", "timestamp:").with("Signature:", "signature:").with("Content-Type:", "content-type:"), form},
		{"no space after the colon", documented.with("App-Key: ", "App-Key:").with("Signature: ", "Signature:"), form},
		{"a charset", documented.with("urlencoded", "urlencoded; charset=utf-8"), form},
		{"a charset as Java writes it", documented.with("urlencoded", "urlencoded;charset=UTF-8"), form},
		{"HTTP/1.0", documented.with("HTTP/1.1", "HTTP/1.0"), form},
		{"chunks", documented.with("Content-Length: {length}", "Transfer-Encoding: chunked"), form},
		{"waits for 100 Continue", documented.with("Content-Length", "Expect: 100-continue\nContent-Length"), form},
		{"lower-case escapes", documented, "userId=%61lice&minute=%31%30&x=%e4%bd%a0"},
		{"fields in another order", documented, "minute=10&userId=alice"},
		{"an unknown field", documented, form + "&format=json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, opts := range [][]rctest.Option{nil, {rctest.Strict()}} {
				srv := rctest.NewServer(opts...)
				t.Cleanup(srv.Close)
				_, answer := dial(t, srv).call(test.format, "/user/block.json", test.body)
				require.EqualValues(t, 200, answer["code"], answer)
				require.False(t, srv.User("alice").BannedUntil.IsZero())
			}
		})
	}
}
