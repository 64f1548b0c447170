package clients

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// The requests of SDKs in other languages, and of their HTTP libraries, as they are on the wire.

// phpFormat is that of rongcloud/php-sdk 3, on libcurl.
var phpFormat = format{nonce: "1804289383", head: `POST {path} HTTP/1.1
Host: {host}
User-Agent: rc-php-sdk/3.0.17
Accept: */*
RC-App-Key:{key}
RC-Nonce:{nonce}
RC-Timestamp:{seconds}
RC-Signature:{signature}
Content-Type:application/x-www-form-urlencoded
Content-Length: {length}
`}

// oldPHPFormat is the same on an old libcurl, which asks before it sends more than 1024 bytes.
var oldPHPFormat = phpFormat.with("Content-Length: {length}", "Content-Length: {length}\nExpect: 100-continue")

// dotnetFormat is that of RC's SDK for .NET, on HttpWebRequest.
var dotnetFormat = format{nonce: "1559595546", head: `POST {path} HTTP/1.1
Content-Type: application/x-www-form-urlencoded
App-Key: {key}
Nonce: {nonce}
Timestamp: {seconds}
Signature: {SIGNATURE}
Host: {host}
Content-Length: {length}
Expect: 100-continue
Connection: Keep-Alive
`}

// javaFormat is that of RC's SDK for Java, on HttpURLConnection.
var javaFormat = format{nonce: "482913.5820176231", head: `POST {path} HTTP/1.1
App-Key: {key}
Nonce: {nonce}
Timestamp: {seconds}
Signature: {signature}
User-Agent: rc-java-sdk/3.6.0
Content-Type: application/x-www-form-urlencoded
X-Request-ID: 6f1ed002ab5595859014ebf0951522d9
Cache-Control: no-cache
Pragma: no-cache
Host: {host}
Accept: text/html, image/gif, image/jpeg, */*; q=0.2
Connection: keep-alive
Content-Length: {length}
`}

// pythonFormat is that of RC's SDK for Python 3, on urllib.
var pythonFormat = format{nonce: "719885386", head: `POST {path} HTTP/1.1
Accept-Encoding: identity
Content-Type: application/x-www-form-urlencoded
Content-Length: {length}
Host: {host}
App-Key: {key}
Nonce: {nonce}
Timestamp: {seconds}
Signature: {signature}
User-Agent: rc-python-sdk/3.0.0
Connection: close
`}

// requestsFormat is that of RC's older SDK for Python, on the library requests.
var requestsFormat = format{nonce: "0.13436424411240122", head: `POST {path} HTTP/1.1
Host: {host}
User-Agent: python-requests/2.34.2
Accept-Encoding: gzip, deflate
Accept: */*
Connection: keep-alive
rc-app-key: {key}
rc-nonce: {nonce}
rc-timestamp: {millis}
rc-signature: {signature}
content-type: application/x-www-form-urlencoded
Content-Length: {length}
`}

// rubyFormat is that of the gem rong_cloud_server, on Net::HTTP.
var rubyFormat = format{nonce: "714285", head: `POST {path} HTTP/1.1
Content-Type: application/x-www-form-urlencoded
App-Key: {key}
Nonce: {nonce}
Timestamp: {seconds}
Signature: {signature}
Accept-Encoding: gzip;q=1.0,deflate;q=0.6,identity;q=0.3
Accept: */*
User-Agent: Ruby
Host: {host}
Content-Length: {length}
`}

// goFormat is that of RC's SDK for Go, version 3.
var goFormat = format{nonce: "5577006791947779410", head: `POST {path} HTTP/1.1
Host: {host}
User-Agent: rc-go-sdk/3.2.6
Content-Length: {length}
App-Key: {key}
Content-Type: application/x-www-form-urlencoded
Nonce: {nonce}
Signature: {signature}
Timestamp: {seconds}
Accept-Encoding: gzip
`}

