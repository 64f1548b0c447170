package main

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

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

func badRequest(text string) error { return &requestError{http.StatusBadRequest, text} }

// readJSON decodes a body that is one JSON object into target. It refuses names that are unknown, repeated or in another
// case: another program that reads the same body might choose another one of two values. It refuses invalid UTF-8 too, which
// would become other characters. It checks the Content-Type, because a browser sends cross-site requests of the type
// application/json only after a preflight request.
func readJSON(w http.ResponseWriter, r *http.Request, target any) error {
	if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType != "application/json" {
		return &requestError{http.StatusUnsupportedMediaType, "Content-Type must be application/json"}
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, target, json.RejectUnknownMembers(true)); err != nil {
		return badRequest("invalid JSON body: " + jsonProblem(err))
	}
	return nil
}

// jsonProblem describes an error without the names of Go types, which mean nothing to the caller.
func jsonProblem(err error) string {
	mismatch, isMismatch := errors.AsType[*json.SemanticError](err)
	syntax, isSyntax := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case isSyntax:
		return fmt.Sprintf("%v, after byte %d", syntax.Err, syntax.ByteOffset)
	case !isMismatch:
		return "it can't be read"
	case mismatch.JSONPointer == "":
		return "it must be an object"
	case errors.Is(err, json.ErrUnknownName):
		return fmt.Sprintf("unknown name %q", mismatch.JSONPointer.LastToken())
	}
	return fmt.Sprintf("%s has the wrong type", mismatch.JSONPointer.LastToken())
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
		return nil, badRequest("the body is incomplete")
	}
	return body, nil
}

// writeJSON forbids caching, because body may contain a token.
func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, body, jsontext.AllowInvalidUTF8(true)) // fails only if the client is gone: an event may have had any bytes
}

// fail answers with an error. The details of errors that the caller can't do anything about go to the log only.
func (a *app) fail(w http.ResponseWriter, r *http.Request, err error) {
	bad, isBad := errors.AsType[*requestError](err)
	refused, isRC := errors.AsType[*rcuser.Error](err)
	status, text := http.StatusInternalServerError, "internal error"
	switch {
	case isBad:
		status, text = bad.status, bad.text
	case errors.Is(err, errUnauthorized):
		w.Header().Set("WWW-Authenticate", "Bearer")
		status, text = http.StatusUnauthorized, err.Error()
	case errors.Is(err, errNoUser):
		status, text = http.StatusNotFound, err.Error()
	case errors.Is(err, errClosed):
		status, text = http.StatusConflict, errClosed.Error()
	case errors.Is(err, errDeleting), errors.Is(err, errDeleteFailed):
		status, text = http.StatusConflict, err.Error()
	case errors.Is(err, errLoginBusy):
		w.Header().Set("Retry-After", retryAfter)
		status, text = http.StatusServiceUnavailable, err.Error()
	case isRC && refused.Retryable():
		w.Header().Set("Retry-After", retryAfter)
		status, text = http.StatusServiceUnavailable, "RC is unavailable at the moment; try again"
	case isRC:
		status, text = http.StatusBadGateway, refusalText(refused)+"; the log has the details"
	case r.Context().Err() != nil:
		status, text = statusClientClosed, "the client closed the request"
	}
	if status >= http.StatusInternalServerError {
		a.log.WarnContext(r.Context(), "request failed", "route", r.Pattern, "id", w.Header().Get("X-Request-ID"), "error", err)
	}
	writeJSON(w, status, map[string]string{"error": text})
}

// refusalText describes a failure that only the operator can mend.
func refusalText(e *rcuser.Error) string {
	switch {
	case e.Code != 0:
		return fmt.Sprintf("RC refused: %v", e.Code)
	case e.StatusCode != 0:
		return fmt.Sprintf("something between this server and RC refused the call with status %d", e.StatusCode)
	}
	return "RC can't be reached from this server"
}
