package clients

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// shell makes calls with curl and openssl.
type shell struct {
	t           *testing.T
	credentials rcuser.Credentials
	url         string
}

func startShell(t *testing.T, opts ...rctest.Option) (*rctest.Server, *shell) {
	t.Helper()
	needs(t, "curl")
	needs(t, "openssl")
	srv := rctest.NewServer(opts...)
	t.Cleanup(srv.Close)
	return srv, &shell{t, srv.Credentials(), srv.Listen()}
}

// do returns the HTTP status and the body of the answer.
func (s *shell) do(path string, fields ...string) (status int, body map[string]any) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), filepath.Join("curl", "rc.sh"), append([]string{path}, fields...)...)
	cmd.Env = append(cmd.Environ(),
		"RC_URL="+s.url, "RC_APP_KEY="+s.credentials.AppKey, "RC_APP_SECRET="+s.credentials.AppSecret)
	cmd.Stderr = s.t.Output()
	out, err := cmd.Output()
	require.NoError(s.t, err)
	text, line, found := strings.Cut(strings.TrimSpace(string(out)), "\n")
	require.True(s.t, found, string(out))
	status, err = strconv.Atoi(line)
	require.NoError(s.t, err)
	require.NoError(s.t, json.Unmarshal([]byte(text), &body), text)
	return status, body
}

// ok makes a call that must succeed, and returns the answer without its code.
func (s *shell) ok(path string, fields ...string) map[string]any {
	s.t.Helper()
	status, body := s.do(path, fields...)
	require.Equal(s.t, 200, status, body)
	require.EqualValues(s.t, 200, body["code"], body)
	delete(body, "code")
	return body
}

func (s *shell) refused(status int, code float64, path string, fields ...string) {
	s.t.Helper()
	gotStatus, body := s.do(path, fields...)
	require.Equal(s.t, status, gotStatus, body)
	require.Equal(s.t, code, body["code"], body)
	require.NotEmpty(s.t, body["errorMessage"])
}

func TestCurlUsers(t *testing.T) {
	srv, sh := startShell(t)
	sent := map[string]any{"userName": "Ann & 你好 +%", "userPortrait": "https://example.com/a.png?x=1"}
	token := sh.ok("/user/getToken.json", "userId=alice", "name="+sent["userName"].(string), "portraitUri="+sent["userPortrait"].(string))
	require.Equal(t, "alice", token["userId"])
	require.True(t, srv.ValidToken("alice", token["token"].(string)))
	sent["createTime"] = srv.User("alice").CreatedAt.Format(time.DateTime)
	require.Equal(t, sent, sh.ok("/user/info.json", "userId=alice"))

	sh.ok("/user/refresh.json", "userId=alice", "name=Alicia")
	require.Equal(t, "Alicia", srv.User("alice").Name)
	require.Equal(t, sent["userPortrait"], srv.User("alice").PortraitURI)

	require.Equal(t, map[string]any{"status": "0"}, sh.ok("/user/checkOnline.json", "userId=alice"))
	srv.SetOnline("alice", true)
	require.Equal(t, map[string]any{"status": "1"}, sh.ok("/user/checkOnline.json", "userId=alice"))

	later := srv.Now().Add(time.Second).UnixMilli()
	sh.ok("/user/token/expire.json", "userId=alice", "userId=bob", "time="+strconv.FormatInt(later, 10))
	require.False(t, srv.ValidToken("alice", token["token"].(string)))
}

func TestCurlBans(t *testing.T) {
	srv, sh := startShell(t)
	sh.ok("/user/block.json", "userId=alice", "userId=bob", "minute=10")
	until := srv.User("bob").BannedUntil.Format(time.DateTime)
	users := []any{
		map[string]any{"userId": "alice", "blockEndTime": until}, map[string]any{"userId": "bob", "blockEndTime": until},
	}
	require.Equal(t, map[string]any{"users": users}, sh.ok("/user/block/query.json"))
	require.Equal(t, map[string]any{"users": users[1:]}, sh.ok("/user/block/query.json", "page=2", "size=1"))
	sh.ok("/user/unblock.json", "userId=alice", "userId=bob")
	require.True(t, srv.User("alice").BannedUntil.IsZero())
	require.True(t, srv.User("bob").BannedUntil.IsZero())
}

