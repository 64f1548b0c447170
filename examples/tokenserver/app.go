package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

const (
	shutdownPatience = 10 * time.Second
	requestPatience  = shutdownPatience - time.Second // the rest is for what goes on without a request
	readPatience     = 5 * time.Second                // less than requestPatience, so that a slow sender holds no shutdown up
	pruneEvery       = time.Hour
	keepFor          = 24 * time.Hour // what a late event may be about; RC's are minutes late
)

// app is what the handlers share.
type app struct {
	settings

	log          *slog.Logger
	authenticate authenticator
	client       *rcuser.Client
	store        *store
	hub          *hub
	webhook      *webhook.Handler
	deletions    *deletions
	logins       singleflight.Group
	stopping     <-chan struct{} // closed when the program is about to end
}

// serve runs the server until ctx ends, and then for as long as it takes to end what has begun.
func serve(ctx context.Context, s settings, log *slog.Logger) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	h := newHub()
	db, err := openStore(ctx, s.database, h.changed)
	if err != nil {
		return fmt.Errorf("DATABASE: %w", err)
	}
	defer func() { err = errors.Join(err, db.close()) }()
	a := &app{settings: s, log: log, store: db, hub: h, stopping: ctx.Done()}
	if err := a.connect(); err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return fmt.Errorf("LISTEN_ADDR: %w", err)
	}
	url := "http://" + listener.Addr().String()
	if s.fake != nil {
		s.fake.SetWebhookURL(url + s.webhookPath)
	}
	var background sync.WaitGroup
	background.Go(func() { a.deletions.run(ctx) })
	background.Go(func() { a.keepPruned(ctx) })
	server := a.server()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	log.Info("listening", "url", url, "fake", s.fake != nil)
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	log.Info("stopping")
	stop()
	return errors.Join(err, a.shutdown(server, &background))
}

// connect makes what talks to RC and what RC talks to.
func (a *app) connect() (err error) {
	a.authenticate = bearer(a.apiToken)
	if a.fake != nil {
		a.authenticate = anybody
	}
	a.rc.Logger = a.log
	if a.client, err = rcuser.NewClient(a.rc); err != nil {
		return err
	}
	ops, err := webhook.NewOperations(a.client, webhook.OperationsOptions{Store: a.store, Poll: listPoll})
	if err != nil {
		return err
	}
	a.deletions = newDeletions(a.store, ops, a.log)
	a.webhook, err = webhook.NewHandler(webhook.Config{
		Credentials:    webhook.StaticCredentials(rcuser.Credentials{AppKey: a.rc.AppKey, AppSecret: a.rc.AppSecret}),
		OnPresence:     a.onPresence,
		OnDeactivation: ops.Handle,
		Replays:        a.store,
		Logger:         a.log,
	})
	return err
}

// onPresence takes events in any order and more than once. If the database fails RC is told so, and sends again.
func (a *app) onPresence(ctx context.Context, e webhook.PresenceEvent) error {
	switch e.Status {
	case webhook.Online:
		return a.store.putPresence(ctx, e, true)
	case webhook.Offline, webhook.LoggedOut:
		return a.store.putPresence(ctx, e, false)
	}
	return nil // RC has learnt something that this program hasn't
}

// server has limits for everything that a client could hold it up with.
func (a *app) server() *http.Server {
	handler := http.NewCrossOriginProtection().Handler(a.routes())
	if a.fake != nil {
		handler = local(handler)
	}
	return &http.Server{
		Handler:        a.logged(handler),
		ReadTimeout:    readPatience,
		WriteTimeout:   20 * time.Second,
		IdleTimeout:    time.Minute,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
}

func (a *app) keepPruned(ctx context.Context) {
	ticker := time.NewTicker(pruneEvery)
	defer ticker.Stop()
	for {
		if err := a.store.prune(ctx, a.now().Add(-keepFor)); err != nil && ctx.Err() == nil {
			a.log.Error("pruning the database", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// shutdown waits for what has begun. What takes too long is cut off.
func (a *app) shutdown(server *http.Server, background *sync.WaitGroup) error {
	ended := make(chan struct{})
	go func() {
		background.Wait()
		close(ended)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), shutdownPatience)
	defer cancel()
	requests, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	err := server.Shutdown(requests)
	if err != nil {
		err = errors.Join(fmt.Errorf("requests were cut off: %w", err), server.Close())
	}
	err = errors.Join(err, a.webhook.Shutdown(ctx))
	select {
	case <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case <-ended: // even if there is no time left
		return err
	default:
		return errors.Join(err, errors.New("deletions didn't stop in time"))
	}
}
