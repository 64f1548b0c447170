package rcuser_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// validConfig returns the configuration that the tables below change.
func validConfig() rcuser.Config {
	return rcuser.Config{AppKey: testKey, AppSecret: testSecret, DataCenter: rcuser.Beijing}
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		change     func(*rcuser.Config)
	}{
		{"AppKey", "is empty", func(c *rcuser.Config) { c.AppKey = "" }},
		{"AppSecret", "is empty", func(c *rcuser.Config) { c.AppSecret = "" }},
		{"AppKey", "space", func(c *rcuser.Config) { c.AppKey = "a b" }},
		{"AppKey", "line break", func(c *rcuser.Config) { c.AppKey = "a\n" }},
		{"AppKey", "ASCII", func(c *rcuser.Config) { c.AppKey = "ключ" }},
		{"AppSecret", "line break", func(c *rcuser.Config) { c.AppSecret = testSecret + "\n" }},
		{"AppSecret", "space", func(c *rcuser.Config) { c.AppSecret = " " + testSecret }},
		{"Credentials", "AppKey or AppSecret", func(c *rcuser.Config) { c.Credentials = fixedCredentials("k", "s") }},
		{"Credentials", "AppKey or AppSecret", func(c *rcuser.Config) { c.AppKey, c.Credentials = "", fixedCredentials("k", "s") }},
		{"Credentials", "AppKey or AppSecret", func(c *rcuser.Config) { c.AppSecret, c.Credentials = "", fixedCredentials("k", "s") }},
		{"DataCenter", "is empty", func(c *rcuser.Config) { c.DataCenter = rcuser.DataCenter{} }},
		{"DataCenter.Backup", "neither", func(c *rcuser.Config) { c.DataCenter.Backup = "ftp://x.io" }},
		{"DataCenter.Backup", "http", func(c *rcuser.Config) { c.DataCenter.Backup = "http://x.io" }},
		{"AttemptTimeout", "negative", func(c *rcuser.Config) { c.AttemptTimeout = -1 }},
		{"HTTPClient.Timeout", "negative", func(c *rcuser.Config) { c.HTTPClient = &http.Client{Timeout: -1} }},
		{"UserAgent", "line break", func(c *rcuser.Config) { c.UserAgent = "a\r\nX: y" }},
		{"UserAgent", "ASCII", func(c *rcuser.Config) { c.UserAgent = "é" }},
		{"Retry.MaxAttempts", "-1 is negative", func(c *rcuser.Config) { c.Retry.MaxAttempts = -1 }},
		{"Retry.BaseWait", "-1s is negative", func(c *rcuser.Config) { c.Retry.BaseWait = -time.Second }},
		{"Retry.MaxWait", "-1s is negative", func(c *rcuser.Config) { c.Retry.MaxWait = -time.Second }},
		{"Retry.MaxRetryAfter", "-1s is negative", func(c *rcuser.Config) { c.Retry.MaxRetryAfter = -time.Second }},
	} {
		config := validConfig()
		tc.change(&config)
		client, err := rcuser.NewClient(config)
		require.Nil(t, client)
		requireArgumentError(t, err, tc.name, tc.text, &wiretap{})
		require.NotContains(t, err.Error(), testSecret)
	}
}

func clearEnv(t *testing.T) {
	t.Helper()
	for _, name := range []string{"RC_APP_KEY", "RC_APP_SECRET", "RC_DATA_CENTER", "RC_BASE_URL", "RC_BACKUP_URL"} {
		t.Setenv(name, "")
	}
}

func TestConfigFromEnv(t *testing.T) {
	private := rcuser.DataCenter{Primary: "https://rc.example.com", Backup: "https://rc-b.example.com"}
	alone := rcuser.DataCenter{Primary: "https://rc.example.com"}
	zoned := rcuser.DataCenter{Name: "Beijing", Primary: "https://rc.example.com", Location: rcuser.Beijing.Location}
	for _, tc := range []struct {
		center, base, backup string
		want                 rcuser.DataCenter
	}{
		{"Beijing", "", "", rcuser.Beijing},
		{"singapore", "", "", rcuser.Singapore},
		{"SINGAPOREB", "", "", rcuser.SingaporeB},
		{"northAmerica", "", "", rcuser.NorthAmerica},
		{"SaudiArabia", "", "", rcuser.SaudiArabia},
		{"", "https://rc.example.com", "https://rc-b.example.com", private},
		{"", "https://rc.example.com", "", alone},
		{"", "http://127.0.0.1:8080", "", rcuser.DataCenter{Primary: "http://127.0.0.1:8080"}},
		{"beijing", "https://rc.example.com", "", zoned},
	} {
		clearEnv(t)
		t.Setenv("RC_APP_KEY", "k1")
		t.Setenv("RC_APP_SECRET", "s1")
		t.Setenv("RC_DATA_CENTER", tc.center)
		t.Setenv("RC_BASE_URL", tc.base)
		t.Setenv("RC_BACKUP_URL", tc.backup)
		config, err := rcuser.ConfigFromEnv()
		require.NoError(t, err)
		require.Equal(t, rcuser.Config{AppKey: "k1", AppSecret: "s1", DataCenter: tc.want}, config)
		_, err = rcuser.NewClient(config)
		require.NoError(t, err)
	}
}

