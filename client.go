package rcuser

import (
	"cmp"
	"context"
	"net/url"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/f0207b22/rcuser/internal/budget"
	"github.com/f0207b22/rcuser/internal/failover"
)

// Client calls RC's user management for one app. Make one with [NewClient] and keep it: it is safe for concurrent
// use and reuses its connections.
type Client struct {
	Users     *UsersService     // register, look up, update, deactivate and reactivate
	Tokens    *TokensService    // expire tokens
	Bans      *BansService      // keep users from connecting for a time
	Blocklist *BlocklistService // users who can't message a given user
	Allowlist *AllowlistService // the only users who can message a given user
	Presence  *PresenceService  // who is online
	Bulk      *BulkService      // the same calls for any number of users

	caller *caller
}

// service is the underlying type of all services, so that they share one allocation.
type service struct{ client *Client }

// NewClient checks cfg and returns a client that uses it. It does no I/O, so a wrong key or secret shows only with the
// first call. An error is an [*ArgumentError] that names the field.
func NewClient(cfg Config) (*Client, error) {
	credentials, err := cfg.credentials()
	if err != nil {
		return nil, err
	}
	bases, err := cfg.bases()
	if err != nil {
		return nil, err
	}
	if err := cfg.checkOptions(); err != nil {
		return nil, err
	}
	s := &sender{
		credentials:      credentials,
		fixedCredentials: cfg.Credentials == nil,
		bases:            bases,
		dialect:          &classic,
		userAgent:        userAgent(cfg.UserAgent),
		timeout:          cmp.Or(cfg.AttemptTimeout, defaultAttemptTimeout),
	}
	if err := s.setTransport(cfg); err != nil {
		return nil, err
	}
	c := &Client{caller: &caller{
		sender:   s,
		hosts:    failover.New(len(bases)),
		budget:   new(budget.Budget),
		retry:    cfg.Retry.withDefaults(),
		limiter:  cfg.Limiter,
		observer: observer{cfg.OnAttempt, cfg.OnCall, cfg.Logger},
		location: cmp.Or(cfg.DataCenter.Location, time.UTC),
	}}
	if c.caller.limiter == nil {
		c.caller.limiter = NewLimiter(LimiterOptions{})
	}
	c.setServices()
	return c, nil
}

const defaultAttemptTimeout = 5 * time.Second

func (c *Client) setServices() {
	s := &service{c}
	c.Users, c.Tokens, c.Bans = (*UsersService)(s), (*TokensService)(s), (*BansService)(s)
	c.Blocklist, c.Allowlist, c.Presence = (*BlocklistService)(s), (*AllowlistService)(s), (*PresenceService)(s)
	c.Bulk = (*BulkService)(s)
}

// withLimiter returns a client that shares everything with this one but the limiter.
func (c *Client) withLimiter(l Limiter) *Client {
	caller := *c.caller
	caller.limiter = l
	derived := &Client{caller: &caller}
	derived.setServices()
	return derived
}

// credentials returns where the credentials come from, having checked those that are known already.
func (c Config) credentials() (CredentialsFunc, error) {
	if c.Credentials != nil {
		if c.AppKey != "" || c.AppSecret != "" {
			return nil, &ArgumentError{"Credentials", "is set together with AppKey or AppSecret"}
		}
		return func(ctx context.Context) (Credentials, error) {
			credentials, err := c.Credentials(ctx)
			if err == nil {
				err = credentials.check()
			}
			return credentials, err
		}, nil
	}
	fixed := Credentials{c.AppKey, c.AppSecret}
	if err := fixed.check(); err != nil {
		return nil, err
	}
	return func(context.Context) (Credentials, error) { return fixed, nil }, nil
}

// bases returns the checked base URLs of the data center.
func (c Config) bases() ([]*url.URL, error) {
	if c.DataCenter.Primary == "" {
		return nil, &ArgumentError{"DataCenter", "is empty; it is Beijing, Singapore, SingaporeB, NorthAmerica, SaudiArabia or your own"}
	}
	primary, err := parseBaseURL("DataCenter.Primary", c.DataCenter.Primary, c.AllowInsecureHTTP)
	if err != nil || c.DataCenter.Backup == "" {
		return []*url.URL{primary}, err
	}
	backup, err := parseBaseURL("DataCenter.Backup", c.DataCenter.Backup, c.AllowInsecureHTTP)
	return []*url.URL{primary, backup}, err
}

func (c Config) checkOptions() error {
	if c.AttemptTimeout < 0 {
		return &ArgumentError{"AttemptTimeout", "is negative"}
	}
	if c.HTTPClient != nil && c.HTTPClient.Timeout < 0 {
		return &ArgumentError{"HTTPClient.Timeout", "is negative"}
	}
	if c.HTTPClient != nil && c.HTTPClient.Jar != nil {
		return &ArgumentError{"HTTPClient.Jar", "is not supported: RC sets no cookies"}
	}
	if !isHeaderText(c.UserAgent) {
		return &ArgumentError{"UserAgent", "holds a line break or a character outside ASCII"}
	}
	if err := checkLimiter(c.Limiter); err != nil {
		return err
	}
	return c.Retry.check()
}

// CloseIdleConnections closes the connections of the SDK's own transport that no call is using. It does nothing to
// the transport of a Config.HTTPClient.
func (c *Client) CloseIdleConnections() {
	if c != nil && c.caller != nil && c.caller.sender.pool != nil {
		c.caller.sender.pool.CloseIdleConnections()
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
