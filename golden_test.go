package rcuser_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// golden is what an example of the documentation means: the call that it shows, the body to send, and the result.
type golden struct {
	path string
	call func(context.Context, *rcuser.Client) (any, error)
	body string
	want any
	// formNotShown marks an example that shows the answer alone.
	formNotShown bool
}

// onlyError is for methods without a result.
func onlyError(call func(context.Context, *rcuser.Client) error) func(context.Context, *rcuser.Client) (any, error) {
	return func(ctx context.Context, client *rcuser.Client) (any, error) { return nil, call(ctx, client) }
}

var (
	beijingTime = time.FixedZone("UTC+8", 8*60*60)
	ironman     = "Ironman"
	portrait    = "http://abc.com/myportrait.jpg"
	tenUsers    = []string{"uid20", "uid19", "uid18", "uid17", "uid16", "uid15", "uid14", "uid13", "uid12", "uid11"}
)

// goldens stand in the order of testdata/examples.json.
var goldens = []golden{
	{
		path: "/user/getToken.json",
		call: func(ctx context.Context, c *rcuser.Client) (any, error) {
			return c.Users.Register(ctx, rcuser.Registration{UserID: "jlk456j5", Name: "Ironman", PortraitURI: portrait})
		},
		body: "name=Ironman&portraitUri=http%3A%2F%2Fabc.com%2Fmyportrait.jpg&userId=jlk456j5",
		want: rcuser.Token{UserID: "jlk456j5", Value: "sfd9823ihufi"},
	},
	{
		path: "/user/token/expire.json",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			before := time.Date(2021, 3, 10, 15, 55, 55, 344_999_999, beijingTime)
			return c.Tokens.Expire(ctx, []string{"test1", "test2"}, before)
		}),
		body: "time=1615362955344&userId=test1&userId=test2",
	},
	{
		path: "/user/info.json",
		call: func(ctx context.Context, c *rcuser.Client) (any, error) { return c.Users.Get(ctx, "123") },
		body: "userId=123",
		want: rcuser.User{ID: "123", Name: "123", CreatedAt: time.Date(2016, 5, 24, 10, 38, 19, 0, beijingTime)},
	},
	{
		path: "/user/refresh.json",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			return c.Users.Update(ctx, "jlk456j5", rcuser.UserUpdate{Name: &ironman, PortraitURI: &portrait})
		}),
		body: "name=Ironman&portraitUri=http%3A%2F%2Fabc.com%2Fmyportrait.jpg&userId=jlk456j5",
	},
	{
		path: "/user/block.json",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			return c.Bans.Add(ctx, []string{"UserA"}, 10*time.Minute)
		}),
		body: "minute=10&userId=UserA",
	},
	{
		path: "/user/block.json",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			return c.Bans.Add(ctx, []string{"BWSZNmXBD", "jlk456j5"}, 10*time.Minute)
		}),
		body: "minute=10&userId=BWSZNmXBD&userId=jlk456j5",
	},
	{
		path: "/user/unblock.json",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			return c.Bans.Remove(ctx, []string{"jlk456j5", "jlk45211"})
		}),
		body: "userId=jlk456j5&userId=jlk45211",
	},
	{
		path: "/user/block/query.json",
		call: func(ctx context.Context, c *rcuser.Client) (any, error) {
			return c.Bans.List(ctx, rcuser.PageOptions{Page: 1, Size: 50})
		},
		body: "page=1&size=50",
		want: []rcuser.Ban{{UserID: "jlk456j5", Until: time.Date(2015, 1, 11, 1, 28, 20, 0, beijingTime)}},
	},
	{
		path: "/user/block/query.json",
		call: func(ctx context.Context, c *rcuser.Client) (any, error) {
			return c.Bans.List(ctx, rcuser.PageOptions{})
		},
		want: []rcuser.Ban{},
	},
	{
		path: "/user/checkOnline.json",
		call: func(ctx context.Context, c *rcuser.Client) (any, error) { return c.Presence.Online(ctx, "jlk456j5") },
		body: "userId=jlk456j5",
		want: true,
	},
	{
		path:         "/user/checkOnline.json",
		call:         func(ctx context.Context, c *rcuser.Client) (any, error) { return c.Presence.Online(ctx, "jlk456j5") },
		body:         "userId=jlk456j5",
		want:         false,
		formNotShown: true,
	},
	{
		path: "/user/blacklist/add.json",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			return c.Blocklist.Add(ctx, "jlk456j5", []string{"jlk454"})
		}),
		body: "blackUserId=jlk454&userId=jlk456j5",
	},
	{
		path: "/user/blacklist/remove.json",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			return c.Blocklist.Remove(ctx, "jlk456j5", []string{"jlk454"})
		}),
		body: "blackUserId=jlk454&userId=jlk456j5",
	},
	{
		path: "/user/blacklist/query.json",
		call: func(ctx context.Context, c *rcuser.Client) (any, error) {
			return c.Blocklist.List(ctx, "jlk456j5", rcuser.CursorOptions{Token: "COIB", Size: 10})
		},
		body: "pageToken=COIB&size=10&userId=jlk456j5",
		want: rcuser.Page{UserIDs: tenUsers, Next: "CNgB"},
	},
	{
		path: "/user/blacklist/query.json",
		call: func(ctx context.Context, c *rcuser.Client) (any, error) {
			return c.Blocklist.List(ctx, "jlk456j5", rcuser.CursorOptions{})
		},
		body: "userId=jlk456j5",
		want: rcuser.Page{UserIDs: []string{"jlk454", "jlk457"}},
	},
	{
		path: "/user/whitesetting/set.json",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			return c.Allowlist.Disable(ctx, []string{"98", "99"})
		}),
		body: "userId=98&userId=99&whiteSetting=0",
	},
	{
		path: "/user/whitesetting/query.json",
		call: func(ctx context.Context, c *rcuser.Client) (any, error) {
			return c.Allowlist.Enabled(ctx, []string{"98", "99"})
		},
		body: "userId=98&userId=99",
		want: map[string]bool{"00": false},
	},
	{
		path: "/user/whitelist/add.json",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			return c.Allowlist.Add(ctx, "7", []string{"123", "1456"})
		}),
		body: "userId=7&whiteUserId=123&whiteUserId=1456",
	},
	{
		path: "/user/whitelist/remove.json",
		call: onlyError(func(ctx context.Context, c *rcuser.Client) error {
			return c.Allowlist.Remove(ctx, "7", []string{"123", "1456"})
		}),
		body: "userId=7&whiteUserId=123&whiteUserId=1456",
	},
	{
		path: "/user/whitelist/query.json",
		call: func(ctx context.Context, c *rcuser.Client) (any, error) {
			return c.Allowlist.List(ctx, "jlk456j5", rcuser.CursorOptions{Token: "COIB", Size: 10})
		},
		body: "pageToken=COIB&size=10&userId=jlk456j5",
		want: rcuser.Page{UserIDs: tenUsers, Next: "CNgB"},
	},
	{
		path: "/user/deactivate.json",
		call: func(ctx context.Context, c *rcuser.Client) (any, error) {
			return c.Users.Deactivate(ctx, []string{"uid1", "uid2"})
		},
		body: "userId=uid1%2Cuid2",
		want: rcuser.Operation{ID: "C70B-B1D6-82E8-5SBO"},
	},
	{
		path: "/user/deactivate/query.json",
		call: func(ctx context.Context, c *rcuser.Client) (any, error) {
			return c.Users.ListDeactivated(ctx, rcuser.PageOptions{Page: 1, Size: 50})
		},
		body: "pageNo=1&pageSize=50",
		want: []string{"uid1", "uid2"},
	},
	{
		path: "/user/reactivate.json",
		call: func(ctx context.Context, c *rcuser.Client) (any, error) {
			return c.Users.Reactivate(ctx, []string{"uid1", "uid2"})
		},
		body: "userId=uid1%2Cuid2",
		want: rcuser.Operation{ID: "C70B-B1D6-82E8-5SBO"},
	},
}

