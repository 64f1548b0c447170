package clients

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

const sdk1Host = "api.cn.rong.io" // the only host that the SDK knows

// startSDK1 starts a server and rongcloud-sdk 1.0.3 on it, over TLS.
func startSDK1(t *testing.T, opts ...rctest.Option) (*rctest.Server, *driver) {
	t.Helper()
	srv := rctest.NewServer(opts...)
	t.Cleanup(srv.Close)
	return srv, sdk1(t, srv, srv.Credentials())
}

func sdk1(t *testing.T, srv *rctest.Server, c rcuser.Credentials) *driver {
	t.Helper()
	certificate, file := issueCertificate(t, sdk1Host)
	host := httptest.NewUnstartedServer(srv)
	host.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	host.StartTLS()
	t.Cleanup(host.Close)
	_, port, err := net.SplitHostPort(host.Listener.Addr().String())
	require.NoError(t, err)
	return startNode(t, "sdk1.js", c, map[string]string{"RC_PORT": port, "NODE_EXTRA_CA_CERTS": file})
}

// issueCertificate returns a certificate for a host that signs itself, and a file with it.
func issueCertificate(t *testing.T, host string) (certificate tls.Certificate, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// TestSDK1HasTheseUserCalls fails when a new version has calls that no test here makes.
func TestSDK1HasTheseUserCalls(t *testing.T) {
	_, client := startSDK1(t)
	require.ElementsMatch(t, []string{
		"getToken", "refresh", "checkOnline", "block", "unblock", "block.query",
		"blacklist.add", "blacklist.remove", "blacklist.query",
	}, client.userCalls())
}

func TestSDK1RegistersAndRefreshes(t *testing.T) {
	srv, client := startSDK1(t)
	got := client.call("getToken", "alice", "Ann & 你好", "https://example.com/a.png?x=1&y=%20")
	require.EqualValues(t, 200, got["code"])
	require.Equal(t, "alice", got["userId"])
	require.True(t, srv.ValidToken("alice", got["token"].(string)))
	require.Equal(t, "Ann & 你好", srv.User("alice").Name)
	require.Equal(t, "https://example.com/a.png?x=1&y=%20", srv.User("alice").PortraitURI)

	require.EqualValues(t, 200, client.call("refresh", "alice", "Alicia", nil)["code"])
	require.Equal(t, "Alicia", srv.User("alice").Name)
	require.Empty(t, srv.User("alice").PortraitURI, "the SDK sends a field without a value")
}

func TestSDK1BansAndAsksForPresence(t *testing.T) {
	srv, client := startSDK1(t)
	srv.SetOnline("alice", true)
	require.Equal(t, "1", client.call("checkOnline", "alice")["status"])
	client.call("block", "alice", "99999") // the SDK makes it 43200
	until := srv.User("alice").BannedUntil
	require.WithinDuration(t, srv.Now().Add(43_200*time.Minute), until, time.Hour)
	require.Equal(t, []any{map[string]any{"userId": "alice", "blockEndTime": until.Format(time.DateTime)}},
		client.call("block.query")["users"])
	require.Equal(t, "0", client.call("checkOnline", "alice")["status"])
	client.call("unblock", "alice")
	require.True(t, srv.User("alice").BannedUntil.IsZero())
	require.Empty(t, client.call("block.query")["users"])
}

func TestSDK1Blocklists(t *testing.T) {
	srv, client := startSDK1(t)
	client.call("blacklist.add", "alice", "bob")
	client.call("blacklist.add", "alice", "carol=1&2")
	require.Equal(t, []string{"carol=1&2", "bob"}, srv.User("alice").Blocklist)
	require.False(t, srv.CanMessage("bob", "alice"))
	require.Equal(t, []any{"carol=1&2", "bob"}, client.call("blacklist.query", "alice")["users"])
	client.call("blacklist.remove", "alice", "bob")
	require.Equal(t, []string{"carol=1&2"}, srv.User("alice").Blocklist)
	require.True(t, srv.CanMessage("bob", "alice"))
}

func TestSDK1IsRefused(t *testing.T) {
	srv, client := startSDK1(t)
	refused := func(client *driver, status, code int, path string, arguments ...any) {
		t.Helper()
		got := client.rejected(path, arguments...)
		require.EqualValues(t, status, got["status"])
		body := got["body"].(map[string]any)
		require.EqualValues(t, code, body["code"])
		require.NotEmpty(t, body["errorMessage"])
		require.Equal(t, "/user/"+path+".json", body["url"])
	}
	refused(client, 400, 1002, "getToken", "", "Alice", "p")
	refused(client, 400, 1005, "getToken", "alice", strings.Repeat("é", 65), "p")
	wrong := srv.Credentials()
	wrong.AppSecret += "x"
	refused(sdk1(t, srv, wrong), 401, 1004, "getToken", "alice", "Alice", "p")
	wrong = srv.Credentials()
	wrong.AppKey += "x"
	refused(sdk1(t, srv, wrong), 400, 1002, "getToken", "alice", "Alice", "p")
	require.False(t, srv.User("alice").Registered)

	strict, client := startSDK1(t, rctest.Strict())
	refused(client, 401, 1004, "getToken", "alice", "Alice", "p") // it signs with seconds
	require.False(t, strict.User("alice").Registered)
}
