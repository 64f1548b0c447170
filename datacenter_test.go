package rcuser_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// baseURLs lists URLs that are always valid, valid with AllowInsecureHTTP, or never valid.
var baseURLs = []struct {
	url    string
	always bool   // valid without AllowInsecureHTTP
	fault  string // the error with AllowInsecureHTTP; "" if it is valid then
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
	{"https://api.example.com/r c", false, "would have to be escaped"},
	{"https://api.example.com/a%2Fb", false, "would have to be escaped"},
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
