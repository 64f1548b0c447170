package rcuser

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// DataCenter has the base URLs of RC's API and the time zone of the times in its answers. An app belongs to exactly
// one data center and must use only that one. Use one of the package's variables, or a value of your own for a proxy
// or a private installation.
//
// Source: https://docs.rongcloud.io/platform-chat-api/base-url.
type DataCenter struct {
	// Name is shown when a Config is printed. It is never sent and may be empty.
	Name string
	// Primary and Backup are base URLs such as "https://api.rong-api.com". Without a Backup, calls are retried on the
	// Primary only.
	Primary, Backup string
	// Location is the time zone of the times in RC's answers, which are written without a zone. Nil means UTC.
	Location *time.Location
}

// RC's data centers. Times are in UTC+8 in Beijing and in UTC elsewhere. RC documents that for mutes and
// do-not-disturb times; for User.CreatedAt in Beijing it was observed in 2022, otherwise it is assumed for
// User.CreatedAt and Ban.Until.
var (
	Beijing = DataCenter{
		Name: "Beijing", Primary: "https://api.rong-api.com", Backup: "https://api-b.rong-api.com",
		Location: time.FixedZone("UTC+8", 8*60*60),
	}
	Singapore = DataCenter{
		Name: "Singapore", Primary: "https://api.sg-light-api.com", Backup: "https://api-b.sg-light-api.com",
		Location: time.UTC,
	}
	SingaporeB = DataCenter{
		Name: "SingaporeB", Primary: "https://api.sg-b-light-api.com", Backup: "https://api-b.sg-b-light-api.com",
		Location: time.UTC,
	}
	NorthAmerica = DataCenter{
		Name: "NorthAmerica", Primary: "https://api.us-light-api.com", Backup: "https://api-b.us-light-api.com",
		Location: time.UTC,
	}
	SaudiArabia = DataCenter{
		Name: "SaudiArabia", Primary: "https://api.sau-light-api.com", Backup: "https://api-b.sau-light-api.com",
		Location: time.UTC,
	}
)

// parseBaseURL checks a base URL and drops slashes at its end. The scheme must be https, because a signature covers
// neither the path nor the body: whoever reads one can make other calls with it. http is accepted for loopback
// addresses and if it was allowed.
func parseBaseURL(name, raw string, allowHTTP bool) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, &ArgumentError{name, "is not a URL"} // the parser's error would contain a password
	case u.User != nil:
		return nil, &ArgumentError{name, "holds a user name or password"}
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return nil, &ArgumentError{name, "holds a query or a fragment"}
	case u.RawPath != "":
		return nil, &ArgumentError{name, "has a path with a character that is or would have to be escaped"}
	case u.Hostname() == "" || u.Opaque != "":
		return nil, &ArgumentError{name, "has no host; it reads like https://api.rong-api.com"}
	case !validPort(u.Port()):
		return nil, &ArgumentError{name, "has a port beyond 65535"}
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, &ArgumentError{name, "is neither https nor http"}
	case u.Scheme == "http" && !allowHTTP && !isLoopback(u.Hostname()):
		return nil, &ArgumentError{name, "is http, which is refused except for loopback addresses; AllowInsecureHTTP permits it"}
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}, nil
}

func validPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
