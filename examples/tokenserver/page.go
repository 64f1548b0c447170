package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

//go:embed page
var pageFiles embed.FS

const (
	contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	maxShownUsers      = 100
	streamDebounce     = 50 * time.Millisecond // changes within it are sent together
	streamKeepAlive    = 15 * time.Second      // the longest time between messages, so that closed connections are noticed
	streamWriteTimeout = 5 * time.Second       // for writing one message
	streamRetry        = time.Second           // how long the page waits before it reconnects
	demoStep           = 15 * time.Minute      // the time that RC takes for a deactivation
)

func pageFile(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", contentSecurityPolicy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, r, pageFiles, "page/"+name)
	}
}

// overview is the content of the page.
type overview struct {
	Now   time.Time `json:"now"`   // of the fake's clock
	Users []user    `json:"users"` // the first maxShownUsers by name
	More  bool      `json:"more"`  // there are more users than that
}

// events is a stream of server-sent events: the overview, now and after every change.
func (a *app) events(w http.ResponseWriter, r *http.Request) {
	changes, unsubscribe := a.hub.subscribe()
	defer unsubscribe()
	controller := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	alive := time.NewTicker(streamKeepAlive)
	defer alive.Stop()
	_, _ = fmt.Fprintf(w, "retry: %d\n\n", streamRetry.Milliseconds()) // an error comes again with the next write
	for {
		_ = controller.SetWriteDeadline(time.Now().Add(streamWriteTimeout)) // replaces the server's WriteTimeout, which is for a whole response
		if err := a.sendOverview(w, r); err != nil || controller.Flush() != nil {
			return // the page reconnects
		}
		time.Sleep(streamDebounce)
		select {
		case <-a.stopping:
			return
		case <-r.Context().Done():
			return
		case <-changes:
		case <-alive.C:
		}
	}
}

func (a *app) sendOverview(w http.ResponseWriter, r *http.Request) error {
	users, err := a.store.users(r.Context(), "ORDER BY name, id LIMIT ?", maxShownUsers+1) // one more, to know whether there are others
	if err != nil {
		if r.Context().Err() == nil {
			a.log.WarnContext(r.Context(), "stream failed", "error", err)
		}
		return err
	}
	shown := users[:min(len(users), maxShownUsers)]
	data, err := json.Marshal(overview{a.now(), shown, len(shown) < len(users)})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "data: %s\n\n", data)
	return err
}

// demoOnline connects or disconnects a user's phone, which is impossible through RC's API.
func (a *app) demoOnline(w http.ResponseWriter, r *http.Request) {
	var in struct {
		UserID string `json:"userId"`
		Online bool   `json:"online"`
	}
	err := readJSON(w, r, &in)
	if err == nil {
		_, err = a.store.user(r.Context(), in.UserID)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.fake.SetOnline(in.UserID, in.Online)
	w.WriteHeader(http.StatusNoContent)
}

// demoAdvance moves the fake's clock forward by [demoStep].
func (a *app) demoAdvance(w http.ResponseWriter, _ *http.Request) {
	a.fake.Advance(demoStep)
	a.hub.notify() // the ages of the tokens have changed
	w.WriteHeader(http.StatusNoContent)
}
