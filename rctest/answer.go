package rctest

import (
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

// fields are the JSON fields of a successful answer, without code.
type fields map[string]any

// refusal is an error answer. Its code is an HTTP status where RC has no suitable code.
type refusal struct {
	code    int
	message string
}

func refuse(code int, format string, args ...any) *refusal {
	return &refusal{code, fmt.Sprintf(format, args...)}
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
	body   []byte
	size   int64 // of the body, including the spaces that a fault appends
	length int64 // the Content-Length
	fault  Fault // applied while the body is sent
}

func newReply(in *received, found fields, r *refusal) *reply {
	out := &reply{code: codeSuccess, status: http.StatusOK, header: make(http.Header)}
	body := fields{}
	if r != nil {
		out.code, out.status = r.code, httpStatus(r.code)
		body["url"], body["errorMessage"] = in.path, r.message
	} else {
		maps.Copy(body, found)
	}
	body["code"] = out.code
	var err error
	if out.body, err = json.Marshal(body); err != nil {
		panic("rctest: encoding an answer: " + err.Error()) // never happens: fields hold strings and slices of them
	}
	out.header.Set("Content-Type", "application/json; charset=utf-8")
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

// finish sets the headers that every answer has, replaces those that the fault changes, and sets the length.
func (r *reply) finish(in *received) *reply {
	r.header.Set("Date", in.serverTime().Add(in.fault.DateOffset).UTC().Format(http.TimeFormat))
	if id := in.header.Get("X-Request-ID"); id != "" {
		r.header.Set("X-Request-ID", id)
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
	return r
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
