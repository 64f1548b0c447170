package rctest_test

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

const (
	getToken         = "/user/getToken.json"
	expire           = "/user/token/expire.json"
	info             = "/user/info.json"
	refresh          = "/user/refresh.json"
	block            = "/user/block.json"
	unblock          = "/user/unblock.json"
	blockQuery       = "/user/block/query.json"
	checkOnline      = "/user/checkOnline.json"
	blacklistAdd     = "/user/blacklist/add.json"
	blacklistRemove  = "/user/blacklist/remove.json"
	blacklistQuery   = "/user/blacklist/query.json"
	settingSet       = "/user/whitesetting/set.json"
	settingQuery     = "/user/whitesetting/query.json"
	whitelistAdd     = "/user/whitelist/add.json"
	whitelistRemove  = "/user/whitelist/remove.json"
	whitelistQuery   = "/user/whitelist/query.json"
	deactivate       = "/user/deactivate.json"
	deactivatedQuery = "/user/deactivate/query.json"
	reactivate       = "/user/reactivate.json"
)

// fake is a server with a plain HTTP client: nothing of package rcuser makes these requests.
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

// request returns a signed one, to be spoilt by a test.
func (f *fake) request(path, form string) *http.Request {
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.base+path, strings.NewReader(form))
	require.NoError(f.t, err)
	timestamp := strconv.FormatInt(time.Now().UnixMilli(), 10)
	req.Header.Set("App-Key", f.AppKey)
	req.Header.Set("Nonce", "14314")
	req.Header.Set("Timestamp", timestamp)
	req.Header.Set("Signature", sign(f.AppSecret, "14314", timestamp))
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

// ok makes a call that must succeed and returns what it answers besides the code.
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
	return f.ok(getToken, "userId="+id+"&name=N")["token"].(string)
}

// ids are n ids from u0 on, as a form field each.
func ids(field string, n int) string { return idsFrom(field, 0, n) }

func idsFrom(field string, first, n int) string {
	var parts []string
	for i := range n {
		parts = append(parts, fmt.Sprintf("%s=u%d", field, first+i))
	}
	return strings.Join(parts, "&")
}

func joined(n int) string { return strings.ReplaceAll(strings.TrimPrefix(ids("", n), "="), "&=", ",") }
