package rctest

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Request is a request that the server received, and how it was answered.
//
// Of a request that failed before its signature was verified, because of its path, its method, its key or its signature,
// only a line is kept: Header and Form are nil, and Host, Method and Path are cut after 256 bytes.
type Request struct {
	Seq    uint64      // 1 for the server's first request, and one more for each further one
	Host   string      // the host it was sent to
	Method string      // as received
	Path   string      // as received
	Header http.Header // includes the signature, which is no secret
	Form   url.Values  // nil if the body wasn't a form
	Code   int         // code of the answer: 200 = success, 0 = it had none or a fault's Body, or there was no answer
	Status int         // HTTP status of the answer; 0 = there was no answer
	Reason string      // why the server refused the call, also if a fault answered in its place; "" = it didn't
	Time   time.Time   // of the real clock

	Applied bool   // the call was accepted and took effect, whatever the answer was
	Fault   bool   // an injected fault hit it
	FaultID uint64 // the [InjectedFault.ID] of that fault; 0 = none
}

// Requests returns the requests that the server remembers, oldest first, including refused ones and those to unknown
// paths: the last 10,000, fewer if they have more than 64 MiB together. A request is added when it is applied or refused,
// even if a fault delays its answer.
func (s *Server) Requests() []Request {
	s.state.mu.Lock()
	last := s.state.requests.last
	s.state.mu.Unlock()
	return readAll(last, s.RequestsSince)
}

// RequestsSince returns the requests of [Server.Requests] whose Seq is above cursor, at most limit of them, and the
// cursor for the next call. A limit that isn't between 1 and 1,000 counts as 1,000. To wait for more, use [Server.Changes].
//
// Cursor 0 is before the oldest request. So is one whose request isn't remembered any more, which shows in a first Seq
// above cursor+1, and one that is above every Seq so far, as one of another server can be. With the cursor of the latest
// request the page is empty.
func (s *Server) RequestsSince(cursor uint64, limit int) (page []Request, next uint64) {
	s.state.mu.Lock()
	page, next = s.state.requests.after(cursor, limit)
	s.state.mu.Unlock()
	for i := range page {
		page[i].Header = page[i].Header.Clone()
		page[i].Form = url.Values(http.Header(page[i].Form).Clone())
	}
	return page, next
}

// maxLine is how many bytes are kept of the host, the method and the path of a request whose sender is unknown.
const maxLine = 256

// newRequest returns what is remembered of a request, apart from its answer. Nothing in it shares memory with what isn't
// remembered, such as the rest of the request line.
func newRequest(in *received) Request {
	r := Request{
		Host: cut(in.host, maxLine), Method: cut(in.method, maxLine), Path: cut(in.path, maxLine), Time: in.at,
		Fault: in.faultID != 0, FaultID: in.faultID,
	}
	if in.signed {
		r.Path, r.Header, r.Form = strings.Clone(in.path), in.header.Clone(), in.form
	}
	return r
}

// cut returns a copy of the text, with "…" instead of what exceeds the limit.
func cut(text string, limit int) string {
	if len(text) > limit {
		return text[:limit] + "…"
	}
	return strings.Clone(text)
}

// Estimates of the memory that is used in addition to the bytes of the strings.
const (
	requestOverhead = 1000 // of a Request and two maps with up to 8 keys
	lineOverhead    = 250  // of a Request without maps
	keyOverhead     = 100  // of a key of a map
	valueOverhead   = 32   // of a value of a key
)

// size returns how much memory is used at most to remember the request. The strings of a form may share the memory of
// the whole text that it was parsed from or be copies, so both are counted.
func (r *Request) size(formSize int) int {
	size := lineOverhead
	if r.Header != nil {
		size = requestOverhead + formSize + mapSize(r.Header) + mapSize(r.Form)
	}
	return size + len(r.Host) + len(r.Method) + len(r.Path) + len(r.Reason)
}

func mapSize(m map[string][]string) int {
	size := 0
	for key, values := range m {
		size += keyOverhead + len(key)
		for _, value := range values {
			size += valueOverhead + len(value)
		}
	}
	return size
}

func (s *state) record(r Request, size int) {
	r.Seq = s.requests.last + 1
	s.requests.add(r, size)
	s.changed(RequestReceived, "")
}
