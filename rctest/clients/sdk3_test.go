package clients

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// What version 3 makes of RC's codes: it replaces some of them by its own.
const (
	sdk3BadSignature = "20000" // 1004
	sdk3RateLimited  = "20001" // 1008
	sdk3UserLimit    = "10001" // 2007
	sdk3TooLong      = "20003" // found by the SDK itself, as are the following
	sdk3BadMinutes   = "20004"
	sdk3Missing      = "20005"
	sdk3BadType      = "20006"
)

// startSDK3 starts a server and rongcloud-sdk 3.1.1 on it.
func startSDK3(t *testing.T, opts ...rctest.Option) (*rctest.Server, *driver) {
	t.Helper()
	srv := rctest.NewServer(opts...)
	t.Cleanup(srv.Close)
	return srv, sdk3(t, srv.Credentials(), srv.Listen())
}

func sdk3(t *testing.T, c rcuser.Credentials, urls string) *driver {
	return startNode(t, "sdk3.js", c, map[string]string{"RC_URLS": urls})
}

func alice(t *testing.T, client *driver) {
	t.Helper()
	client.call("register", map[string]any{"id": "alice", "name": "Alice", "portrait": "https://example.com/a.png"})
}

// TestSDK3HasTheseUserCalls fails when a new version has calls that no test here makes.
func TestSDK3HasTheseUserCalls(t *testing.T) {
	_, client := startSDK3(t)
	require.ElementsMatch(t, []string{
		"register", "update",
		"Block.add", "Block.remove", "Block.getList",
		"Blacklist.add", "Blacklist.remove", "Blacklist.getList",
		"OnlineStatus.get",
		"Tag.set", "Tag.remove", "Tag.batchSet", "Tag.batchRemove", "Tag.getList",
	}, client.userCalls())
}

func TestSDK3Registers(t *testing.T) {
	srv, client := startSDK3(t)
	const name, portrait = "Ann & Co. 你好 🎉 +%", "https://example.com/a.png?size=1&x=%20#top"
	got := client.call("register", map[string]any{"id": "a+b=c-d_e", "name": name, "portrait": portrait})
	require.EqualValues(t, 200, got["code"])
	require.Equal(t, "a+b=c-d_e", got["userId"])
	require.True(t, srv.ValidToken("a+b=c-d_e", got["token"].(string)))
	user := srv.User("a+b=c-d_e")
	require.True(t, user.Registered)
	require.Equal(t, name, user.Name)
	require.Equal(t, portrait, user.PortraitURI)
}

func TestSDK3Updates(t *testing.T) {
	srv, client := startSDK3(t)
	alice(t, client)
	got := client.call("update", map[string]any{"id": "alice", "name": "Alicia", "portrait": "https://example.com/b.png"})
	require.Equal(t, map[string]any{"code": 200.0}, got)
	require.Equal(t, "Alicia", srv.User("alice").Name)
	require.Equal(t, "https://example.com/b.png", srv.User("alice").PortraitURI)
}

func TestSDK3Bans(t *testing.T) {
	srv, client := startSDK3(t)
	for _, id := range []string{"alice", "bob", "carol"} {
		srv.SetOnline(id, true)
	}
	client.call("Block.add", map[string]any{"id": "alice", "minute": 10})
	client.call("Block.add", map[string]any{"id": []string{"bob", "carol"}, "minute": 43200})
	require.False(t, srv.User("alice").Online)
	require.False(t, srv.CanMessage("alice", "dave"))

	var listed []any
	for _, id := range []string{"bob", "carol", "alice"} { // the latest end first
		until := srv.User(id).BannedUntil
		require.False(t, until.IsZero(), id)
		listed = append(listed, map[string]any{"userId": id, "blockEndTime": until.Format(time.DateTime)})
	}
	require.Equal(t, map[string]any{"code": 200.0, "users": listed}, client.call("Block.getList"))

	client.call("Block.remove", map[string]any{"id": []string{"alice", "bob"}})
	require.True(t, srv.User("alice").BannedUntil.IsZero())
	require.True(t, srv.User("bob").BannedUntil.IsZero())
	require.False(t, srv.User("carol").BannedUntil.IsZero())
	srv.Advance(30 * 24 * time.Hour)
	require.Empty(t, client.call("Block.getList")["users"])
}

