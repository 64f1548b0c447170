package rctest

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	maxBody      = 1 << 20 // bytes of a request
	maxPath      = 2048    // bytes of a path that can be known, doubled slashes included
	maxRequestID = 36      // characters
)

// received is a request on its way to its endpoint.
type received struct {
	method, host string
	path         string      // as sent, escaped
	cleanPath    string      // unescaped, without doubled slashes
	header       http.Header // with canonical names; the client's, which must not be changed
	body         requestBody
	at           time.Time
	fault        Fault
	faultID      uint64 // 0 = no fault hit it

	endpoint *endpoint // nil if the path or the method is unknown
	signed   bool      // its sender knows the secret
	refused  *refusal  // of its path, its method or its signature

	size    int // of the body; more than maxBody if the rest wasn't read
	bodyErr error
	bom     bool // the body begins with a byte order mark
	form    url.Values
	formErr error
}

// serverTime is the clock that the request is checked against, and that Date shows: a fault may shift it.
func (in *received) serverTime() time.Time { return in.at.Add(in.fault.ClockOffset) }

// receive picks the fault that hits a request and checks everything that comes before the body, unless the fault is one
// that prevents the request.
func (s *Server) receive(host Host, req *http.Request) *received {
	in := &received{
		method: req.Method, host: req.Host, header: canonical(req.Header), body: requestBody{reader: req.Body}, at: time.Now(),
	}
	if req.URL != nil {
		in.path = req.URL.EscapedPath()
		if len(req.URL.Path) <= maxPath {
			in.cleanPath = singleSlashes(req.URL.Path)
		}
		if in.host == "" {
			in.host = req.URL.Host
		}
	}
	if hit := s.pickFault(host, in); hit != nil {
		in.fault, in.faultID = hit.fault, hit.id
	}
	if !in.fault.preventsRequest() {
		in.refused = s.admit(in)
	}
	return in
}

// canonical returns the header with the names that net/http's server would give it.
func canonical(header http.Header) http.Header {
	for name := range header {
		if http.CanonicalHeaderKey(name) != name {
			return renamed(header)
		}
	}
	return header
}

func renamed(header http.Header) http.Header {
	canonical := make(http.Header, len(header))
	for _, name := range slices.Sorted(maps.Keys(header)) {
		key := http.CanonicalHeaderKey(name)
		canonical[key] = append(canonical[key], header[name]...)
	}
	return canonical
}

func singleSlashes(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}

// admit checks the path, the method and the signature. It needs neither the body nor the state.
func (s *Server) admit(in *received) *refusal {
	path := in.cleanPath
	if s.settings.strict {
		path = in.path
	}
	e := s.endpoints[path]
	switch {
	case e == nil:
		return refuse(http.StatusNotFound, "Not a valid API.").because("the path is unknown")
	case in.method != http.MethodPost:
		return refuse(http.StatusMethodNotAllowed, "the method must be POST")
	}
	in.endpoint = e
	return s.authenticate(in)
}

// readBody reads and parses the body of a signed request. Of another one it only takes the bytes, as a client may not
// look at the answer before it has sent them.
func (in *received) readBody() error {
	if !in.signed {
		in.size, in.bodyErr = in.body.discard()
		return in.bodyErr
	}
	content, err := in.body.read()
	in.size, in.bodyErr = len(content), err
	if err == nil && len(content) <= maxBody {
		in.bom = strings.HasPrefix(string(content[:min(len(content), len(byteOrderMark))]), byteOrderMark)
		in.form, in.formErr = parseForm(string(content))
	}
	return err
}

// requestBody is a request's body, which is read only once it is needed.
type requestBody struct {
	reader  io.Reader // nil = empty
	isRead  bool
	content []byte
	err     error
}

// read reads at most maxBody+1 bytes: the extra byte distinguishes a body that is too large from one that just fits.
// Further calls return the same.
func (b *requestBody) read() ([]byte, error) {
	if !b.isRead && b.reader != nil {
		b.content, b.err = io.ReadAll(io.LimitReader(b.reader, maxBody+1))
	}
	b.isRead = true
	return b.content, b.err
}

// discard is read without keeping the bytes. It returns their number.
func (b *requestBody) discard() (int, error) {
	if b.isRead || b.reader == nil {
		return len(b.content), b.err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(b.reader, maxBody+1))
	return int(n), err
}