func TestCurlLists(t *testing.T) {
	srv, sh := startShell(t)
	sh.ok("/user/blacklist/add.json", "userId=alice", "blackUserId=bob", "blackUserId=carol")
	require.Equal(t, []string{"carol", "bob"}, srv.User("alice").Blocklist)
	first := sh.ok("/user/blacklist/query.json", "userId=alice", "size=1")
	require.Equal(t, []any{"carol"}, first["users"])
	require.Equal(t, map[string]any{"users": []any{"bob"}},
		sh.ok("/user/blacklist/query.json", "userId=alice", "size=1", "pageToken="+first["next"].(string)))
	sh.ok("/user/blacklist/remove.json", "userId=alice", "blackUserId=carol")
	require.Equal(t, []string{"bob"}, srv.User("alice").Blocklist)

	sh.ok("/user/whitesetting/set.json", "userId=alice", "userId=dave", "whiteSetting=1")
	require.True(t, srv.User("dave").AllowlistEnabled)
	require.False(t, srv.CanMessage("carol", "alice"))
	sh.ok("/user/whitelist/add.json", "userId=alice", "whiteUserId=bob", "whiteUserId=carol")
	require.True(t, srv.CanMessage("bob", "alice"))
	require.Equal(t, map[string]any{"users": []any{"carol", "bob"}}, sh.ok("/user/whitelist/query.json", "userId=alice"))
	sh.ok("/user/whitelist/remove.json", "userId=alice", "whiteUserId=bob")
	require.Equal(t, []string{"carol"}, srv.User("alice").Allowlist)
	require.Equal(t, map[string]any{"users": []any{
		map[string]any{"userId": "alice", "whiteSetting": "1"}, map[string]any{"userId": "bob", "whiteSetting": "0"},
	}}, sh.ok("/user/whitesetting/query.json", "userId=alice", "userId=bob"))
}

func TestCurlDeactivation(t *testing.T) {
	srv, sh := startShell(t)
	sh.ok("/user/getToken.json", "userId=alice", "name=Alice")
	require.NotEmpty(t, sh.ok("/user/deactivate.json", "userId=alice,bob")["operateId"])
	require.True(t, srv.User("alice").Deactivated)
	require.Equal(t, map[string]any{"users": []any{"alice", "bob"}},
		sh.ok("/user/deactivate/query.json", "pageNo=1", "pageSize=50"))
	sh.refused(400, 1002, "/user/reactivate.json", "userId=alice") // within an hour
	sh.refused(400, 1002, "/user/getToken.json", "userId=alice", "name=Alice")
	srv.Advance(time.Hour)
	require.NotEmpty(t, sh.ok("/user/reactivate.json", "userId=alice")["operateId"])
	require.False(t, srv.User("alice").Deactivated)
	require.Empty(t, srv.User("alice").Name)
	require.Equal(t, map[string]any{"users": []any{"bob"}}, sh.ok("/user/deactivate/query.json"))
}

func TestCurlIsRefused(t *testing.T) {
	srv, sh := startShell(t)
	sh.refused(400, 1002, "/user/getToken.json", "userId=alice")
	sh.refused(400, 1002, "/user/block.json", "userId=alice", "minute=43201")
	sh.refused(404, 404, "/user/nothing.json", "userId=alice")
	right := sh.credentials
	sh.credentials.AppSecret += "x"
	sh.refused(401, 1004, "/user/block.json", "userId=alice", "minute=10")
	sh.credentials = right
	sh.credentials.AppKey += "x"
	sh.refused(400, 1002, "/user/block.json", "userId=alice", "minute=10")
	sh.credentials = right
	srv.Inject(rctest.Fault{Code: 1000})
	sh.refused(500, 1000, "/user/block.json", "userId=alice", "minute=10")
	require.True(t, srv.User("alice").BannedUntil.IsZero())
}

// TestCurlUnderStrict: the script does all that the documentation says, so a strict server accepts it. With no field at
// all it has no Content-Type either, which is refused.
func TestCurlUnderStrict(t *testing.T) {
	srv, sh := startShell(t, rctest.Strict())
	sh.ok("/user/block.json", "userId=alice", "minute=10")
	require.False(t, srv.User("alice").BannedUntil.IsZero())
	sh.ok("/user/block/query.json", "page=1")
	sh.refused(400, 1003, "/user/block/query.json")
}