// TestConfigFromEnvAcceptsHTTP leaves the check to NewClient, so that a program can set AllowInsecureHTTP.
// TestConfigFromEnvIgnoresWhiteSpace has values as they come from files that end in a newline.
func TestConfigFromEnvIgnoresWhiteSpace(t *testing.T) {
	clearEnv(t)
	t.Setenv("RC_APP_KEY", " k1\n")
	t.Setenv("RC_APP_SECRET", "s1\r\n")
	t.Setenv("RC_DATA_CENTER", "Beijing\n")
	t.Setenv("RC_BASE_URL", "\thttps://rc.example.com\n")
	t.Setenv("RC_BACKUP_URL", "\n")
	config, err := rcuser.ConfigFromEnv()
	require.NoError(t, err)
	require.Equal(t, rcuser.Credentials{AppKey: "k1", AppSecret: "s1"}, rcuser.Credentials{AppKey: config.AppKey, AppSecret: config.AppSecret})
	require.Equal(t, rcuser.DataCenter{Name: "Beijing", Primary: "https://rc.example.com", Location: rcuser.Beijing.Location}, config.DataCenter)
	t.Setenv("RC_APP_SECRET", "\n")
	_, err = rcuser.ConfigFromEnv()
	requireArgumentError(t, err, "RC_APP_SECRET", "not set", &wiretap{})
}

func TestConfigFromEnvAcceptsHTTP(t *testing.T) {
	clearEnv(t)
	t.Setenv("RC_APP_KEY", "k1")
	t.Setenv("RC_APP_SECRET", "s1")
	t.Setenv("RC_BASE_URL", "http://x.io")
	config, err := rcuser.ConfigFromEnv()
	require.NoError(t, err)
	_, err = rcuser.NewClient(config)
	requireArgumentError(t, err, "DataCenter.Primary", "http, which is refused", &wiretap{})
	config.AllowInsecureHTTP = true
	_, err = rcuser.NewClient(config)
	require.NoError(t, err)
}

func TestConfigFromBadEnv(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		env        map[string]string
	}{
		{"RC_APP_KEY", "not set", map[string]string{"RC_APP_KEY": ""}},
		{"RC_APP_SECRET", "not set", map[string]string{"RC_APP_SECRET": ""}},
		{"RC_DATA_CENTER", "neither is RC_BASE_URL", map[string]string{"RC_DATA_CENTER": ""}},
		{"RC_DATA_CENTER", "is none of Beijing, Singapore", map[string]string{"RC_DATA_CENTER": "Mars"}},
		{"RC_BACKUP_URL", "without RC_BASE_URL", map[string]string{"RC_BACKUP_URL": "https://x.io"}},
		{"RC_BASE_URL", "user name", map[string]string{"RC_BASE_URL": "https://a:s3cret@x.io"}},
		{"RC_BACKUP_URL", "neither https nor http", map[string]string{"RC_BASE_URL": "https://x.io", "RC_BACKUP_URL": "ftp://x.io"}},
	} {
		clearEnv(t)
		t.Setenv("RC_APP_KEY", testKey)
		t.Setenv("RC_APP_SECRET", "s3cret")
		t.Setenv("RC_DATA_CENTER", "Beijing")
		for name, value := range tc.env {
			t.Setenv(name, value)
		}
		config, err := rcuser.ConfigFromEnv()
		require.Equal(t, rcuser.Config{}, config)
		requireArgumentError(t, err, tc.name, tc.text, &wiretap{})
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestUnsupportedConfig(t *testing.T) {
	t.Parallel()
	config := rcuser.Config{AppKey: "k", AppSecret: "s", DataCenter: rcuser.DataCenter{Primary: "https://host:99999"}}
	_, err := rcuser.NewClient(config)
	require.ErrorContains(t, err, "DataCenter.Primary: has a port beyond 65535")
	config.DataCenter.Primary = "https://host/a%2Fb"
	_, err = rcuser.NewClient(config)
	require.ErrorContains(t, err, "escaped")
	config.DataCenter.Primary = "http://[::ffff:127.0.0.1]:8080"
	_, err = rcuser.NewClient(config)
	require.NoError(t, err)
	config.HTTPClient = &http.Client{Jar: jar{}}
	_, err = rcuser.NewClient(config)
	require.ErrorContains(t, err, "HTTPClient.Jar")
}

type jar struct{ http.CookieJar }
