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
	maxBody      = 8 << 10
	retryAfter   = "5" // seconds
	statusHungUp = 499 // nginx's, for the log: nobody reads it
)

// requestError is a request that can't be meant.
type requestError struct {
	status int
	text   string
}

func (e *requestError) Error() string { return e.text }

// readJSON reads a body that is one JSON object with no other fields than those of into. As browsers send other sites'
// requests without asking only if their type is another, the type is checked too.
func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType != "application/json" {
		return &requestError{http.StatusUnsupportedMediaType, "Content-Type must be application/json"}
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err = decoder.Decode(into); err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.Join(errors.New("more than one JSON value"), err)
	}
	return &requestError{http.StatusBadRequest, "the body isn't the JSON object that is expected: " + err.Error()}
}

// readBody doesn't show the caller the network's errors: they have addresses.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case tooLarge:
		return nil, &requestError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", maxBody)}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &requestError{http.StatusRequestTimeout, "the body came too slowly"}
	case err != nil:
		return nil, &requestError{http.StatusBadRequest, "the body ended before its end"}
	}
	return body, nil
}

// writeJSON answers with what no cache may keep: it may be a token.
func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that is gone needs no answer
}

// fail answers with an error. What the caller can't do anything about is told to the log instead.
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
	case errors.Is(err, errDeleting), errors.Is(err, errRefused):
		status, text = http.StatusConflict, err.Error()
	case isRC && refused.Retryable():
		w.Header().Set("Retry-After", retryAfter)
		status, text = http.StatusServiceUnavailable, "RC doesn't answer at the moment"
	case isRC:
		status, text = http.StatusBadGateway, fmt.Sprintf("RC refused: %v", refused.Code)
	case r.Context().Err() != nil: // which is what failed
		status, text = statusHungUp, "the caller hung up"
	}
	if status >= http.StatusInternalServerError {
		a.log.WarnContext(r.Context(), "request failed", "route", r.Pattern, "id", w.Header().Get("X-Request-ID"), "error", err)
	}
	writeJSON(w, status, map[string]string{"error": text})
}
