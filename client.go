package rcuser

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
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
	Blocklist *BlocklistService // whom a user doesn't want to hear from
	Allowlist *AllowlistService // the only ones a user hears from
	Presence  *PresenceService  // who is online
	Bulk      *BulkService      // the same for any number of users

	credentials    CredentialsFunc // a closure, so that no way of printing a client can reach the secret
	bases          []*url.URL      // the primary's and, if there is one, the backup's
	hosts          *failover.Hosts
	budget         *budget.Budget
	clock          *clock
	unwatched      *atomic.Bool // the transport isn't known to use connections
	location       *time.Location
	transport      http.RoundTripper
	ownTransport   *http.Transport        // nil if the user brought one
	fresh          func() *http.Transport // makes a new connection for every request; only if transport is net/http's
	attemptTimeout time.Duration
	retry          RetryPolicy
	limiter        Limiter
	logger         *slog.Logger
	onAttempt      func(context.Context, Attempt)
	userAgent      string
}

// service is what every resource's service is made of.
type service struct{ client *Client }

// NewClient checks cfg and returns a client that uses it. It does no I/O, so that a wrong key or secret shows with the first
// call. An error is an [*ArgumentError] that names the field.
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
	c := &Client{
		credentials:    credentials,
		bases:          bases,
		hosts:          failover.New(len(bases)),
		budget:         new(budget.Budget),
		clock:          new(clock),
		unwatched:      new(atomic.Bool),
		location:       cfg.DataCenter.Location,
		attemptTimeout: cfg.AttemptTimeout,
		retry:          cfg.Retry.withDefaults(),
		limiter:        cfg.Limiter,
		logger:         cfg.Logger,
		onAttempt:      cfg.OnAttempt,
		userAgent:      userAgent(cfg.UserAgent),
	}
	if c.location == nil {
		c.location = time.UTC
	}
	if c.attemptTimeout == 0 {
		c.attemptTimeout = defaultAttemptTimeout
	}
	if c.limiter == nil {
		c.limiter = new(processLimiter)
	}
	c.setTransport(cfg.HTTPClient)
	c.setServices()
	return c, nil
}

func (c *Client) setServices() {
	s := &service{c}
	c.Users, c.Tokens, c.Bans = (*UsersService)(s), (*TokensService)(s), (*BansService)(s)
	c.Blocklist, c.Allowlist, c.Presence = (*BlocklistService)(s), (*AllowlistService)(s), (*PresenceService)(s)
	c.Bulk = (*BulkService)(s)
}

// withLimiter returns a client that shares everything with this one but the limiter.
func (c *Client) withLimiter(l Limiter) *Client {
	derived := *c
	derived.limiter = l
	derived.setServices()
	return &derived
}

// credentials returns where the credentials come from, having checked those that are known already.
func (c Config) credentials() (CredentialsFunc, error) {
	if c.Credentials != nil {
		if c.AppKey != "" || c.AppSecret != "" {
			return nil, &ArgumentError{"Credentials", "is set together with AppKey or AppSecret"}
		}
		return c.Credentials, nil
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
	return c.Retry.check()
}

// CloseIdleConnections closes the connections of the SDK's own transport that no call is using. It does nothing to
// the transport of a Config.HTTPClient.
func (c *Client) CloseIdleConnections() {
	if c != nil && c.ownTransport != nil {
		c.ownTransport.CloseIdleConnections()
	}
}
