package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

//go:embed page
var files embed.FS

const (
	contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	shownUsers    = 100
	streamPause   = 50 * time.Millisecond // changes within it are sent as one
	streamAlive   = 15 * time.Second      // something is sent at least so often, to notice who is gone
	streamTimeout = 5 * time.Second       // a reader that takes longer is gone
	demoStep      = 15 * time.Minute      // what RC takes for a deactivation
)

func page(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", contentPolicy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, r, files, "page/"+name)
	}
}

// overview is what the page shows.
type overview struct {
	Now   time.Time `json:"now"`   // by the fake's clock
	Users []user    `json:"users"` // the first of them
	More  bool      `json:"more"`  // there are others
}

// events sends the overview, and sends it again whenever something has changed: a stream of server-sent events.
func (a *app) events(w http.ResponseWriter, r *http.Request) {
	changes, leave := a.hub.watch()
	defer leave()
	controller := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	alive := time.NewTicker(streamAlive)
	defer alive.Stop()
	for {
		_ = controller.SetWriteDeadline(time.Now().Add(streamTimeout)) // instead of the server's, which is for the whole answer
		if err := a.sendOverview(w, r); err != nil || controller.Flush() != nil {
			return // the page connects again
		}
		time.Sleep(streamPause)
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
	users, err := a.store.users(r.Context(), "ORDER BY name, id LIMIT ?", shownUsers+1) // one more, to tell whether all are shown
	if err != nil {
		return err
	}
	shown := users[:min(len(users), shownUsers)]
	data, err := json.Marshal(overview{a.now(), shown, len(shown) < len(users)})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "data: %s\n\n", data)
	return err
}

// demoOnline does what only a user's phone can.
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

// demoAdvance lets time pass at the fake.
func (a *app) demoAdvance(w http.ResponseWriter, _ *http.Request) {
	a.fake.Advance(demoStep)
	a.hub.changed() // tokens are older now
	w.WriteHeader(http.StatusNoContent)
}
