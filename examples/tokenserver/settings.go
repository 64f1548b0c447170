package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

const (
	defaultListen   = "127.0.0.1:8080"
	defaultDatabase = "tokenserver.db"
	minSecretLength = 16 // characters of a webhook path or an API token
)

// settings are the values of the environment variables, with defaults.
type settings struct {
	listen      string
	database    string // a path; "" = a temporary file
	webhookPath string
	tokenTTL    time.Duration // 0 = tokens never expire
	apiToken    string        // unused with the fake
	rc          rcuser.Config
	fake        *rctest.Server // nil with the real service
}

// env returns a variable without the white space around its value: one that comes from a file usually ends in a newline,
// which none of the values can have.
func env(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// settingsFromEnv reads the settings. An error names the wrong variable. Without RC's key and secret it starts a fake.
func settingsFromEnv() (settings, error) {
	s := settings{
		listen:      cmp.Or(env("LISTEN_ADDR"), defaultListen),
		database:    env("DATABASE"),
		webhookPath: env("WEBHOOK_PATH"),
		apiToken:    env("API_TOKEN"),
	}
	ttl, err := time.ParseDuration(cmp.Or(env("TOKEN_TTL"), "0"))
	if err != nil || ttl < 0 {
		return settings{}, fmt.Errorf("TOKEN_TTL must be a duration such as 720h, or 0 for tokens that never expire")
	}
	s.tokenTTL = ttl
	if env("RC_APP_KEY") == "" && env("RC_APP_SECRET") == "" {
		return s.withFake()
	}
	return s.withService()
}

// withFake accepts only loopback addresses, because the fake has no authentication. It refuses settings for the real
// service, because then the key and the secret were probably forgotten, and the fake must not change a real database.
func (s settings) withFake() (settings, error) {
	for _, name := range []string{"DATABASE", "API_TOKEN", "RC_DATA_CENTER", "RC_BASE_URL", "RC_BACKUP_URL"} {
		if env(name) != "" {
			return settings{}, fmt.Errorf("%s is for the real service, but RC_APP_KEY and RC_APP_SECRET are not set", name)
		}
	}
	s.webhookPath = cmp.Or(s.webhookPath, "/"+rand.Text())
	if err := s.check(); err != nil {
		return settings{}, err
	}
	if host, _, _ := net.SplitHostPort(s.listen); !isLoopback(host) {
		return settings{}, fmt.Errorf("LISTEN_ADDR must be a loopback address while RC_APP_KEY and RC_APP_SECRET aren't set")
	}
	s.fake = rctest.NewServer()
	s.rc = s.fake.Config()
	return s, nil
}

func (s settings) withService() (settings, error) {
	s.database = cmp.Or(s.database, defaultDatabase)
	if err := s.check(); err != nil {
		return settings{}, err
	}
	if !apiTokenPattern.MatchString(s.apiToken) {
		return settings{}, fmt.Errorf("API_TOKEN must have at least %d characters, and only those that a header can carry: "+
			"printable ASCII without spaces; it authenticates the callers", minSecretLength)
	}
	var err error
	s.rc, err = rcuser.ConfigFromEnv()
	return s, err
}

var apiTokenPattern = regexp.MustCompile(fmt.Sprintf(`^[!-~]{%d,}$`, minSecretLength))

var webhookPathPattern = regexp.MustCompile(fmt.Sprintf(`^/[A-Za-z0-9_-]{%d,}$`, minSecretLength))

func (s settings) check() error {
	if _, _, err := net.SplitHostPort(s.listen); err != nil {
		return fmt.Errorf("LISTEN_ADDR must be an address such as %s: %w", defaultListen, err)
	}
	if !webhookPathPattern.MatchString(s.webhookPath) {
		return fmt.Errorf("WEBHOOK_PATH must be a slash and at least %d letters, digits, - or _ that can't be guessed", minSecretLength)
	}
	return nil
}

func isLoopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

// now returns the time of RC's clock: a fake's may have been advanced.
func (s settings) now() time.Time {
	if s.fake != nil {
		return s.fake.Now()
	}
	return time.Now()
}
