package rctest_test

import (
	"crypto/sha1"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// fake is a server with a plain HTTP client. Package rcuser takes no part in the requests.
type fake struct {
	*rctest.Server
	t    testing.TB
	http *http.Client
	base string
}

func setup(t testing.TB, opts ...rctest.Option) *fake {
	srv := rctest.NewServer(opts...)
	t.Cleanup(srv.Close)
	cfg := srv.Config()
	return &fake{srv, t, cfg.HTTPClient, cfg.DataCenter.Primary}
}

func sign(secret, nonce, timestamp string) string {
	return fmt.Sprintf("%x", sha1.Sum([]byte(secret+nonce+timestamp)))
}

// request returns a signed request, which the test may change.
func (f *fake) request(path, form string) *http.Request {
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.base+path, strings.NewReader(form))
	require.NoError(f.t, err)
	timestamp := strconv.FormatInt(time.Now().UnixMilli(), 10)
	req.Header.Set("App-Key", f.Credentials().AppKey)
	req.Header.Set("Nonce", "14314")
	req.Header.Set("Timestamp", timestamp)
	req.Header.Set("Signature", sign(f.Credentials().AppSecret, "14314", timestamp))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

type answer struct {
	status int
	header http.Header
	body   map[string]any
}

func (a answer) code() int {
	code, _ := a.body["code"].(float64)
	return int(code)
}

func (f *fake) do(req *http.Request) answer {
	resp, err := f.http.Do(req)
	require.NoError(f.t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(f.t, err)
	a := answer{status: resp.StatusCode, header: resp.Header}
	require.NoError(f.t, json.Unmarshal(raw, &a.body), string(raw))
	return a
}

func (f *fake) call(path, form string) answer { return f.do(f.request(path, form)) }

// ok makes a call that must succeed and returns the answer without the code.
func (f *fake) ok(path, form string) map[string]any {
	f.t.Helper()
	a := f.call(path, form)
	require.Equal(f.t, http.StatusOK, a.status, a.body)
	require.Equal(f.t, 200, a.code(), a.body)
	delete(a.body, "code")
	return a.body
}

// refused makes a call that must be refused and returns the message.
func (f *fake) refused(path, form string, status, code int) string {
	f.t.Helper()
	a := f.call(path, form)
	require.Equal(f.t, status, a.status, a.body)
	require.Equal(f.t, code, a.code(), a.body)
	require.Equal(f.t, path, a.body["url"])
	require.NotEmpty(f.t, a.body["errorMessage"])
	return a.body["errorMessage"].(string)
}

// register returns the user's new token.
func (f *fake) register(id string) string {
	f.t.Helper()
	return f.ok(getTokenPath, "userId="+id+"&name=N")["token"].(string)
}

// ids returns a form with n ids, u0 to u(n-1), in a repeated field.
func ids(field string, n int) string { return idsFrom(field, 0, n) }

func idsFrom(field string, first, n int) string {
	var parts []string
	for i := range n {
		parts = append(parts, fmt.Sprintf("%s=u%d", field, first+i))
	}
	return strings.Join(parts, "&")
}

// joinedIDs returns n ids, u0 to u(n-1), joined with commas.
func joinedIDs(n int) string {
	return strings.ReplaceAll(strings.TrimPrefix(ids("", n), "="), "&=", ",")
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func millisAgo(d time.Duration) string { return millis(time.Now().Add(-d)) }

// signAgain signs the request with another nonce and timestamp.
func (f *fake) signAgain(req *http.Request, nonce, timestamp string) {
	req.Header.Set("Nonce", nonce)
	req.Header.Set("Timestamp", timestamp)
	req.Header.Set("Signature", sign(f.Credentials().AppSecret, nonce, timestamp))
}

// failingBody is a body whose Read fails. It records Close.
type failingBody struct {
	err    error
	closed bool
}

func (b *failingBody) Read([]byte) (int, error) { return 0, b.err }

func (b *failingBody) Close() error { b.closed = true; return nil }

// usePort makes f send its requests over a socket.
func (f *fake) usePort(url string) {
	transport := &http.Transport{}
	f.t.Cleanup(transport.CloseIdleConnections)
	f.base, f.http = url, &http.Client{Transport: transport, CheckRedirect: noRedirects}
}

func noRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// inMemoryAndOverPort runs a test twice, once each way.
func inMemoryAndOverPort(t *testing.T, test func(t *testing.T, f *fake, port bool)) {
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		f.http.CheckRedirect = noRedirects
		test(t, f, false)
	})
	t.Run("port", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		f.usePort(f.Listen())
		test(t, f, true)
	})
}

// result is what a client got of an answer.
type result struct {
	err, bodyErr error
	status       int
	length       int64
	header       http.Header
	body         string
}

// failure returns the error, whether of the call or of reading the body.
func (r result) failure() error { return errors.Join(r.err, r.bodyErr) }

