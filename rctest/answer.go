package rctest

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// RC's codes. Some occur only in faults; they are listed for their HTTP status.
const (
	codeSuccess          = 200
	codeInternal         = 1000
	codeSecret           = 1001
	codeParameter        = 1002
	codeNoData           = 1003
	codeSignature        = 1004
	codeTooLong          = 1005
	codeAppLocked        = 1006
	codeRestricted       = 1007
	codeRateLimited      = 1008
	codeServiceOff       = 1009
	codeNoChatroom       = 1015
	codeTooManyChatrooms = 1016
	codeTimeout          = 1050
	codeUserLimit        = 2007
)

const jsonMediaType = "application/json;charset=UTF-8" // as recorded from RC

// fields are the JSON fields of a successful answer, without code.
type fields map[string]any

// refusal is an error answer. Its code is an HTTP status where RC has no suitable code.
type refusal struct {
	code    int
	message string // in the answer: RC's own text where it was recorded
	reason  string // for Request.Reason
}

// refuse returns a refusal whose reason is its message.
func refuse(code int, format string, args ...any) *refusal {
	message := fmt.Sprintf(format, args...)
	return &refusal{code, message, message}
}

// because replaces the reason.
func (r *refusal) because(reason string) *refusal {
	r.reason = reason
	return r
}

// httpStatus returns the HTTP status that RC sends with a code.
func httpStatus(code int) int {
	switch code {
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return code
	case codeSuccess, codeNoChatroom:
		return http.StatusOK
	case codeSecret, codeSignature, codeAppLocked, codeRestricted:
		return http.StatusUnauthorized
	case codeTooManyChatrooms, codeUserLimit:
		return http.StatusForbidden
	case codeRateLimited:
		return http.StatusTooManyRequests
	case codeServiceOff:
		return 430
	case codeInternal:
		return http.StatusInternalServerError
	case codeTimeout:
		return http.StatusGatewayTimeout
	default:
		return http.StatusBadRequest
	}
}

// reply is an answer before it is sent, in memory or over a socket.
type reply struct {
	code   int // 0 if the body has none or is a fault's
	status int
	header http.Header
	json   fields // encoded as the body by finish; nil = body is set
	body   []byte
	size   int64 // of the body, including the spaces that a fault appends
	length int64 // the Content-Length
	fault  Fault // applied while the body is sent
}

func newReply(in *received, found fields, r *refusal) *reply {
	out := &reply{code: codeSuccess, status: http.StatusOK, header: make(http.Header), json: fields{}}
	if r != nil {
		out.code, out.status = r.code, httpStatus(r.code)
		out.json["url"], out.json["errorMessage"] = in.path, r.message
	} else {
		maps.Copy(out.json, found)
	}
	out.json["code"] = out.code
	out.header.Set("Content-Type", jsonMediaType)
	if out.status == http.StatusMethodNotAllowed {
		out.header.Set("Allow", http.MethodPost)
	}
	return out
}

// newFaultReply returns the answer that a fault prescribes.
func newFaultReply(in *received) *reply {
	f := &in.fault
	var out *reply
	switch {
	case f.Code == codeSuccess && f.Body == "":
		out = newReply(in, nil, nil)
	case f.Code != 0 && f.Body == "":
		out = newReply(in, nil, refuse(f.Code, "injected"))
	default:
		out = &reply{status: http.StatusOK, header: make(http.Header), body: []byte(f.Body)}
		if f.Code != 0 {
			out.status = httpStatus(f.Code)
		}
		if f.Body != "" || f.BodySize > 0 {
			out.header.Set("Content-Type", http.DetectContentType(out.body))
		}
	}
	if f.Status != 0 {
		out.status = f.Status
	}
	return out
}

// finish encodes the body, sets the headers that every answer has, replaces those that the fault changes, and sets the
// length. It needs no lock.
func (r *reply) finish(in *received) {
	r.encode()
	r.header.Set("Date", in.serverTime().Add(in.fault.DateOffset).UTC().Format(http.TimeFormat))
	if id := r.requestID(in); id != "" {
		r.header.Set("X-Request-Id", id)
	}
	for name, values := range in.fault.Header {
		r.header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	if in.fault.RetryAfter != "" {
		r.header.Set("Retry-After", in.fault.RetryAfter)
	}
	r.setLength(in)
	if bodyAllowed(r.status) {
		r.header.Set("Content-Length", strconv.FormatInt(r.length, 10))
	}
}

func (r *reply) encode() {
	if r.json == nil {
		return
	}
	var err error
	if r.body, err = json.Marshal(r.json); err != nil {
		panic("rctest: encoding an answer: " + err.Error()) // never happens: fields hold strings and slices of them
	}
}

// requestID returns the request's own id or, for an answer of RC, a new one. A proxy's answer gets none.
func (r *reply) requestID(in *received) string {
	if id := in.header.Get("X-Request-Id"); id != "" || r.json == nil {
		return id
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// setLength also drops the body, and the faults of sending it, if the method is HEAD.
func (r *reply) setLength(in *received) {
	r.fault, r.size = in.fault, max(int64(len(r.body)), in.fault.BodySize)
	r.length = r.size
	if r.fault.Kind == WrongLength {
		r.length++
	}
	if in.method == http.MethodHead {
		r.body, r.size, r.fault = nil, 0, Fault{}
	}
}
