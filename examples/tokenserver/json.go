package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"

	"github.com/f0207b22/rcuser"
)

const (
	maxBody            = 8 << 10 // bytes
	retryAfter         = "5"     // seconds
	statusClientClosed = 499     // as nginx logs it; the client never receives it
)

// requestError is an error in the request, with a text for the caller.
type requestError struct {
	status int
	text   string
}

func (e *requestError) Error() string { return e.text }

// readJSON decodes a body that is one JSON value without unknown fields into target. It checks the Content-Type too,
// because a browser sends cross-site requests of the type application/json only after a preflight request.
func readJSON(w http.ResponseWriter, r *http.Request, target any) error {
	if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType != "application/json" {
		return &requestError{http.StatusUnsupportedMediaType, "Content-Type must be application/json"}
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err = decoder.Decode(target); err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.Join(errors.New("more than one JSON value"), err)
	}
	return &requestError{http.StatusBadRequest, "invalid JSON body: " + err.Error()}
}

// readBody hides network errors from the caller, because they contain addresses.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case tooLarge:
		return nil, &requestError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", maxBody)}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &requestError{http.StatusRequestTimeout, "the body wasn't received in time"}
	case err != nil:
		return nil, &requestError{http.StatusBadRequest, "the body is incomplete"}
	}
	return body, nil
}

// writeJSON forbids caching, because body may contain a token.
func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only if the client is gone
}

// fail answers with an error. The details of errors that the caller can't do anything about go to the log only.
func (a *app) fail(w http.ResponseWriter, r *http.Request, err error) {
	argument, isArgument := errors.AsType[*rcuser.ArgumentError](err)
	bad, isBad := errors.AsType[*requestError](err)
	refused, isRC := errors.AsType[*rcuser.Error](err)
	status, text := http.StatusInternalServerError, "internal error"
	switch {
	case isBad:
		status, text = bad.status, bad.text
	case isArgument:
		status, text = http.StatusBadRequest, argument.Name+": "+argument.Reason
	case errors.Is(err, errUnauthorized):
		w.Header().Set("WWW-Authenticate", "Bearer")
		status, text = http.StatusUnauthorized, err.Error()
	case errors.Is(err, errNoUser):
		status, text = http.StatusNotFound, err.Error()
	case errors.Is(err, errDeleting), errors.Is(err, errDeleteFailed):
		status, text = http.StatusConflict, err.Error()
	case isRC && refused.Retryable():
		w.Header().Set("Retry-After", retryAfter)
		status, text = http.StatusServiceUnavailable, "RC is unavailable at the moment"
	case isRC:
		status, text = http.StatusBadGateway, fmt.Sprintf("RC refused: %v", refused.Code)
	case r.Context().Err() != nil:
		status, text = statusClientClosed, "the client closed the request"
	}
	if status >= http.StatusInternalServerError {
		a.log.WarnContext(r.Context(), "request failed", "route", r.Pattern, "id", w.Header().Get("X-Request-ID"), "error", err)
	}
	writeJSON(w, status, map[string]string{"error": text})
}
