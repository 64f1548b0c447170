package rctest

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/f0207b22/rcuser"
)

// Server is a fake RC service with a state of its own. NewServer makes one; its methods are safe for concurrent use.
// Printing or encoding it never shows the secret.
type Server struct {
	// AppKey and AppSecret are what calls must be signed with. NewServer chooses them at random; they may be replaced
	// before the first call, not later.
	AppKey, AppSecret string

	settings  settings
	endpoints map[string]*endpoint
	state     *state
}

// endpoint is one path of the service.
type endpoint struct {
	path     string
	serve    func(*state, *params) (fields, *refusal)
	rate     int  // calls a second or, if perID, ids a second
	perID    bool // of the ids joined in userId
	optional bool // an empty form is fine
	window   window
}

// NewServer returns a service that has no users yet and is ready to be called, in memory. It opens no socket, starts no
// goroutine, and may be left to the garbage collector unless [Server.Listen] was called or a webhook was set.
func NewServer(opts ...Option) *Server {
	var chosen settings
	for _, opt := range opts {
		if opt != nil {
			opt(&chosen)
		}
	}
	s := &Server{
		AppKey:    "rctest-" + rand.Text()[:12],
		AppSecret: rand.Text(),
		settings:  chosen,
		endpoints: make(map[string]*endpoint),
		state:     newState(chosen),
	}
	s.state.credentials = func() (key, secret string) { return s.AppKey, s.AppSecret }
	all := slices.Concat(userEndpoints(), tokenEndpoints(), banEndpoints(), blocklistEndpoints(), allowlistEndpoints(), presenceEndpoints())
	for i := range all {
		s.endpoints[all[i].path] = &all[i]
	}
	return s
}

// Config returns a configuration for [rcuser.NewClient] that fits this server: its key and secret, a data
// center with a primary and a backup host, UTC, and an HTTP client that reaches both hosts in memory and nothing else.
// Rates aren't waited for, unless the server enforces them: then it has the SDK's default limiter.
func (s *Server) Config() rcuser.Config {
	cfg := rcuser.Config{
		AppKey:    s.AppKey,
		AppSecret: s.AppSecret,
		DataCenter: rcuser.DataCenter{
			Name: "rctest", Primary: "https://" + primaryHost, Backup: "https://" + backupHost, Location: time.UTC,
		},
		HTTPClient: &http.Client{Transport: &transport{s.roundTrip}},
		Limiter:    rcuser.NoLimit,
	}
	if s.settings.enforceRates {
		cfg.Limiter = nil
	}
	return cfg
}

// Now returns the time of the server's clock: that of [time.Now] plus what it was advanced by.
func (s *Server) Now() time.Time {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	return s.state.now()
}

// Advance puts the server's clock forward: bans end, deactivations finish, the hour before a reactivation passes. It
// changes neither the Date of answers nor what counts as a fresh Timestamp or as a second of the rate limits nor the
// timestamp that an event is signed with, as all four belong to the real time. What is then due for the webhook begins
// to be posted before Advance returns. It panics if d is negative.
func (s *Server) Advance(d time.Duration) {
	if d < 0 {
		panic("rctest: Advance by a negative duration")
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.advanced += min(d, math.MaxInt64-s.state.advanced)
	s.state.settled()
	s.state.arm() // what isn't due yet is so sooner
}

// String describes the server without its secret.
func (s Server) String() string { return fmt.Sprintf("{AppKey:%s AppSecret:[redacted]}", s.AppKey) }

// Format prints the server without its secret for every verb.
func (s Server) Format(f fmt.State, verb rune) {
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), s.String())
}

// LogValue is what slog writes: the server without its secret.
func (s Server) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps the secret out of JSON and XML.
func (s Server) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
