package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
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
	testTimeout = 20 * time.Second
	testToken   = "api-token-of-the-tests"
	testWebhook = "/webhook-path-of-the-tests"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(buildDirectory) // best effort: the operating system cleans up temporary files too
		os.Exit(code)
	}))
}

var buildDirectory string // "" until build is called

// build builds the program, once for all tests, and returns its path.
func build(t *testing.T) string {
	t.Helper()
	binary, err := buildOnce()
	require.NoError(t, err)
	return binary
}

var buildOnce = sync.OnceValues(func() (string, error) {
	var err error
	if buildDirectory, err = os.MkdirTemp("", "tokenserver-test"); err != nil {
		return "", err
	}
	binary := filepath.Join(buildDirectory, "tokenserver")
	if out, err := exec.CommandContext(context.Background(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
})

// logs collects what the program logs, and finds its address there.
type logs struct {
	mu      sync.Mutex
	all     strings.Builder
	listens chan struct{} // closed when the address was logged
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

// url waits until the program listens, and returns its URL.
func (l *logs) url(t *testing.T) string {
	t.Helper()
	select {
	case <-l.listens:
	case <-time.After(testTimeout):
		require.FailNow(t, "the program doesn't listen", l.String())
	}
	return listening.FindStringSubmatch(l.String())[1]
}

// program is a running tokenserver.
type program struct {
	t     *testing.T
	url   string
	logs  *logs
	token string
	stop  func() // stops it as SIGTERM does, and waits until it has ended
}

// launch runs the program in a goroutine until it is stopped.
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
		case <-time.After(testTimeout):
			require.FailNow(t, "the program doesn't stop", l.String())
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

// fakeSettings are for a program that shares the fake with its test.
func fakeSettings(t *testing.T, fake *rctest.Server) settings {
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

// queryDB runs a query or a statement on the program's database, and returns the first column of the first row, if any.
func queryDB(t *testing.T, s settings, query string) (text string) {
	t.Helper()
	db, err := sql.Open("sqlite", s.database+"?_busy_timeout=5000")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	if err := db.QueryRowContext(t.Context(), query).Scan(&text); !errors.Is(err, sql.ErrNoRows) {
		require.NoError(t, err)
	}
	return text
}

// answer is a response whose body was read.
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
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: testTimeout}
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

// login logs a user in and returns the token.
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

// waitUntil waits until a condition holds that another goroutine or process fulfils.
func waitUntil(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, testTimeout, 10*time.Millisecond, what)
}

// waitForUser waits until a field of the user's JSON has a value.
func (p *program) waitForUser(id, field string, value any) {
	p.t.Helper()
	waitUntil(p.t, id+"'s "+field, func() bool {
		a := p.user(id)
		return a.status == http.StatusOK && a.field(p.t, field) == value
	})
}

func (p *program) waitUntilDeleted(id string) {
	p.t.Helper()
	waitUntil(p.t, id+" is deleted", func() bool { return p.user(id).status == http.StatusNotFound })
}

// registrations counts the calls that asked RC for a token.
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
