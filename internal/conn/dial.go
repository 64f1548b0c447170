package conn

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	dialTimeout = 5 * time.Second
	tlsTimeout  = 5 * time.Second

	maxHeaderBytes = 64 << 10
)

// newTransport returns the settings of a pool. It speaks HTTP/1.1, over which small calls are faster and connections
// can be retired.
func newTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			ClientSessionCache: tls.NewLRUClientSessionCache(0),
		},
		OnProxyConnectResponse: requireTunnel,
		TLSHandshakeTimeout:    tlsTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		Protocols:              protocols,
	}
}

// ProxyError is a proxy's refusal of CONNECT.
type ProxyError struct{ StatusCode int }

// Error returns a text such as "the proxy refused CONNECT: 403 Forbidden".
func (e *ProxyError) Error() string {
	status := strconv.Itoa(e.StatusCode) + " " + http.StatusText(e.StatusCode)
	return "the proxy refused CONNECT: " + strings.TrimSpace(status)
}

// requireTunnel names the status, of which net/http keeps the text alone.
func requireTunnel(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return &ProxyError{resp.StatusCode}
	}
	return nil
}

// SOCKSConnect is the operation that net/http's errors of a SOCKS proxy name.
const SOCKSConnect = "socks connect"

// target is what a connection is to, whether there is a proxy or not. Its host is that of a URL, port and all.
type target struct{ scheme, host string }

// address returns the host with its port, or that of the scheme, in ASCII.
func (t target) address() string {
	u := url.URL{Scheme: t.scheme, Host: asciiHost(t.host)}
	port := u.Port()
	switch {
	case port != "":
	case t.scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// asciiHost returns an internationalised host as net/http writes it into a request; NewClientConn dials it as it is.
func asciiHost(host string) string {
	if len(host) == utf8.RuneCountInString(host) {
		return host
	}
	var wire bytes.Buffer
	if err := (&http.Request{URL: &url.URL{Host: host}}).Write(&wire); err != nil {
		return host
	}
	req, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		return host
	}
	return req.Host
}

// dialing tells the transport's functions, by the context of a dial, what it is for, and returns what was dialled.
type dialing struct {
	url  *url.URL
	conn net.Conn
}

type dialingKey struct{}

func (p *Pool) dial(ctx context.Context, to target) (*connection, error) {
	switch {
	case to.scheme != "http" && to.scheme != "https":
		return nil, fmt.Errorf("unsupported protocol scheme %q", to.scheme)
	case to.host == "":
		return nil, errors.New("no host in the request's URL")
	}
	p.prepare.Do(p.wrapTransport)
	d := &dialing{url: &url.URL{Scheme: to.scheme, Host: to.host, Path: "/"}}
	client, err := p.transport.NewClientConn(context.WithValue(ctx, dialingKey{}, d), to.scheme, to.address())
	if err != nil {
		return nil, err
	}
	return newConnection(p, to, client, d.conn), nil
}

// wrapTransport gives Proxy the URL itself, as NewClientConn leaves out the port, which NO_PROXY may name, and the
// brackets of an IPv6 address; and it keeps the result of DialContext, which NewClientConn doesn't return.
func (p *Pool) wrapTransport() {
	t := p.transport
	if proxy := t.Proxy; proxy != nil {
		t.Proxy = func(req *http.Request) (*url.URL, error) {
			if d, ok := req.Context().Value(dialingKey{}).(*dialing); ok {
				req.URL, req.Host = d.url, d.url.Host
			}
			return proxy(req)
		}
	}
	dial := t.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if d, ok := ctx.Value(dialingKey{}).(*dialing); ok && err == nil {
			d.conn = conn
		}
		return conn, err
	}
}

// dialError tells a failed dial from one that the caller's context, or the deadline in limited, has ended.
func dialError(ctx, limited context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case limited.Err() != nil && !errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return err
}