func (f *fake) try(req *http.Request) result {
	resp, err := f.http.Do(req)
	if err != nil {
		return result{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return result{nil, err, resp.StatusCode, resp.ContentLength, resp.Header, string(body)}
}

// waitForRequest returns when the server has received a request over a port, or the test has ended.
func (f *fake) waitForRequest() {
	for since := uint64(0); ; {
		changes, err := f.Changes(f.t.Context(), since)
		if err != nil {
			return
		}
		for _, c := range changes {
			if c.Kind == rctest.RequestReceived {
				return
			}
			since = c.Seq
		}
	}
}

// timed makes a call within a bubble and returns how long it took by the bubble's clock.
func (f *fake) timed(req *http.Request) (result, time.Duration) {
	start := time.Now()
	got := f.try(req)
	return got, time.Since(start)
}

// banForm bans user a.
const banForm = "userId=a&minute=5"

func (f *fake) tryBan() result { return f.try(f.request(blockPath, banForm)) }

func (f *fake) banned() bool { return !f.User("a").BannedUntil.IsZero() }

func header(name string, values ...string) http.Header { return http.Header{name: values} }

const bubbleStart = 946684800000 // Unix milliseconds at the start of every synctest bubble: 2000-01-01 UTC

// receivedPost is a post that an app has received.
type receivedPost struct {
	contentType, body string
	query             url.Values
	after             time.Duration // since the app was created
}

// app is the handler of a webhook. It answers with 200 unless answer is set.
type app struct {
	answer func(w http.ResponseWriter, req *http.Request)
	start  time.Time

	mu    sync.Mutex
	posts []receivedPost
}

func (a *app) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	raw, _ := io.ReadAll(req.Body)
	got := receivedPost{contentType: req.Header.Get("Content-Type"), body: string(raw), query: req.URL.Query(), after: time.Since(a.start)}
	a.mu.Lock()
	a.posts = append(a.posts, got)
	a.mu.Unlock()
	if a.answer != nil {
		a.answer(w, req)
	}
}

// all returns the posts received once every goroutine in the bubble waits for time to pass.
func (a *app) all() []receivedPost {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.posts)
}

func (a *app) count() int {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.posts)
}

func (a *app) bodies() []string {
	var found []string
	for _, p := range a.all() {
		found = append(found, p.body)
	}
	return found
}

func (a *app) times() []time.Duration {
	var found []time.Duration
	for _, p := range a.all() {
		found = append(found, p.after)
	}
	return found
}

// presenceStatuses returns the status and the time of each presence event received.
func (a *app) presenceStatuses() []string {
	var found []string
	for _, p := range a.all() {
		found = append(found, p.body[25:26]+" "+p.after.String())
	}
	return found
}

// withWebhook runs a test in a bubble, with a server whose webhook is an app.
func withWebhook(t *testing.T, test func(t *testing.T, f *fake, a *app)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, a := setup(t), &app{start: time.Now()}
		f.SetWebhook(a)
		test(t, f, a)
	})
}

// answerWith returns an answer that uses each status once, in order, and repeats the last one.
func answerWith(codes ...int) func(http.ResponseWriter, *http.Request) {
	var mu sync.Mutex
	return func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.WriteHeader(codes[0])
		codes = codes[min(1, len(codes)-1):]
	}
}

func presenceBody(user, status string, ms int64) string {
	return fmt.Sprintf(`[{"userid":"%s","status":"%s","os":"iOS","time":%d,"clientIp":"203.0.113.7:52229","sessionId":"rctest-1"}]`,
		user, status, ms)
}

// outcome is the part of a Delivery that says how it ended.
type outcome struct {
	attempt, status int
	err             error
}

func (f *fake) outcomes() []outcome {
	var found []outcome
	for _, d := range f.Deliveries() {
		found = append(found, outcome{d.Attempt, d.Status, d.Err})
	}
	return found
}

// startWebhook serves h on a loopback port. open counts its open connections.
func startWebhook(t *testing.T, h http.HandlerFunc) (base string, open *atomic.Int64) {
	open = new(atomic.Int64)
	outer := httptest.NewUnstartedServer(h)
	outer.Config.ConnState = func(_ net.Conn, to http.ConnState) {
		switch to {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
		}
	}
	outer.Start()
	t.Cleanup(outer.Close)
	return outer.URL, open
}

// idField is a field that takes up to limit user ids. rest holds the other fields that the call needs.
type idField struct {
	path, field, rest string
	limit             int
}

// checkIDs checks what is common to all fields with user ids.
func checkIDs(t *testing.T, fields ...idField) {
	t.Parallel()
	long := strings.Repeat("a", 65)
	for _, c := range fields {
		t.Run(c.path, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			f.register("u0")
			f.ok(c.path, ids(c.field, c.limit)+c.rest)
			f.refused(c.path, ids(c.field, c.limit+1)+c.rest, 400, 1002)
			require.Contains(t, f.refused(c.path, c.rest[1:], 400, 1002), "is required")
			f.refused(c.path, c.field+"="+c.rest, 400, 1002)
			f.refused(c.path, c.field+"="+long+c.rest, 400, 1005)
			f.refused(c.path, c.field+"=a%00"+c.rest, 400, 1002)
			f.refused(c.path, c.field+"=%FF"+c.rest, 400, 1002)
			f.refused(c.path, c.field+"=%zz"+c.rest, 400, 1002)
			f.refused(c.path, "", 400, 1003)
		})
	}
}

// checkRefused makes calls that must be refused with 1002 and must not change user a.
func checkRefused(t *testing.T, path string, forms ...string) {
	t.Helper()
	f := setup(t)
	for _, form := range forms {
		f.refused(path, form, 400, 1002)
	}
	require.Equal(t, rctest.User{ID: "a"}, f.User("a"))
}
