package rcuser_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// validConfig is what the tables below spoil.
func validConfig() rcuser.Config {
	return rcuser.Config{AppKey: testKey, AppSecret: testSecret, DataCenter: rcuser.Beijing}
}

func fixedCredentials(key, secret string) rcuser.CredentialsFunc {
	return func(context.Context) (rcuser.Credentials, error) {
		return rcuser.Credentials{AppKey: key, AppSecret: secret}, nil
	}
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		spoil      func(*rcuser.Config)
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
		tc.spoil(&config)
		client, err := rcuser.NewClient(config)
		require.Nil(t, client)
		requireArgumentError(t, err, tc.name, tc.text, &wiretap{})
		require.NotContains(t, err.Error(), testSecret)
	}
}

// baseURLs are allowed as they stand, allowed if http is, or never.
var baseURLs = []struct {
	url    string
	always bool
	fault  string // with http allowed; "" if that makes it good
}{
	{"https://api.example.com", true, ""},
	{"HTTPS://api.example.com/", true, ""},
	{"https://api.example.com:8443/rc/api/", true, ""},
	{"https://[2001:db8::1]", true, ""},
	{"http://localhost", true, ""},
	{"http://LocalHost:8080", true, ""},
	{"http://127.0.0.1:8080", true, ""},
	{"http://127.1.2.3", true, ""},
	{"http://[::1]:8080", true, ""},
	{"http://[::ffff:127.0.0.1]", true, ""},
	{"http://api.example.com", false, ""},
	{"http://localhost.example.com", false, ""},
	{"http://127.0.0.1.example.com", false, ""},
	{"http://10.0.0.1", false, ""},
	{"http://0.0.0.0", false, ""},
	{"http://[::]", false, ""},
	{"http://[::ffff:10.0.0.1]", false, ""},
	{"https://user@api.example.com", false, "user name"},
	{"https://user:pa55word@api.example.com", false, "user name"},
	{"https://user:pa55word@api.example.com:port", false, "not a URL"},
	{"https://api.example.com?x=1", false, "query"},
	{"https://api.example.com/?", false, "query"},
	{"https://api.example.com#x", false, "fragment"},
	{"https://api.example.com#", false, "fragment"},
	{"api.example.com", false, "no host"},
	{"https://", false, "no host"},
	{"https:///user", false, "no host"},
	{"https://:443", false, "no host"},
	{"https:api.example.com", false, "no host"},
	{"//api.example.com", false, "neither https nor http"},
	{"ftp://api.example.com", false, "neither https nor http"},
	{"ws://localhost", false, "neither https nor http"},
	{"https://api.example.com\n", false, "not a URL"},
	{"://", false, "not a URL"},
}

func TestBaseURLs(t *testing.T) {
	t.Parallel()
	for _, tc := range baseURLs {
		config := validConfig()
		config.DataCenter = rcuser.DataCenter{Primary: tc.url}
		_, err := rcuser.NewClient(config)
		if tc.always {
			require.NoError(t, err, tc.url)
		} else {
			requireArgumentError(t, err, "DataCenter.Primary", tc.fault, &wiretap{})
			require.NotContains(t, err.Error(), "pa55word")
		}
		config.AllowInsecureHTTP = true
		_, err = rcuser.NewClient(config)
		if tc.fault == "" {
			require.NoError(t, err, tc.url)
		} else {
			requireArgumentError(t, err, "DataCenter.Primary", tc.fault, &wiretap{})
		}
		config.DataCenter = rcuser.DataCenter{Primary: "https://api.example.com", Backup: tc.url}
		_, err = rcuser.NewClient(config)
		require.Equal(t, tc.fault == "", err == nil, tc.url)
	}
}

func TestBaseURLKeepsPortAndPath(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"https://api.example.com:8443/rc/api": "https://api.example.com:8443/rc/api/user/block.json",
		"https://api.example.com/rc/":         "https://api.example.com/rc/user/block.json",
		"https://api.example.com/":            "https://api.example.com/user/block.json",
		"http://[::1]:80":                     "http://[::1]:80/user/block.json",
	} {
		client, tap := newClient(t, reply(http.StatusOK, success), func(c *rcuser.Config) {
			c.DataCenter = rcuser.DataCenter{Primary: base}
		})
		require.NoError(t, ban(t.Context(), client))
		require.NoError(t, ban(t.Context(), client), "the first call leaves the base URL as it was")
		require.Equal(t, want, tap.requests()[1].URL)
	}
}