// language makes the calls, on one connection unless the client asks for its end. A strict server refuses the first of
// them.
func language(t *testing.T, f format, exchanges ...exchange) {
	t.Helper()
	srv := rctest.NewServer()
	t.Cleanup(srv.Close)
	connection := dial(t, srv)
	for _, e := range exchanges {
		if strings.Contains(f.head, "\nConnection: close\n") {
			connection = dial(t, srv)
		}
		status, answer := connection.call(f, e.path, e.body)
		require.Equal(t, 200, status, "%s %v", e.path, answer)
		require.EqualValues(t, 200, answer["code"], e.path)
		e.check(t, srv, answer)
	}
	strict := rctest.NewServer(rctest.Strict())
	t.Cleanup(strict.Close)
	status, answer := dial(t, strict).call(f, exchanges[0].path, exchanges[0].body)
	require.GreaterOrEqual(t, status, 400)
	require.Contains(t, []any{1002.0, 1004.0}, answer["code"])
	require.NotEmpty(t, answer["errorMessage"])
	require.NotEmpty(t, strict.Requests()[0].Reason)
	require.False(t, strict.User("alice").Registered)
}

func registered(name, portrait string) check {
	return func(t *testing.T, srv *rctest.Server, answer map[string]any) {
		t.Helper()
		require.Equal(t, "alice", answer["userId"])
		require.True(t, srv.ValidToken("alice", answer["token"].(string)))
		require.Equal(t, name, srv.User("alice").Name)
		require.Equal(t, portrait, srv.User("alice").PortraitURI)
	}
}

func banned(ids ...string) check {
	return func(t *testing.T, srv *rctest.Server, _ map[string]any) {
		t.Helper()
		for _, id := range ids {
			require.False(t, srv.User(id).BannedUntil.IsZero(), id)
		}
	}
}

func listed(want ...any) check {
	return func(t *testing.T, _ *rctest.Server, answer map[string]any) {
		t.Helper()
		require.Equal(t, append([]any{}, want...), answer["users"])
	}
}

func deactivated(ids ...string) check {
	return func(t *testing.T, srv *rctest.Server, answer map[string]any) {
		t.Helper()
		require.NotEmpty(t, answer["operateId"])
		for _, id := range ids {
			require.True(t, srv.User(id).Deactivated, id)
		}
	}
}

func blocked(owner string, ids ...string) check {
	return func(t *testing.T, srv *rctest.Server, _ map[string]any) {
		t.Helper()
		require.Equal(t, ids, srv.User(owner).Blocklist)
	}
}

func TestPHP(t *testing.T) {
	language(
		t, phpFormat,
		exchange{
			"/user/getToken.json", "userId=alice&name=Ann+%26+%E4%BD%A0&portraitUri=https%3A%2F%2Fexample.com%2Fa.png",
			registered("Ann & 你", "https://example.com/a.png"),
		},
		exchange{"/user/block.json", "minute=10&userId=alice&userId=bob", banned("alice", "bob")},
		exchange{"/user/blacklist/add.json", "blackUserId=bob&blackUserId=carol&userId=alice", blocked("alice", "carol", "bob")},
		exchange{"/user/deactivate.json", "userId=alice&userId=bob", deactivated("alice", "bob")},
		exchange{"/user/deactivate/query.json", "pageNo=1&pageSize=50", listed("alice", "bob")},
	)
}

// TestPHPRepeatsAHundredIDs: the limit counts repeated ids as it counts joined ones.
func TestPHPRepeatsAHundredIDs(t *testing.T) {
	srv := rctest.NewServer()
	t.Cleanup(srv.Close)
	connection := dial(t, srv)
	form := []byte("userId=u0")
	for i := range 99 {
		form = fmt.Appendf(form, "&userId=u%d", i+1)
	}
	body := string(form)
	_, answer := connection.call(phpFormat, "/user/deactivate.json", body+"&userId=u100")
	require.EqualValues(t, 1002, answer["code"])
	require.False(t, srv.User("u0").Deactivated)
	_, answer = connection.call(phpFormat, "/user/deactivate.json", body)
	require.EqualValues(t, 200, answer["code"], answer)
	require.True(t, srv.User("u99").Deactivated)
}

func TestOldPHP(t *testing.T) {
	language(
		t, oldPHPFormat,
		exchange{"/user/getToken.json", "userId=alice&name=Alice&portraitUri=", registered("Alice", "")},
		exchange{"/user/blacklist/add.json", "blackUserId=bob&userId=alice", blocked("alice", "bob")},
	)
}