// example is an entry of testdata/examples.json.
type example struct {
	Endpoint string          `json:"endpoint"`
	Form     string          `json:"request_form"`
	Answer   json.RawMessage `json:"response_body"`
}

func examples(t *testing.T) []example {
	t.Helper()
	data, err := os.ReadFile("testdata/examples.json")
	require.NoError(t, err)
	var all []example
	require.NoError(t, json.Unmarshal(data, &all))
	require.Len(t, all, 24)
	return all
}

// TestDocumentedExamples makes the calls that the documentation shows, and gives them its answers.
func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	for i, shown := range examples(t)[:len(goldens)] {
		want := goldens[i]
		t.Run(shown.Endpoint, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, want.path, shown.Endpoint)
			mock := newMock(t)
			mock.RegisterResponder(http.MethodPost, "https://api.rong-api.com"+want.path,
				httpmock.NewBytesResponder(http.StatusOK, shown.Answer))
			client, tap := newClient(t, mock.RoundTrip)
			before := time.Now().UnixMilli()
			got, err := want.call(t.Context(), client)
			require.NoError(t, err)
			require.Equal(t, want.want, got)
			require.Len(t, tap.requests(), 1)
			requireSigned(t, tap.requests()[0], before)
			require.Equal(t, want.body, tap.requests()[0].Body)
			if !want.formNotShown {
				requireSameForm(t, shown.Form, tap.requests()[0].Body)
			}
		})
	}
}

