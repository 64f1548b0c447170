package main

import (
	"crypto/rand"
	"net/http"
	"time"

	"github.com/f0207b22/rcuser"
)

// routes returns the app's API, RC's webhook and, only with the fake, the demo page, which shows every user to anybody.
func (a *app) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", a.login)
	mux.HandleFunc("GET /users/{id}", a.withUserID(a.getUser))
	mux.HandleFunc("DELETE /users/{id}", a.withUserID(a.deleteUser))
	mux.Handle("POST "+a.webhookPath, a.webhook)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /readyz", a.ready)
	if a.fake != nil {
		mux.HandleFunc("GET /{$}", pageFile("index.html"))
		mux.HandleFunc("GET /page.js", pageFile("page.js"))
		mux.HandleFunc("GET /page.css", pageFile("page.css"))
		mux.HandleFunc("GET /events", a.events)
		mux.HandleFunc("POST /demo/online", a.demoOnline)
		mux.HandleFunc("POST /demo/advance", a.demoAdvance)
	}
	return mux
}

// ready answers 204 if the server can take requests, and 503 otherwise.
func (a *app) ready(w http.ResponseWriter, r *http.Request) {
	select {
	case <-a.stopping:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	default:
	}
	if err := a.store.ready(r.Context()); err != nil {
		a.log.Error("not ready", "error", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// withLogging logs every request with the pattern of its route, and never its URL: a webhook's URL contains the secret path
// and a signature.
func (a *app) withLogging(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, start := rand.Text(), time.Now()
		w.Header().Set("X-Request-ID", id)
		r = r.WithContext(rcuser.WithRequestID(r.Context(), id)) // calls to RC made for this request send the same id
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorder, r)
		route := r.Pattern
		if route == "POST "+a.webhookPath {
			route = "webhook"
		}
		a.log.Info("request", "id", id, "method", r.Method, "route", route, "status", recorder.status,
			"ms", time.Since(start).Milliseconds())
	})
}

// statusRecorder records the status of the response.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (w *statusRecorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets [http.ResponseController] find the original writer.
func (w *statusRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
