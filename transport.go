package rcuser

import (
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

const defaultAttemptTimeout = 5 * time.Second

// setTransport takes what matters of the user's client, without keeping or changing it.
func (c *Client) setTransport(user *http.Client) {
	if user != nil {
		c.transport = user.Transport
		if user.Timeout > 0 {
			c.attemptTimeout = min(c.attemptTimeout, user.Timeout)
		}
	}
	if c.transport == nil {
		c.ownTransport = newTransport()
		c.transport = c.ownTransport
	}
}

// newTransport keeps idle connections for less than the 55 s that RC allows.
//
// Source: https://docs.rongcloud.io/platform-chat-api/base-url.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		IdleConnTimeout:     50 * time.Second,
		MaxIdleConnsPerHost: 100,
	}
}

const modulePath = "github.com/f0207b22/rcuser"

var version = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == modulePath && m.Version != "" {
			return strings.Trim(m.Version, "()")
		}
	}
	return "devel"
})

func userAgent(suffix string) string {
	own := "rcuser/" + version() + " (" + runtime.Version() + ")"
	return strings.TrimSpace(own + " " + suffix)
}