// requireSigned checks everything in a request but its path and body.
func requireSigned(t *testing.T, request exchange, before int64) {
	t.Helper()
	require.Equal(t, http.MethodPost, request.Method)
	require.Equal(t, "application/x-www-form-urlencoded", request.Header.Get("Content-Type"))
	require.Equal(t, testKey, request.Header.Get("App-Key"))
	nonce, timestamp := request.Header.Get("Nonce"), request.Header.Get("Timestamp")
	require.Regexp(t, `^[0-9a-f]{16}$`, nonce)
	require.Regexp(t, `^[0-9]{13}$`, timestamp)
	at, err := strconv.ParseInt(timestamp, 10, 64)
	require.NoError(t, err)
	require.GreaterOrEqual(t, at, before)
	require.LessOrEqual(t, at, time.Now().UnixMilli())
	sum := sha1.Sum([]byte(testSecret + nonce + timestamp))
	require.Equal(t, hex.EncodeToString(sum[:]), request.Header.Get("Signature"))
	require.Regexp(t, `^[!-~]{1,36}$`, request.Header.Get("X-Request-ID"))
	require.Regexp(t, `^rcuser/\S+ \(go1\.[^)]+\)$`, request.Header.Get("User-Agent"))
	require.Len(t, request.Header, 7, "no header but those above")
}

// requireSameForm compares two forms whatever the order of their keys.
func requireSameForm(t *testing.T, want, got string) {
	t.Helper()
	wantValues, err := url.ParseQuery(want)
	require.NoError(t, err)
	gotValues, err := url.ParseQuery(got)
	require.NoError(t, err)
	require.Equal(t, wantValues, gotValues)
}

// TestDocumentedError gives a call the one error that the documentation shows.
func TestDocumentedError(t *testing.T) {
	t.Parallel()
	shown := examples(t)[len(goldens)]
	require.Equal(t, "error", shown.Endpoint)
	mock := newMock(t)
	mock.RegisterResponder(http.MethodPost, "https://api.rong-api.com/user/getToken.json",
		httpmock.NewBytesResponder(http.StatusBadRequest, shown.Answer))
	client, _ := newClient(t, mock.RoundTrip)
	ctx := rcuser.WithRequestID(t.Context(), "abc")
	token, err := client.Users.Register(ctx, rcuser.Registration{UserID: "u1", Name: "n"})
	require.Equal(t, rcuser.Token{}, token)
	require.Equal(t, &rcuser.Error{
		Endpoint: "/user/getToken.json", StatusCode: 400, Code: rcuser.ErrParameter, Message: "invalid App-Key.",
		RequestID: "abc", Host: "api.rong-api.com", Attempts: 1, Outcome: rcuser.NotApplied,
	}, err)
	require.EqualError(t, err, "rcuser: POST /user/getToken.json: 1002 invalid App-Key. (HTTP 400, request abc, 1 attempt)")
}

// TestExamplesCoverEveryEndpoint keeps the list of paths by hand.
func TestExamplesCoverEveryEndpoint(t *testing.T) {
	t.Parallel()
	covered := map[string]bool{}
	for _, g := range goldens {
		covered[g.path] = true
	}
	require.Len(t, goldens, 23)
	require.Equal(t, map[string]bool{
		"/user/getToken.json": true, "/user/token/expire.json": true, "/user/info.json": true,
		"/user/refresh.json": true, "/user/block.json": true, "/user/unblock.json": true,
		"/user/block/query.json": true, "/user/checkOnline.json": true, "/user/blacklist/add.json": true,
		"/user/blacklist/remove.json": true, "/user/blacklist/query.json": true,
		"/user/whitesetting/set.json": true, "/user/whitesetting/query.json": true,
		"/user/whitelist/add.json": true, "/user/whitelist/remove.json": true, "/user/whitelist/query.json": true,
		"/user/deactivate.json": true, "/user/deactivate/query.json": true, "/user/reactivate.json": true,
	}, covered)
}
