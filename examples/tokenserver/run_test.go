package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// startService starts a fake on a loopback port and sets the environment as for the real service. It returns the path of
// the database too.
func startService(t *testing.T) (*rctest.Server, string) {
	t.Helper()
	fake := newFake(t)
	database := filepath.Join(t.TempDir(), "users & tokens?.db")
	for name, value := range map[string]string{
		"RC_APP_KEY": fake.Credentials().AppKey, "RC_APP_SECRET": fake.Credentials().AppSecret, "RC_DATA_CENTER": "", "RC_BASE_URL": fake.Listen(), "RC_BACKUP_URL": "",
		"LISTEN_ADDR": "127.0.0.1:0", "DATABASE": database, "WEBHOOK_PATH": testWebhook, "TOKEN_TTL": "24h", "API_TOKEN": testToken,
	} {
		t.Setenv(name, value)
	}
	return fake, database
}

// startRun runs everything of the program except main.
func startRun(t *testing.T, fake *rctest.Server) *program {
	t.Helper()
	l := newLogs()
	p := launch(t, l, func(ctx context.Context) error { return run(ctx, l) })
	fake.SetWebhookURL(p.url + testWebhook)
	return p
}

// TestRunAndRestart restarts the program while a user is online and another is being deleted.
func TestRunAndRestart(t *testing.T) {
	fake, database := startService(t)
	p := startRun(t, fake)
	require.Equal(t, http.StatusNoContent, p.do("GET", "/healthz", "").status)
	require.Equal(t, http.StatusNoContent, p.do("GET", "/readyz", "").status)
	aliceToken, bobToken := p.login("alice"), p.login("bob")
	require.True(t, fake.ValidToken("alice", aliceToken))
	fake.SetOnline("alice", true)
	fake.SetOnline("bob", true)
	p.waitForUser("alice", "online", true)
	p.waitForUser("bob", "online", true)
	require.Equal(t, http.StatusAccepted, p.do("DELETE", "/users/bob", "").status)
	p.waitForUser("bob", "online", false)
	p.stop()

	second := startRun(t, fake)
	require.Equal(t, aliceToken, second.login("alice"))
	require.Equal(t, 2, registrations(fake), "the restart asked RC for no token")
	require.Equal(t, true, second.user("alice").field(t, "online"))
	require.Equal(t, "deleting", second.user("bob").field(t, "state"))
	require.Equal(t, http.StatusConflict, second.do("POST", "/login", `{"userId": "bob", "name": "Bob"}`).status)
	fake.SetOnline("alice", false)
	second.waitForUser("alice", "online", false)
	fake.Advance(15 * time.Minute)
	second.waitUntilDeleted("bob")
	require.Equal(t, aliceToken, second.login("alice"))
	require.Equal(t, http.StatusUnauthorized, second.do("POST", testWebhook+"?nonce=1&timestamp=2&signature=3", "{}").status)
	require.Equal(t, http.StatusNotFound, second.do("POST", testWebhook+"x?signature=3", "{}").status)
	require.Equal(t, http.StatusMethodNotAllowed, second.do("GET", testWebhook, "").status)
	second.do("POST", "/"+testWebhook+"?signature=3", "{}")
	second.stop()

	logs := p.logs.String() + second.logs.String()
	for _, secret := range []string{fake.Credentials().AppSecret, aliceToken, bobToken, testToken, testWebhook, "signature=", "nonce="} {
		require.NotContains(t, logs, secret)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(logs), "\n") {
		require.True(t, strings.HasPrefix(line, `{"time":"`), "a line of JSON: %s", line)
	}
	require.Contains(t, logs, `"method":"POST","route":"webhook","status":200`)
	require.Contains(t, logs, `"method":"DELETE","route":"DELETE /users/{id}","status":202`)
	files, err := filepath.Glob(filepath.Dir(database) + "/*")
	require.NoError(t, err)
	require.Equal(t, []string{database, database + ".lock"}, files)
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode(), file)
	}
}

func TestProcess(t *testing.T) {
	binary := build(t)
	t.Run("stopped by SIGTERM", func(t *testing.T) {
		fake, _ := startService(t)
		p, cmd := startProcess(t, binary)
		token := p.login("alice")
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		require.NoError(t, cmd.Wait(), "the exit status is 0")
		require.Contains(t, p.logs.String(), `"msg":"stopping"`)

		p, _ = startProcess(t, binary)
		require.Equal(t, token, p.login("alice"))
		require.Equal(t, 1, registrations(fake))
	})
	t.Run("killed during a deletion", func(t *testing.T) {
		fake, _ := startService(t)
		p, cmd := startProcess(t, binary)
		fake.SetWebhookURL(p.url + testWebhook)
		p.login("alice")
		require.Equal(t, http.StatusAccepted, p.do("DELETE", "/users/alice", "").status)
		waitUntil(t, "RC accepts", func() bool { return fake.User("alice").Deactivated })
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())

		p, _ = startProcess(t, binary)
		fake.SetWebhookURL(p.url + testWebhook)
		p.waitForUser("alice", "state", "deleting")
		fake.Advance(15 * time.Minute)
		p.waitUntilDeleted("alice")
	})
	t.Run("port in use", func(t *testing.T) {
		startService(t)
		p, _ := startProcess(t, binary)
		t.Setenv("LISTEN_ADDR", strings.TrimPrefix(p.url, "http://"))
		t.Setenv("DATABASE", filepath.Join(t.TempDir(), "other.db"))
		out, err := exec.CommandContext(t.Context(), binary).CombinedOutput()
		require.Error(t, err)
		require.Regexp(t, `"level":"ERROR","msg":"failed","error":"LISTEN_ADDR: .*address already in use`, string(out))
	})
}

func startProcess(t *testing.T, binary string) (*program, *exec.Cmd) {
	t.Helper()
	l := newLogs()
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Stderr = l
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // unless the test has done so
		_ = cmd.Wait()
	})
	return &program{t: t, logs: l, token: testToken, url: l.url(t)}, cmd
}
