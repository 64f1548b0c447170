package rctest

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	maxBody       = 1 << 20 // bytes of a request
	maxRequestID  = 36      // characters
	keptRequests  = 10_000
	formMediaType = "application/x-www-form-urlencoded"
)

// Request is a request that the server received, and how it was answered.
type Request struct {
	Host   string      // the host it was sent to
	Method string      // as received
	Path   string      // as received
	Header http.Header // includes the signature, which is no secret
	Form   url.Values  // nil if the body wasn't a form
	Code   int         // code of the answer: 200 = success, 0 = it had none or a fault's Body, or there was no answer
	Status int         // HTTP status of the answer; 0 = there was no answer
	Time   time.Time   // of the real clock

	Applied bool // the call was accepted and took effect, whatever the answer was
	Fault   bool // an injected fault hit it
}

// Requests returns the last 10,000 requests received, oldest first, including refused ones and those to unknown paths. A
// request is added when it is applied or refused, even if a fault delays its answer.
func (s *Server) Requests() []Request {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	all := s.state.requests
	all = slices.Clone(all[max(0, len(all)-keptRequests):])
	for i := range all {
		all[i].Header = all[i].Header.Clone()
		all[i].Form = cloneForm(all[i].Form)
	}
	return all
}

func cloneForm(form url.Values) url.Values { return url.Values(http.Header(form).Clone()) }

// received is a request whose body has been read.
type received struct {
	method, host string
	path         string // as sent, escaped
	cleanPath    string // unescaped, without doubled slashes
	header       http.Header
	size         int // of the body; more than maxBody if the rest wasn't read
	form         url.Values
	at           time.Time
	hit          bool // by a fault
	fault        Fault
}

// serverTime is the clock that the request is checked against, and that Date shows: a fault may shift it.
func (in *received) serverTime() time.Time { return in.at.Add(in.fault.ClockOffset) }

func receive(req *http.Request, body []byte) *received {
	in := &received{method: req.Method, host: req.Host, header: req.Header.Clone(), size: len(body), at: time.Now()}
	if req.URL != nil {
		in.path, in.cleanPath = req.URL.EscapedPath(), singleSlashes(req.URL.Path)
		if in.host == "" {
			in.host = req.URL.Host
		}
	}
	if form, err := url.ParseQuery(string(body)); err == nil && len(body) <= maxBody && in.isForm() {
		in.form = form
	}
	return in
}

func singleSlashes(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}

// requestBody is a request's body, which is read only once it is needed.
type requestBody struct {
	req     *http.Request
	isRead  bool
	content []byte
	err     error
}

// read reads at most maxBody+1 bytes: the extra byte distinguishes a body that is too large from one that just fits.
// Further calls return the same.
func (b *requestBody) read() ([]byte, error) {
	if !b.isRead && b.req.Body != nil {
		b.content, b.err = io.ReadAll(io.LimitReader(b.req.Body, maxBody+1))
	}
	b.isRead = true
	return b.content, b.err
}

// userIDs returns the ids of a form in all fields for user ids: userId, blackUserId and whiteUserId. joined says that
// commas separate ids.
func (b *requestBody) userIDs(joined bool) []string {
	content, err := b.read()
	if err != nil || len(content) > maxBody {
		return nil
	}
	form, _ := url.ParseQuery(string(content)) // with an error, the fields that could be parsed
	var ids []string
	for name, values := range form {
		if !strings.HasSuffix(strings.ToLower(name), "userid") {
			continue
		}
		for _, value := range values {
			if joined {
				ids = append(ids, strings.Split(value, ",")...)
			} else {
				ids = append(ids, value)
			}
		}
	}
	return ids
}

func (in *received) isForm() bool {
	media, _, err := mime.ParseMediaType(in.header.Get("Content-Type"))
	return err == nil && media == formMediaType
}

// serve handles a request, whether it came over a socket or in memory. The caller must not send the reply if the fault
// is one without an answer.
func (s *Server) serve(req *http.Request, body []byte, f Fault, hit bool) *reply {
	in := receive(req, body)
	in.fault, in.hit = f, hit
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	out, applied := s.respond(in)
	r := Request{
		Host: in.host, Method: in.method, Path: in.path, Header: in.header, Form: in.form,
		Code: out.code, Status: out.status, Time: in.at, Applied: applied, Fault: in.hit,
	}
	if f.hasNoAnswer() {
		r.Code, r.Status = 0, 0
	}
	s.state.record(r)
	return out
}

func (s *Server) respond(in *received) (out *reply, applied bool) {
	if in.fault.appliesCall() {
		found, refused := s.apply(in)
		out, applied = newReply(in, found, refused), refused == nil
	}
	if out == nil || in.fault.replacesAnswer() {
		out = newFaultReply(in)
	}
	return out.finish(in), applied
}

// record drops old requests in batches, so that its amortized cost is constant.
func (s *state) record(r Request) {
	if len(s.requests) == 2*keptRequests {
		s.requests = slices.Clone(s.requests[keptRequests:])
	}
	s.requests = append(s.requests, r)
}

// apply checks a request and calls the endpoint's handler.
func (s *Server) apply(in *received) (fields, *refusal) {
	e, refused := s.route(in)
	if refused == nil {
		refused = s.authenticate(in)
	}
	if refused == nil && s.settings.enforceRates {
		refused = e.checkRate(in)
	}
	if refused == nil {
		refused = s.checkForm(e, in)
	}
	if refused != nil {
		return nil, refused
	}
	return e.handle(s.state, &params{values: in.form, now: s.state.runDue(), fault: &in.fault})
}

func (s *Server) route(in *received) (*endpoint, *refusal) {
	path := in.cleanPath
	if s.settings.strict {
		path = in.path
	}
	e, ok := s.endpoints[path]
	switch {
	case !ok:
		return nil, refuse(http.StatusNotFound, "unknown path")
	case in.method != http.MethodPost:
		return nil, refuse(http.StatusMethodNotAllowed, "the method must be POST")
	}
	return e, nil
}

func (s *Server) checkForm(e *endpoint, in *received) *refusal {
	id := in.header.Get("X-Request-ID")
	switch {
	case s.settings.strict && len(id) > maxRequestID:
		return refuse(codeTooLong, "X-Request-ID is longer than %d characters", maxRequestID)
	case in.size > maxBody:
		return refuse(codeTooLong, "the body is larger than %d bytes", maxBody)
	case !in.isForm() && (in.size > 0 || s.settings.strict):
		return refuse(codeNoData, "the Content-Type must be %s", formMediaType)
	case in.form == nil && in.size > 0:
		return refuse(codeParameter, "the body is not a form")
	case len(in.form) == 0 && !e.allowEmpty:
		return refuse(codeNoData, "no POST data")
	}
	return nil
}
