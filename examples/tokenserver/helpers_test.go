package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/f0207b22/rcuser/rctest"
)

const (
	patience    = 20 * time.Second
	testToken   = "api-token-of-the-tests"
	testWebhook = "/webhook-path-of-the-tests"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// logs keeps all that the program logs, and tells its address.
type logs struct {
	mu      sync.Mutex
	all     strings.Builder
	listens chan struct{} // closed when it says where
}

func newLogs() *logs { return &logs{listens: make(chan struct{})} }

var listening = regexp.MustCompile(`"msg":"listening","url":"(.*?)"`)

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := listening.MatchString(l.all.String())
	l.all.Write(p)
	if !before && listening.MatchString(l.all.String()) {
		close(l.listens)
	}
	return len(p), nil
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// url waits until the program listens, and returns where.
func (l *logs) url(t *testing.T) string {
	t.Helper()
	select {
	case <-l.listens:
	case <-time.After(patience):
		require.FailNow(t, "the program doesn't listen", l.String())
	}
	return listening.FindStringSubmatch(l.String())[1]
}

// program is one that runs.
type program struct {
	t     *testing.T
	url   string
	logs  *logs
	token string
	stop  func() // as SIGTERM does, and waits
}

// launch runs the program within the test until it is stopped.
func launch(t *testing.T, l *logs, run func(context.Context) error) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	p := &program{t: t, logs: l, token: testToken}
	p.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			require.NoError(t, err)
		case <-time.After(patience):
			require.FailNow(t, "the program doesn't end", l.String())
		}
	})
	t.Cleanup(p.stop)
	p.url = l.url(t)
	return p
}

func newFake(t *testing.T) *rctest.Server {
	t.Helper()
	fake := rctest.NewServer()
	t.Cleanup(fake.Close)
	return fake
}

// onFake are the settings of a program that shares the fake with its test.
func onFake(t *testing.T, fake *rctest.Server) settings {
	t.Helper()
	return settings{
		listen: "127.0.0.1:0", database: filepath.Join(t.TempDir(), "test.db"), webhookPath: testWebhook,
		rc: fake.Config(), fake: fake,
	}
}

func start(t *testing.T, s settings) *program {
	t.Helper()
	l := newLogs()
	return launch(t, l, func(ctx context.Context) error { return serve(ctx, s, logger(l)) })
}

func logger(l *logs) *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

// ask returns what a query has for an answer in the program's database, or runs a statement.
func ask(t *testing.T, s settings, query string) (text string) {
	t.Helper()
	db, err := sql.Open("sqlite", s.database+"?_busy_timeout=5000")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	if err := db.QueryRowContext(t.Context(), query).Scan(&text); !errors.Is(err, sql.ErrNoRows) {
		require.NoError(t, err)
	}
	return text
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) field(t *testing.T, name string) any {
	t.Helper()
	fields := map[string]any{}
	require.NoError(t, json.Unmarshal([]byte(a.body), &fields), a.body)
	return fields[name]
}

func (p *program) send(r *http.Request) answer {
	p.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	response, err := client.Do(r)
	require.NoError(p.t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	return answer{response.StatusCode, response.Header, string(body)}
}

func (p *program) request(method, path, body string) *http.Request {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	require.NoError(p.t, err)
	r.Header.Set("Authorization", "Bearer "+p.token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func (p *program) do(method, path, body string) answer {
	p.t.Helper()
	return p.send(p.request(method, path, body))
}

// login returns the token.
func (p *program) login(id string) string {
	p.t.Helper()
	a := p.do("POST", "/login", `{"userId": "`+id+`", "name": "Miss `+id+`"}`)
	require.Equal(p.t, http.StatusOK, a.status, a.body)
	return a.field(p.t, "token").(string)
}

func (p *program) user(id string) answer {
	p.t.Helper()
	return p.do("GET", "/users/"+id, "")
}

// until waits until a condition holds that another goroutine or process brings about.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, patience, 10*time.Millisecond, what)
}

// untilUser waits until the user's JSON has a value.
func (p *program) untilUser(id, field string, value any) {
	p.t.Helper()
	until(p.t, id+"'s "+field, func() bool {
		a := p.user(id)
		return a.status == http.StatusOK && a.field(p.t, field) == value
	})
}

func (p *program) untilGone(id string) {
	p.t.Helper()
	until(p.t, id+" is deleted", func() bool { return p.user(id).status == http.StatusNotFound })
}

// registrations counts the calls by which RC was asked for a token.
func registrations(fake *rctest.Server) int { return count(fake, "/user/getToken.json") }

func count(fake *rctest.Server, path string) int {
	n := 0
	for _, request := range fake.Requests() {
		if request.Path == path {
			n++
		}
	}
	return n
}