func TestDotnet(t *testing.T) {
	language(
		t, dotnetFormat,
		exchange{
			"/user/getToken.json", "userId=alice&name=Ann+%26+%e4%bd%a0&portraitUri=https%3a%2f%2fexample.com%2fa.png",
			registered("Ann & 你", "https://example.com/a.png"),
		},
		exchange{"/user/block.json", "userId=alice&minute=10", banned("alice")},
		exchange{"/user/blacklist/add.json", "userId=alice&blackUserId=bob", blocked("alice", "bob")},
		exchange{"/user/blacklist/query.json", "userId=alice", listed("bob")},
	)
}

func TestJava(t *testing.T) {
	future := strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10)
	language(
		t, javaFormat,
		exchange{
			"/user/getToken.json", "userId=alice&name=Ann+%26+%E4%BD%A0*&portraitUri=https%3A%2F%2Fexample.com%2Fa.png",
			registered("Ann & 你*", "https://example.com/a.png"),
		},
		exchange{"/user/token/expire.json", "userId=alice&userId=bob&time=" + future, func(t *testing.T, srv *rctest.Server, _ map[string]any) {
			require.Empty(t, srv.User("alice").Tokens)
		}},
		exchange{"/user/block.json", "userId=alice&minute=10", banned("alice")},
		exchange{"/user/block/query.json", "size=1&page=2", listed()},
		exchange{"/user/deactivate.json", "userId=alice", deactivated("alice")},
		exchange{"/user/reactivate.json", "userId=bob,carol", func(t *testing.T, _ *rctest.Server, answer map[string]any) {
			require.NotEmpty(t, answer["operateId"])
		}},
	)
}

// TestPython: the SDK escapes nothing.
func TestPython(t *testing.T) {
	language(
		t, pythonFormat,
		exchange{
			"/user/getToken.json", "userId=alice&name=Ann Lee 你好&portraitUri=https://example.com/a.png?size=1",
			registered("Ann Lee 你好", "https://example.com/a.png?size=1"),
		},
		exchange{"/user/block.json", "userId=alice&userId=bob&minute=10", banned("alice", "bob")},
		exchange{"/user/whitelist/add.json", "userId=alice&whiteUserId=bob", func(t *testing.T, srv *rctest.Server, _ map[string]any) {
			require.Equal(t, []string{"bob"}, srv.User("alice").Allowlist)
		}},
		exchange{"/user/whitelist/query.json", "userId=alice", listed("bob")},
	)
}

// TestPythonAsksWithoutFields: the query for banned users has an empty body.
func TestPythonAsksWithoutFields(t *testing.T) {
	language(t, pythonFormat, exchange{"/user/block/query.json", "", listed()})
}

func TestPythonRequests(t *testing.T) {
	language(
		t, requestsFormat,
		exchange{"/user/getToken.json", "userId=alice&name=Ann+%26+%E4%BD%A0&portraitUri=a.png", registered("Ann & 你", "a.png")},
		exchange{"/user/unblock.json", "userId=alice", func(t *testing.T, srv *rctest.Server, _ map[string]any) {
			require.True(t, srv.User("alice").BannedUntil.IsZero())
		}},
		exchange{"/user/checkOnline.json", "userId=alice", func(t *testing.T, _ *rctest.Server, answer map[string]any) {
			require.Equal(t, "0", answer["status"])
		}},
	)
}

func TestRuby(t *testing.T) {
	language(
		t, rubyFormat,
		exchange{"/user/getToken.json", "userId=alice&name=Alice&portraitUri=", registered("Alice", "")},
		exchange{"/user/refresh.json", "userId=alice&name=Ann+%26+%E4%BD%A0", func(t *testing.T, srv *rctest.Server, _ map[string]any) {
			require.Equal(t, "Ann & 你", srv.User("alice").Name)
		}},
		exchange{"/user/block/query.json", "", listed()},
	)
}

func TestGo(t *testing.T) {
	language(
		t, goFormat,
		exchange{"/user/getToken.json", "name=Alice&userId=alice", registered("Alice", "")},
		exchange{"/user/block.json", "minute=10&userId=alice&userId=bob", banned("alice", "bob")},
		exchange{"/user/deactivate.json", "userId=alice%2Cbob", deactivated("alice", "bob")},
		exchange{"//user/deactivate/query.json", "pageNo=1&pageSize=50", listed("alice", "bob")},
	)
}
