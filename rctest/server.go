package rctest

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"time"

	"github.com/f0207b22/rcuser"
)

// Server is a fake RC service. Create it with [NewServer]. Its methods are safe for concurrent use. Printing or encoding
// it never shows the secret.
type Server struct {
	credentials rcuser.Credentials

	settings  settings
	endpoints map[string]*endpoint
	state     *state
}

// NewServer returns a server without users, ready for calls in memory. It opens no socket and starts no goroutine. It
// need not be closed unless [Server.Listen], [Server.ListenBackup] or a webhook is used.
func NewServer(opts ...Option) *Server {
	chosen := settings{
		credentials: rcuser.Credentials{AppKey: "rctest-" + rand.Text()[:12], AppSecret: rand.Text()},
	}
	for _, opt := range opts {
		if opt != nil {
			opt(&chosen)
		}
	}
	s := &Server{
		credentials: chosen.credentials,
		settings:    chosen,
		endpoints:   newEndpoints(),
		state:       newState(chosen),
	}
	return s
}

// Credentials returns the key and the secret that calls must be signed with, and that events are signed with: those of
// [WithCredentials], otherwise random ones.
func (s *Server) Credentials() rcuser.Credentials { return s.credentials }

// Config returns a configuration for [rcuser.NewClient] that uses this server: its key and secret, a data
// center with a primary and a backup host, UTC, and an HTTP client that reaches both hosts in memory and no others.
// The client doesn't limit its rate unless the server enforces rates: then it has the SDK's default limiter.
//
// The waits between attempts are at most 10 ms, so that a test with faults takes milliseconds. A Retry-After that a fault
// sends is still honoured. If Config is called in a [testing/synctest] bubble, where waiting takes no time, the waits are
// the SDK's default ones.
func (s *Server) Config() rcuser.Config {
	cfg := rcuser.Config{
		AppKey:    s.credentials.AppKey,
		AppSecret: s.credentials.AppSecret,
		DataCenter: rcuser.DataCenter{
			Name: "rctest", Primary: "https://" + primaryHost, Backup: "https://" + backupHost, Location: time.UTC,
		},
		HTTPClient: &http.Client{Transport: &transport{s.roundTrip}},
		Limiter:    rcuser.NoLimit,
	}
	if s.settings.enforceRates {
		cfg.Limiter = nil
	}
	if !inBubble() {
		cfg.Retry = rcuser.RetryPolicy{BaseWait: time.Millisecond, MaxWait: 10 * time.Millisecond}
	}
	return cfg
}

// inBubble reports whether the caller runs in a synctest bubble. Nothing tells so but the clock: that of every bubble
// starts at the beginning of the year 2000. After 25 years of its time a bubble isn't recognized any more.
func inBubble() bool { return time.Now().Year() < 2025 }

// Now returns the time of the server's clock: [time.Now] plus what it was advanced by.
func (s *Server) Now() time.Time {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	return s.state.now()
}

// Advance moves the server's clock forward: bans end, deactivations finish, the hour before a reactivation passes. Four
// things use the real clock and don't change: the Date of answers, the check of Timestamp, the rate limits, and the
// timestamp that an event is signed with. Posting to the webhook what is due by then begins before Advance returns. It
// panics if d is negative.
func (s *Server) Advance(d time.Duration) {
	if d < 0 {
		panic("rctest: Advance by a negative duration")
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.advanced += min(d, math.MaxInt64-s.state.advanced)
	s.state.changed(ClockAdvanced, "")
	s.state.runDue()
	s.state.resetTimer() // the remaining tasks are due earlier in real time
}

// String describes the server without its secret.
func (s Server) String() string {
	return fmt.Sprintf("{AppKey:%s AppSecret:[redacted]}", s.credentials.AppKey)
}

// Format prints the server without its secret, for every verb.
func (s Server) Format(f fmt.State, verb rune) {
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), s.String())
}

// LogValue returns the server without its secret, for slog.
func (s Server) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps the secret out of JSON and XML.
func (s Server) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