func TestDataCenters(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		center        rcuser.DataCenter
		host, backup  string
		hoursEastward int
	}{
		"Beijing":      {rcuser.Beijing, "api.rong-api.com", "api-b.rong-api.com", 8},
		"Singapore":    {rcuser.Singapore, "api.sg-light-api.com", "api-b.sg-light-api.com", 0},
		"SingaporeB":   {rcuser.SingaporeB, "api.sg-b-light-api.com", "api-b.sg-b-light-api.com", 0},
		"NorthAmerica": {rcuser.NorthAmerica, "api.us-light-api.com", "api-b.us-light-api.com", 0},
		"SaudiArabia":  {rcuser.SaudiArabia, "api.sau-light-api.com", "api-b.sau-light-api.com", 0},
		"":             {rcuser.DataCenter{Primary: "https://api.example.com"}, "api.example.com", "", 0},
	} {
		require.Equal(t, name, tc.center.Name)
		require.Equal(t, "https://"+tc.host, tc.center.Primary)
		if tc.backup != "" {
			require.Equal(t, "https://"+tc.backup, tc.center.Backup)
		}
		client, tap := newClient(t, inTurn(
			reply(http.StatusOK, `{"code":200,"userName":"n","userPortrait":"","createTime":"2024-01-01 08:00:00"}`),
			reply(http.StatusOK, `{"code":200,"users":[{"userId":"u","blockEndTime":"2024-01-01 08:00:00"}]}`),
		), func(c *rcuser.Config) { c.DataCenter = tc.center })
		user, err := client.Users.Get(t.Context(), "u")
		require.NoError(t, err)
		bans, err := client.Bans.List(t.Context(), rcuser.PageOptions{})
		require.NoError(t, err)
		want := time.Date(2024, 1, 1, 8-tc.hoursEastward, 0, 0, 0, time.UTC)
		for _, got := range []time.Time{user.CreatedAt, bans[0].Until} {
			require.Equal(t, want, got.UTC(), name)
			require.Equal(t, 8, got.Hour(), "it is in the data center's zone")
		}
		require.True(t, strings.HasPrefix(tap.requests()[0].URL, "https://"+tc.host+"/user/"), name)
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

// TestHTTPFromEnvIsForNewClientToRefuse leaves a program the chance to set AllowInsecureHTTP.
func TestHTTPFromEnvIsForNewClientToRefuse(t *testing.T) {
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

// TestUsersHTTPClientStaysAsItIs also shows that its redirect policy and cookies play no part.
func TestUsersHTTPClientStaysAsItIs(t *testing.T) {
	t.Parallel()
	tap := &wiretap{respond: reply(http.StatusOK, success)}
	own := &http.Client{Transport: tap, Timeout: time.Minute}
	client, _ := newClient(t, nil, func(c *rcuser.Config) { c.HTTPClient = own })
	require.NoError(t, ban(t.Context(), client))
	require.Equal(t, &http.Client{Transport: tap, Timeout: time.Minute}, own)
	require.Nil(t, own.CheckRedirect)
	own.Transport, own.Timeout = roundTripFunc(unexpected(t)), time.Nanosecond
	require.NoError(t, ban(t.Context(), client), "a later change has no effect")
	require.Len(t, tap.requests(), 2)
}

func TestUserAgent(t *testing.T) {
	t.Parallel()
	for suffix, want := range map[string]string{
		"":               `^rcuser/\S+ \(go1\.[^)]*\)$`,
		"shop/1.2 (x y)": `^rcuser/\S+ \(go1\.[^)]*\) shop/1\.2 \(x y\)$`,
	} {
		client, tap := newClient(t, reply(http.StatusOK, success), func(c *rcuser.Config) { c.UserAgent = suffix })
		require.NoError(t, ban(t.Context(), client))
		require.Regexp(t, want, tap.requests()[0].Header.Get("User-Agent"))
	}
}

func TestConfigRefusesWhatItCannotDo(t *testing.T) {
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
