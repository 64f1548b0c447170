package main

import (
	"context"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// setEnvironment sets the given variables, and clears all others that the program reads.
func setEnvironment(t *testing.T, set map[string]string) {
	t.Helper()
	for _, name := range []string{
		"RC_APP_KEY", "RC_APP_SECRET", "RC_DATA_CENTER", "RC_BASE_URL", "RC_BACKUP_URL",
		"LISTEN_ADDR", "DATABASE", "WEBHOOK_PATH", "TOKEN_TTL", "API_TOKEN",
	} {
		t.Setenv(name, set[name])
	}
}

func TestDefaults(t *testing.T) {
	setEnvironment(t, nil)
	s, err := settingsFromEnv()
	require.NoError(t, err)
	defer s.fake.Close()
	require.Equal(t, "127.0.0.1:8080", s.listen)
	require.Empty(t, s.database)
	require.Zero(t, s.tokenTTL)
	require.Regexp(t, `^/[A-Z2-7]{26}$`, s.webhookPath)

	setEnvironment(t, map[string]string{
		"RC_APP_KEY": "key", "RC_APP_SECRET": "secret", "RC_DATA_CENTER": "Singapore",
		"WEBHOOK_PATH": "/0123456789abcdef", "API_TOKEN": testToken, "TOKEN_TTL": "720h", "LISTEN_ADDR": ":80",
	})
	s, err = settingsFromEnv()
	require.NoError(t, err)
	require.Nil(t, s.fake)
	require.Equal(t, "tokenserver.db", s.database)
	require.Equal(t, 30*24*time.Hour, s.tokenTTL)
	require.Equal(t, "Singapore", s.rc.DataCenter.Name)
}

// TestSettingsFromFiles have the newline, or the carriage return too, that a file usually ends with.
func TestSettingsFromFiles(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", " "} {
		setEnvironment(t, map[string]string{
			"RC_APP_KEY": "key" + end, "RC_APP_SECRET": "secret" + end, "RC_DATA_CENTER": "Singapore",
			"WEBHOOK_PATH": "/0123456789abcdef" + end, "API_TOKEN": testToken + end, "TOKEN_TTL": "720h" + end,
			"LISTEN_ADDR": ":80" + end, "DATABASE": "users.db" + end,
		})
		s, err := settingsFromEnv()
		require.NoError(t, err, "%q", end)
		require.Equal(t, testToken, s.apiToken)
		require.Equal(t, "/0123456789abcdef", s.webhookPath)
		require.Equal(t, 720*time.Hour, s.tokenTTL)
		require.Equal(t, ":80", s.listen)
		require.Equal(t, "users.db", s.database)
		require.Equal(t, "key", s.rc.AppKey)
		require.Equal(t, "secret", s.rc.AppSecret)
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	service := map[string]string{
		"RC_APP_KEY": "key", "RC_APP_SECRET": "secret", "RC_DATA_CENTER": "Singapore",
		"WEBHOOK_PATH": "/0123456789abcdef", "API_TOKEN": testToken,
	}
	for _, c := range []struct {
		service     bool
		name, value string
	}{
		{true, "RC_APP_KEY", ""},
		{true, "RC_APP_SECRET", ""},
		{true, "RC_DATA_CENTER", ""},
		{true, "RC_DATA_CENTER", "Mars"},
		{true, "WEBHOOK_PATH", ""},
		{true, "WEBHOOK_PATH", "/short"},
		{true, "WEBHOOK_PATH", "0123456789abcdef0"},
		{true, "WEBHOOK_PATH", "/{0123456789abcdef}"},
		{true, "API_TOKEN", ""},
		{true, "API_TOKEN", "short"},
		{true, "API_TOKEN", "0123456789abcde\n"}, // 15 characters and a newline
		{true, "API_TOKEN", "api token of the tests"},
		{true, "API_TOKEN", "api-token\nof-the-tests"},
		{true, "API_TOKEN", "api-token-of-the-tësts"},
		{true, "TOKEN_TTL", "30 days"},
		{true, "TOKEN_TTL", "-1h"},
		{true, "LISTEN_ADDR", "8080"},
		{false, "LISTEN_ADDR", ":8080"},
		{false, "LISTEN_ADDR", "0.0.0.0:8080"},
		{false, "LISTEN_ADDR", "example.com:8080"},
		{false, "LISTEN_ADDR", "127.0.0.1:99999"},
		{false, "WEBHOOK_PATH", "/short"},
		{false, "DATABASE", filepath.Join(t.TempDir(), "production.db")},
		{false, "API_TOKEN", testToken},
		{false, "RC_DATA_CENTER", "Singapore"},
		{false, "RC_BASE_URL", "https://example.com"},
		{false, "RC_BACKUP_URL", "https://example.com"},
		{true, "DATABASE", filepath.Join(t.TempDir(), "no", "such", "directory")},
	} {
		set := map[string]string{}
		if c.service {
			maps.Copy(set, service)
		}
		set[c.name] = c.value
		setEnvironment(t, set)
		var logs strings.Builder
		ctx, cancel := context.WithTimeout(t.Context(), testTimeout) // ends run if it accepts the settings
		err := run(ctx, &logs)
		cancel()
		require.ErrorContains(t, err, c.name, c.value)
		require.Contains(t, logs.String(), c.name)
		require.NotContains(t, logs.String(), "0123456789abcdef")
	}
}

// TestWithoutSettings also checks that no temporary file is left.
func TestWithoutSettings(t *testing.T) {
	temp := t.TempDir()
	setEnvironment(t, map[string]string{"LISTEN_ADDR": "localhost:0"})
	t.Setenv("TMPDIR", temp)
	l := newLogs()
	p := launch(t, l, func(ctx context.Context) error { return run(ctx, l) })
	require.Contains(t, p.do("GET", "/", "").body, "fake RC")
	p.login("alice")
	require.Equal(t, http.StatusNoContent, p.do("POST", "/demo/online", `{"userId": "alice", "online": true}`).status)
	p.waitForUser("alice", "online", true)
	require.Equal(t, http.StatusAccepted, p.do("DELETE", "/users/alice", "").status)
	p.waitForUser("alice", "online", false)
	require.Equal(t, http.StatusNoContent, p.do("POST", "/demo/advance", "").status)
	p.waitUntilDeleted("alice")
	p.stop()
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
}
