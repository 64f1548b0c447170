package rcuser

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// Config is what [NewClient] makes a client from. The app's key and secret (or Credentials) and DataCenter are
// required; the zero value of every other field is its default. Printing it, or encoding it as JSON or XML, never shows the
// secret.
//
// The SDK's own transport speaks HTTP/1.1, uses a connection 79 times at most and keeps it idle for 50 s at most, as RC
// wants; one that HTTPClient brings is used as it is. Over both, redirects are refused, and successes are read up to
// 4 MiB.
type Config struct {
	AppKey, AppSecret string                         // required, unless Credentials is set
	Credentials       CredentialsFunc                // instead of the two: asked before every attempt, so a rotated secret needs no restart
	DataCenter        DataCenter                     // required: Beijing, Singapore, SingaporeB, NorthAmerica, SaudiArabia, or your own
	HTTPClient        *http.Client                   // its Transport and Timeout are used, it is never changed, redirects are refused; nil, or no Transport = the SDK's own
	AttemptTimeout    time.Duration                  // of one attempt, until its answer is read; 0 = 5 s; a shorter HTTPClient.Timeout wins
	Retry             RetryPolicy                    // zero value = the defaults that it documents
	Limiter           Limiter                        // asked before every attempt; nil = RC's published limits, in this process; NoLimit = off
	Logger            *slog.Logger                   // gets a debug line an attempt; nil = silent
	OnAttempt         func(context.Context, Attempt) // called after every attempt, by the goroutine of the call; for metrics and traces
	UserAgent         string                         // appended to the SDK's own
	AllowInsecureHTTP bool                           // http:// is refused except for loopback addresses, unless true
}

// String returns the configuration's key and data center.
func (c Config) String() string {
	return fmt.Sprintf("{AppKey:%s AppSecret:%s DataCenter:%s}", c.AppKey, redacted, c.DataCenter.Name)
}

// Format prints the configuration without the secret for every verb.
func (c Config) Format(f fmt.State, verb rune) { formatText(f, verb, c.String()) }

// LogValue is what slog writes: the configuration without the secret.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText keeps the secret out of JSON and XML.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// ConfigFromEnv returns the configuration that the environment describes:
//
//	RC_APP_KEY, RC_APP_SECRET      the app's credentials, required
//	RC_DATA_CENTER                 Beijing, Singapore, SingaporeB, NorthAmerica or SaudiArabia, in any case
//	RC_BASE_URL, RC_BACKUP_URL     base URLs instead of the data center's; without RC_BACKUP_URL there is no backup
//
// RC_DATA_CENTER or RC_BASE_URL must be set. Times are in the zone of RC_DATA_CENTER or, without one, UTC.
// Whether http:// is allowed is [NewClient]'s to decide. A variable that is missing or wrong gives an [*ArgumentError] that names it.
func ConfigFromEnv() (Config, error) {
	cfg := Config{AppKey: os.Getenv("RC_APP_KEY"), AppSecret: os.Getenv("RC_APP_SECRET")}
	center, base, backup := os.Getenv("RC_DATA_CENTER"), os.Getenv("RC_BASE_URL"), os.Getenv("RC_BACKUP_URL")
	switch {
	case cfg.AppKey == "":
		return Config{}, &ArgumentError{"RC_APP_KEY", "is not set"}
	case cfg.AppSecret == "":
		return Config{}, &ArgumentError{"RC_APP_SECRET", "is not set"}
	case center == "" && base == "":
		return Config{}, &ArgumentError{"RC_DATA_CENTER", "is not set, and neither is RC_BASE_URL"}
	case backup != "" && base == "":
		return Config{}, &ArgumentError{"RC_BACKUP_URL", "is set without RC_BASE_URL"}
	}
	if center != "" {
		at := slices.IndexFunc(dataCenters(), func(dc DataCenter) bool { return strings.EqualFold(dc.Name, center) })
		if at < 0 {
			return Config{}, argumentErrorf("RC_DATA_CENTER", "is none of Beijing, Singapore, SingaporeB, NorthAmerica, SaudiArabia")
		}
		cfg.DataCenter = dataCenters()[at]
	}
	if base != "" {
		cfg.DataCenter.Primary, cfg.DataCenter.Backup = base, backup
	}
	for _, u := range []struct{ name, value string }{{"RC_BASE_URL", base}, {"RC_BACKUP_URL", backup}} {
		if u.value == "" {
			continue
		}
		if _, err := parseBaseURL(u.name, u.value, true); err != nil {
			return Config{}, err
		}
	}
	return cfg, nil
}

func dataCenters() []DataCenter {
	return []DataCenter{Beijing, Singapore, SingaporeB, NorthAmerica, SaudiArabia}
}

// isHeaderText reports whether text can stand in a header.
func isHeaderText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}
