package conn_test

import (
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/internal/conn"
)

// proxy is a real one on loopback. It refuses with the status if that isn't 0, and otherwise wants the password if there
// is one, tunnels what comes by CONNECT, and forwards the rest.
type proxy struct {
	status   int
	password string
	seen     record
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.seen.add("%s %s", r.Method, r.RequestURI)
	authorization := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+p.password))
	switch {
	case p.status != 0:
		w.WriteHeader(p.status)
	case p.password != "" && r.Header.Get("Proxy-Authorization") != authorization:
		w.WriteHeader(http.StatusProxyAuthRequired)
	case r.Method == http.MethodConnect:
		tunnel(w, r.Host)
	default:
		forward(w, r)
	}
}

func tunnel(w http.ResponseWriter, host string) {
	upstream, err := net.DialTimeout("tcp", host, 5*time.Second)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusOK)
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = upstream.Close()
		return
	}
	go func() {
		_, _ = io.Copy(upstream, buffered) // the first bytes may have been read already
		_ = upstream.Close()
	}()
	_, _ = io.Copy(client, upstream)
	_ = client.Close()
}

func forward(w http.ResponseWriter, r *http.Request) {
	transport := &http.Transport{DisableKeepAlives: true}
	out := r.Clone(r.Context())
	out.Header.Del("Proxy-Authorization")
	out.Header.Del("Connection")
	resp, err := transport.RoundTrip(out)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

// through returns a proxy and sets the client to use it, with the password that its user has.
func through(t *testing.T, c *client, p *proxy, password string) *server {
	t.Helper()
	s := serve(t, p.ServeHTTP)
	u, err := url.Parse(s.URL)
	require.NoError(t, err)
	if password != "" {
		u.User = url.UserPassword("user", password)
	}
	c.pool.Transport().Proxy = http.ProxyURL(u)
	return s
}

// setProxy sets the client to use a proxy.
func setProxy(t *testing.T, c *client, proxy string) {
	t.Helper()
	u, err := url.Parse(proxy)
	require.NoError(t, err)
	c.pool.Transport().Proxy = http.ProxyURL(u)
}

func TestProxyThatForwards(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"", "p@ss:word"} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Proxy-Authorization") != "" {
				w.WriteHeader(http.StatusTeapot)
			}
			_, _ = io.WriteString(w, success)
		})
		c := newClient(t, s.URL+"/user/block.json")
		p := &proxy{password: password}
		front := through(t, c, p, password)
		c.requireCalls(t, 80)
		require.Equal(t, []int{1, 79}, front.uses.counts())
		require.Equal(t, "POST "+s.URL+"/user/block.json", p.seen.all()[79])
		require.Len(t, s.uses.counts(), 80)
	}
}

func TestProxyByConnect(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"", "p@ss:word"} {
		s, seen := tlsServer(t, func(*httptest.Server) {})
		c := trusting(t, s)
		p := &proxy{password: password}
		through(t, c, p, password)
		c.requireCalls(t, 80)
		c.pool.CloseIdleConnections()
		require.Equal(t, []int{1, 79}, s.uses.counts())
		connect := "CONNECT " + s.Listener.Addr().String()
		require.Equal(t, []string{connect, connect}, p.seen.all())
		require.Len(t, seen.all(), 80)
		s.requireNoneOpen(t)
	}
}

// TestProxyRefuses a tunnel, which is an error of Take, or a request, which is an answer.
func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	s, seen := tlsServer(t, func(*httptest.Server) {})
	plain := serve(t, nil)
	for _, tc := range []struct {
		proxy  *proxy
		status int
		text   string
	}{
		{&proxy{status: http.StatusForbidden}, 403, "the proxy refused CONNECT: 403 Forbidden"},
		{&proxy{password: "right"}, 407, "the proxy refused CONNECT: 407 Proxy Authentication Required"},
	} {
		c := trusting(t, s)
		through(t, c, tc.proxy, "wrong")
		_, err := c.take(t.Context())
		require.EqualError(t, err, tc.text)
		var refusal *conn.ProxyError
		require.ErrorAs(t, err, &refusal)
		require.Equal(t, tc.status, refusal.StatusCode)

		c = newClient(t, plain.URL)
		through(t, c, tc.proxy, "wrong")
		use, err := c.take(t.Context())
		require.NoError(t, err)
		resp, err := use.RoundTrip(c.request(t.Context()))
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		use.Release()
		require.Equal(t, tc.status, resp.StatusCode)
	}
	require.Empty(t, seen.all())
	require.Empty(t, plain.uses.counts())
}

// TestProxyIsDown keeps the error of the dial, and says that it was the proxy's.
func TestProxyIsDown(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	c := newClient(t, "http://rc.example")
	c.pool.Transport().Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: listener.Addr().String()})
	_, err = c.take(t.Context())
	var op *net.OpError
	require.ErrorAs(t, err, &op)
	require.Equal(t, "proxyconnect", op.Op)
}
