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

// Config configures a client, see [NewClient]. The credentials and DataCenter are required; the zero value of every
// other field selects its default. Printed, or encoded as JSON or XML, a Config shows the app key and the name of the
// data center, and never the secret.
//
// The SDK's own transport speaks HTTP/1.1, uses a connection for at most 79 requests and keeps it idle for at most
// 50 s: RC asks for fewer than 80 and less than 55 s. With any transport, redirects are refused, and a success longer
// than 4 MiB is an error.
type Config struct {
	// AppKey and AppSecret are the app's credentials. They are required unless Credentials is set.
	AppKey, AppSecret string

	// Credentials replaces AppKey and AppSecret. It is called before every attempt, so that a secret can be rotated
	// without a restart.
	Credentials CredentialsFunc

	// DataCenter is the app's data center: Beijing, Singapore, SingaporeB, NorthAmerica, SaudiArabia, or your own.
	DataCenter DataCenter

	// HTTPClient provides the Transport, which is used as it is, and a Timeout, which limits each attempt as
	// AttemptTimeout does; the shorter one applies. CheckRedirect is ignored and a Jar is refused. NewClient doesn't
	// modify the HTTPClient. If it or its Transport is nil, the SDK uses a transport of its own. If the peer had already
	// closed a kept HTTP/1.1 connection, the attempt is repeated on a new one, for which the Transport's other idle
	// connections to that host are closed.
	HTTPClient *http.Client

	// WrapTransport, if not nil, is called once, by NewClient, with the SDK's own transport, or that of HTTPClient, and
	// returns the transport through which requests are sent. It serves tracing and metrics. The wrapper must pass requests
	// on with their own context or one derived from it. Otherwise the end of a call's context doesn't end the attempt, a
	// failure without an answer counts as Unknown unless no connection could be made, and a connection that the peer had
	// already closed counts as the host's failure.
	WrapTransport func(http.RoundTripper) http.RoundTripper

	// AttemptTimeout limits one attempt, from fetching the credentials to reading the answer. Zero means 5 s.
	AttemptTimeout time.Duration

	// Retry says how often a call is attempted and how long it waits in between.
	Retry RetryPolicy

	// Limiter delays attempts so that they stay within RC's rate limits. If nil, the client has its own of [NewLimiter],
	// which keeps the published rate of each endpoint. [NoLimit] turns limiting off.
	Limiter Limiter

	// Logger gets a debug record for every attempt and warnings about switched hosts and an empty retry budget. If
	// nil, nothing is logged.
	Logger *slog.Logger

	// OnAttempt, if not nil, is called after every attempt, in the goroutine of the call. It serves metrics and
	// traces.
	OnAttempt func(context.Context, Attempt)

	// OnCall, if not nil, is called once a call, in its goroutine, however it ended: also if no attempt was made, or if a
	// hook or a transport panicked. It isn't called for an *ArgumentError, which is returned before a call begins.
	OnCall func(context.Context, CallInfo)

	// UserAgent is appended to the SDK's own User-Agent header.
	UserAgent string

	// AllowInsecureHTTP permits base URLs with http://. Without it, they are permitted for loopback addresses only.
	AllowInsecureHTTP bool
}

// String returns the app key and the name of the data center.
func (c Config) String() string {
	return fmt.Sprintf("{AppKey:%s AppSecret:%s DataCenter:%s}", c.AppKey, redacted, c.DataCenter.Name)
}

// Format prints the configuration without the secret for every verb.
func (c Config) Format(f fmt.State, verb rune) { formatText(f, verb, c.String()) }

// LogValue returns the configuration without the secret, for slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns the configuration without the secret, for JSON and XML.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// ConfigFromEnv returns a configuration from environment variables:
//
//	RC_APP_KEY, RC_APP_SECRET      the app's credentials, required
//	RC_DATA_CENTER                 Beijing, Singapore, SingaporeB, NorthAmerica or SaudiArabia, in upper or lower case
//	RC_BASE_URL, RC_BACKUP_URL     replace the data center's base URLs; without RC_BACKUP_URL there is no backup
//
// RC_DATA_CENTER or RC_BASE_URL must be set. Times are in the zone of RC_DATA_CENTER, or in UTC if it isn't set. White space
// around a value is ignored: a secret that was read from a file may end in a newline.
//
// Errors: an [*ArgumentError] that names the variable that is missing or wrong. Base URLs with http:// are accepted
// here; [NewClient] refuses them unless the host is a loopback address or AllowInsecureHTTP is set.
func ConfigFromEnv() (Config, error) {
	env := func(name string) string { return strings.TrimSpace(os.Getenv(name)) }
	cfg := Config{AppKey: env("RC_APP_KEY"), AppSecret: env("RC_APP_SECRET")}
	center, base, backup := env("RC_DATA_CENTER"), env("RC_BASE_URL"), env("RC_BACKUP_URL")
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

// isHeaderText reports whether text can be sent in a header: it is printable ASCII.
func isHeaderText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}
