package main

import (
	"crypto/rand"
	"net/http"
	"time"

	"github.com/f0207b22/rcuser"
)

// routes are the app's own API, RC's webhook and, on the fake alone, the page: it shows everybody everything.
func (a *app) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", a.login)
	mux.HandleFunc("GET /users/{id}", a.forUser(a.getUser))
	mux.HandleFunc("DELETE /users/{id}", a.forUser(a.deleteUser))
	mux.Handle("POST "+a.webhookPath, a.webhook)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /readyz", a.ready)
	if a.fake != nil {
		mux.HandleFunc("GET /{$}", page("index.html"))
		mux.HandleFunc("GET /page.js", page("page.js"))
		mux.HandleFunc("GET /page.css", page("page.css"))
		mux.HandleFunc("GET /events", a.events)
		mux.HandleFunc("POST /demo/online", a.demoOnline)
		mux.HandleFunc("POST /demo/advance", a.demoAdvance)
	}
	return mux
}

// ready answers whether requests should come here.
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

// logged writes a line for every request. It has the route's pattern, never the URL: that of RC's webhook has a path that
// nobody may know, and a signature.
func (a *app) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, start := rand.Text(), time.Now()
		w.Header().Set("X-Request-ID", id)
		r = r.WithContext(rcuser.WithRequestID(r.Context(), id)) // RC gets it with the calls that the request makes
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

// statusRecorder remembers the status of an answer.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (w *statusRecorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (w *statusRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
