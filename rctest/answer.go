package rctest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// RC's codes, as far as the fake answers with them.
const (
	codeSuccess     = 200
	codeParameter   = 1002
	codeNoData      = 1003
	codeSignature   = 1004
	codeTooLong     = 1005
	codeRateLimited = 1008
	codeUserLimit   = 2007
)

// fields are what a success holds besides its code.
type fields map[string]any

// refusal is an answer that isn't a success. Its code may also be an HTTP status, where RC has no code that fits.
type refusal struct {
	code    int
	message string
}

func refuse(code int, format string, args ...any) *refusal {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

func (r *refusal) status() int {
	switch r.code {
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return r.code
	case codeSignature:
		return http.StatusUnauthorized
	case codeRateLimited:
		return http.StatusTooManyRequests
	case codeUserLimit:
		return http.StatusForbidden
	default:
		return http.StatusBadRequest
	}
}

// reply is an answer ready to be sent, by whatever way the request came.
type reply struct {
	code   int
	status int
	header http.Header
	body   []byte
}

func newReply(in *received, found fields, r *refusal) *reply {
	out := &reply{code: codeSuccess, status: http.StatusOK, header: make(http.Header)}
	body := fields{}
	if r != nil {
		out.code, out.status = r.code, r.status()
		body["url"], body["errorMessage"] = in.path, r.message
	} else {
		maps.Copy(body, found)
	}
	body["code"] = out.code
	var err error
	if out.body, err = json.Marshal(body); err != nil {
		panic("rctest: an answer that JSON can't hold: " + err.Error()) // fields hold strings and slices of them
	}
	out.header.Set("Content-Type", "application/json; charset=utf-8")
	out.header.Set("Content-Length", strconv.Itoa(len(out.body)))
	out.header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if id := in.header.Get("X-Request-ID"); id != "" {
		out.header.Set("X-Request-ID", id)
	}
	if out.status == http.StatusMethodNotAllowed {
		out.header.Set("Allow", http.MethodPost)
	}
	return out
}
