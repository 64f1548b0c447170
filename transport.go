package rcuser

import (
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/f0207b22/rcuser/internal/conn"
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
		c.ownTransport = conn.NewTransport()
		c.transport = c.ownTransport
	}
	if kept, ok := c.transport.(*http.Transport); ok {
		c.fresh = sync.OnceValue(func() *http.Transport {
			fresh := kept.Clone()
			fresh.DisableKeepAlives = true
			return fresh
		})
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
