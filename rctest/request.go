package rctest

import (
	"crypto/sha1" //nolint:gosec // RC's protocol prescribes it
	"crypto/subtle"
	"encoding/hex"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxBody       = 1 << 20 // bytes of a request
	maxNonce      = 18      // characters
	maxRequestID  = 36      // characters
	maxSkew       = 5 * time.Minute
	keptRequests  = 10_000
	formMediaType = "application/x-www-form-urlencoded"
)

// Request is one request as the server received it, and what it answered.
type Request struct {
	Host   string      // that it was sent to
	Method string      // POST, unless it was refused for that
	Path   string      // as received
	Header http.Header // with the signature, which is no secret
	Form   url.Values  // nil if the body was no form
	Code   int         // that was answered; 200 is success, 0 an answer without one or with a fault's Body, or none
	Status int         // of HTTP; 0 if there was no answer
	Time   time.Time   // of the real clock

	Applied bool // it was accepted and took effect, whatever was answered
	Fault   bool // one that was injected hit it
}

// Requests returns the last 10,000 requests that were received, oldest first, refused ones and unknown paths included.
// A request is there as soon as it was applied or refused, also while a fault keeps back its answer.
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

// received is a request with its body read.
type received struct {
	method, host string
	path         string // as it was sent
	cleanPath    string // unescaped, without doubled slashes
	header       http.Header
	size         int // of the body; more than maxBody if it was cut off
	form         url.Values
	at           time.Time
	hit          bool // by a fault
	fault        Fault
}

// clock is the time that the server believes it is where requests are checked.
func (in *received) clock() time.Time { return in.at.Add(in.fault.ClockOffset) }

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

// readBody reads one byte more than is allowed, so that an oversized body is told from one that just fits.
func readBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	return io.ReadAll(io.LimitReader(req.Body, maxBody+1))
}

func (in *received) isForm() bool {
	media, _, err := mime.ParseMediaType(in.header.Get("Content-Type"))
	return err == nil && media == formMediaType
}

// serve is the way of every request, whether it came over a socket or in memory. Its reply isn't sent if the fault is
// one without an answer.
func (s *Server) serve(req *http.Request, body []byte, f Fault, hit bool) *reply {
	in := receive(req, body)
	in.fault, in.hit = f, hit
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	out, applied := s.reply(in)
	r := Request{
		Host: in.host, Method: in.method, Path: in.path, Header: in.header, Form: in.form,
		Code: out.code, Status: out.status, Time: in.at, Applied: applied, Fault: in.hit,
	}
	if f.silent() {
		r.Code, r.Status = 0, 0
	}
	s.state.record(r)
	return out
}

func (s *Server) reply(in *received) (out *reply, applied bool) {
	if in.fault.applies() {
		found, refused := s.answer(in)
		out, applied = newReply(in, found, refused), refused == nil
	}
	if out == nil || in.fault.answers() {
		out = newFaultReply(in)
	}
	return out.finish(in), applied
}

// record forgets old requests in bulk, so that a call costs the same however many there were.
func (s *state) record(r Request) {
	if len(s.requests) == 2*keptRequests {
		s.requests = slices.Clone(s.requests[keptRequests:])
	}
	s.requests = append(s.requests, r)
}

func (s *Server) answer(in *received) (fields, *refusal) {
	e, refused := s.route(in)
	if refused == nil {
		refused = s.authenticate(in)
	}
	if refused == nil && s.settings.enforceRates {
		refused = e.spend(in)
	}
	if refused == nil {
		refused = s.checkForm(e, in)
	}
	if refused != nil {
		return nil, refused
	}
	return e.serve(s.state, &params{values: in.form, now: s.state.settled()})
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

// credential returns a header, which lenient servers also take from the set for platforms that drop unusual names.
func (s *Server) credential(in *received, name string) string {
	value := in.header.Get(name)
	if value == "" && !s.settings.strict {
		value = in.header.Get("RC-" + name)
	}
	return value
}

func (s *Server) authenticate(in *received) *refusal {
	key, nonce := s.credential(in, "App-Key"), s.credential(in, "Nonce")
	timestamp, signature := s.credential(in, "Timestamp"), s.credential(in, "Signature")
	switch {
	case key == "" || key != s.AppKey:
		return refuse(codeParameter, "invalid App-Key.")
	case nonce == "":
		return refuse(codeSignature, "Nonce is required")
	case s.settings.strict && utf8.RuneCountInString(nonce) > maxNonce:
		return refuse(codeSignature, "Nonce is longer than %d characters", maxNonce)
	case signature == "":
		return refuse(codeSignature, "Signature is required")
	}
	if refused := s.checkTimestamp(timestamp, in); refused != nil {
		return refused
	}
	sum := sha1.Sum([]byte(s.AppSecret + nonce + timestamp)) //nolint:gosec // see above
	if subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(signature)) == 0 {
		return refuse(codeSignature, "Signature doesn't match")
	}
	return nil
}

func (s *Server) checkTimestamp(text string, in *received) *refusal {
	if text == "" {
		return refuse(codeSignature, "Timestamp is required")
	}
	value, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return refuse(codeSignature, "Timestamp is not a number")
	}
	checked := s.settings.strict || in.fault.ClockOffset != 0
	if skew := in.clock().Sub(time.UnixMilli(int64(value))).Abs(); checked && skew > maxSkew {
		return refuse(codeSignature, "Timestamp is not within %v of now, in milliseconds", maxSkew)
	}
	return nil
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
	case len(in.form) == 0 && !e.optional:
		return refuse(codeNoData, "no POST data")
	}
	return nil
}

// idCount is the number of ids joined in userId, as a call's cost where the rate counts ids. A call can't cost more
// than it may hold, so that one with too many ids is refused for that.
func (in *received) idCount() int {
	return min(1+strings.Count(in.form.Get("userId"), ","), maxJoinedIDs)
}