func TestSDK3Blocklists(t *testing.T) {
	srv, client := startSDK3(t)
	list := func(ids ...string) map[string]any {
		users := []map[string]any{}
		for _, id := range ids {
			users = append(users, map[string]any{"id": id})
		}
		return map[string]any{"id": "alice", "blacklist": users}
	}
	client.call("Blacklist.add", list("bob", "carol", "名 字&="))
	require.Equal(t, []string{"名 字&=", "carol", "bob"}, srv.User("alice").Blocklist)
	require.False(t, srv.CanMessage("bob", "alice"))
	require.True(t, srv.CanMessage("alice", "bob"))
	require.Equal(t, []any{
		map[string]any{"id": "名 字&="}, map[string]any{"id": "carol"}, map[string]any{"id": "bob"},
	}, client.call("Blacklist.getList", map[string]any{"id": "alice"})["users"])
	client.call("Blacklist.remove", list("bob", "unknown"))
	require.Equal(t, []string{"名 字&=", "carol"}, srv.User("alice").Blocklist)
	require.True(t, srv.CanMessage("bob", "alice"))
}

func TestSDK3AsksForPresence(t *testing.T) {
	srv, client := startSDK3(t)
	status := func(id string) any { return client.call("OnlineStatus.get", map[string]any{"id": id})["status"] }
	require.Equal(t, "0", status("alice"))
	srv.SetOnline("alice", true)
	require.Equal(t, "1", status("alice"))
	client.call("Block.add", map[string]any{"id": "alice", "minute": 1})
	require.Equal(t, "0", status("alice"))
}

// TestSDK3Tags: the server has no tags, and says so as RC does for an unknown path.
func TestSDK3Tags(t *testing.T) {
	_, client := startSDK3(t)
	user := map[string]any{"id": "alice", "tags": []string{"bj", "男"}}
	users := map[string]any{"users": []map[string]any{{"id": "alice"}, {"id": "bob"}}, "tags": []string{"bj"}}
	for path, argument := range map[string]any{
		"Tag.set": user, "Tag.remove": user, "Tag.batchSet": users, "Tag.batchRemove": users, "Tag.getList": user,
	} {
		require.EqualValues(t, 404, client.call(path, argument)["code"], path)
	}
}

func TestSDK3WrongCredentials(t *testing.T) {
	srv := rctest.NewServer()
	t.Cleanup(srv.Close)
	wrongSecret, wrongKey := srv.Credentials(), srv.Credentials()
	wrongSecret.AppSecret += "x"
	wrongKey.AppKey += "x"
	for name, test := range map[string]struct {
		credentials rcuser.Credentials
		code        any
	}{
		"secret": {wrongSecret, sdk3BadSignature},
		"key":    {wrongKey, 1002.0},
	} {
		t.Run(name, func(t *testing.T) {
			client := sdk3(t, test.credentials, srv.Listen())
			got := client.call("register", map[string]any{"id": "alice", "name": "Alice", "portrait": "p"})
			require.Equal(t, test.code, got["code"])
			require.NotEmpty(t, got["msg"])
			require.False(t, srv.User("alice").Registered)
		})
	}
}

// TestSDK3RefusedByTheServer: arguments that the SDK lets pass.
func TestSDK3RefusedByTheServer(t *testing.T) {
	srv, client := startSDK3(t)
	many := make([]map[string]any, 21)
	for i := range many {
		many[i] = map[string]any{"id": string(rune('a' + i))}
	}
	for _, test := range []struct {
		name, path string
		argument   map[string]any
		code       float64
	}{
		{"21 ids", "Blacklist.add", map[string]any{"id": "alice", "blacklist": many}, 1002},
		{"no ids", "Blacklist.add", map[string]any{"id": "alice", "blacklist": many[:0]}, 1002},
		{"an empty id", "Block.remove", map[string]any{"id": ""}, 1002},
		{"half a minute", "Block.add", map[string]any{"id": "alice", "minute": 1.5}, 1002},
		{"an id of 65 bytes", "OnlineStatus.get", map[string]any{"id": strings.Repeat("a", 65)}, 1005},
		{"a control character", "OnlineStatus.get", map[string]any{"id": "a\nb"}, 1002},
	} {
		got := client.call(test.path, test.argument)
		require.Equal(t, test.code, got["code"], test.name)
		require.NotEmpty(t, got["msg"], test.name)
	}
	require.Empty(t, srv.User("alice").Blocklist)
	require.True(t, srv.User("alice").BannedUntil.IsZero())
}

// TestSDK3RefusedByItself: nothing of these reaches the server.
func TestSDK3RefusedByItself(t *testing.T) {
	srv, client := startSDK3(t)
	for _, test := range []struct {
		name, path string
		argument   map[string]any
		code       string
	}{
		{"no name", "register", map[string]any{"id": "alice"}, sdk3Missing},
		{"a name of 65 characters", "register", map[string]any{"id": "alice", "name": strings.Repeat("é", 65), "portrait": "p"}, sdk3TooLong},
		{"no minutes", "Block.add", map[string]any{"id": "alice"}, sdk3Missing},
		{"0 minutes", "Block.add", map[string]any{"id": "alice", "minute": 0}, sdk3BadMinutes},
		{"43201 minutes", "Block.add", map[string]any{"id": "alice", "minute": 43201}, sdk3BadMinutes},
		{"text for minutes", "Block.add", map[string]any{"id": "alice", "minute": "10"}, sdk3BadType},
	} {
		require.Equal(t, test.code, client.rejected(test.path, test.argument)["code"], test.name)
	}
	require.Empty(t, srv.Requests())
}

// TestSDK3MeetsRCsLimits: codes that depend on what was done before.
func TestSDK3MeetsRCsLimits(t *testing.T) {
	t.Run("rate", func(t *testing.T) {
		srv, client := startSDK3(t)
		srv.Inject(rctest.Fault{Code: 1008})
		user := map[string]any{"id": "alice"}
		require.Equal(t, sdk3RateLimited, client.call("OnlineStatus.get", user)["code"])
		require.EqualValues(t, 200, client.call("OnlineStatus.get", user)["code"])
	})
	t.Run("users in development", func(t *testing.T) {
		srv, client := startSDK3(t, rctest.Development())
		register := func(id int) map[string]any {
			return client.call("register", map[string]any{"id": id, "name": "N", "portrait": "p"})
		}
		for id := range 100 {
			require.EqualValues(t, 200, register(id)["code"])
		}
		require.Equal(t, sdk3UserLimit, register(100)["code"])
		require.False(t, srv.User("100").Registered)
	})
	t.Run("a deactivated user", func(t *testing.T) {
		srv, client := startSDK3(t)
		alice(t, client)
		mustDeactivate(t, srv, "alice")
		got := client.call("register", map[string]any{"id": "alice", "name": "Alice", "portrait": "p"})
		require.EqualValues(t, 1002, got["code"])
	})
}

func mustDeactivate(t *testing.T, srv *rctest.Server, id string) {
	t.Helper()
	client, err := rcuser.NewClient(srv.Config())
	require.NoError(t, err)
	_, err = client.Users.Deactivate(t.Context(), []string{id})
	require.NoError(t, err)
}

// TestSDK3UnderStrict: the SDK signs with seconds, which RC accepts and its documentation doesn't mention.
func TestSDK3UnderStrict(t *testing.T) {
	srv, client := startSDK3(t, rctest.Strict())
	require.Equal(t, sdk3BadSignature, client.call("OnlineStatus.get", map[string]any{"id": "alice"})["code"])
	require.Equal(t, 1004, srv.Requests()[0].Code)
}

// TestSDK3SwitchesHosts: after a failed call it turns to the next of its hosts.
func TestSDK3SwitchesHosts(t *testing.T) {
	srv := rctest.NewServer()
	t.Cleanup(srv.Close)
	client := sdk3(t, srv.Credentials(), srv.Listen()+" "+srv.ListenBackup())
	srv.Inject(rctest.Fault{Kind: rctest.RefuseConnection, Host: rctest.PrimaryHost, Times: rctest.Always})
	user := map[string]any{"id": "alice", "minute": 10}
	require.NotEqual(t, 200.0, client.call("Block.add", user)["code"])
	require.True(t, srv.User("alice").BannedUntil.IsZero())
	require.EqualValues(t, 200, client.call("Block.add", user)["code"])
	require.False(t, srv.User("alice").BannedUntil.IsZero())
}
