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
	shutdownTimeout = 10 * time.Second
	requestTimeout  = shutdownTimeout - time.Second // for requests during a shutdown; the last second is for events and background work
	readTimeout     = 5 * time.Second               // less than requestTimeout, so that a slow sender can't delay a shutdown
	pruneInterval   = time.Hour
	retention       = 24 * time.Hour // of rows that a late event may refer to; RC's events are late by minutes
)

// app holds what the handlers share.
type app struct {
	settings

	log          *slog.Logger
	authenticate authenticator
	client       *rcuser.Client
	store        *store
	hub          *hub
	webhook      *webhook.Handler
	ops          *webhook.Operations
	deleter      *deleter
	logins       singleflight.Group
	users        *userLocks
	stopping     <-chan struct{} // closed when the shutdown begins
}

// serve runs the server until ctx ends, and then shuts it down within [shutdownTimeout].
func serve(ctx context.Context, s settings, log *slog.Logger) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	h := newHub()
	db, err := openStore(ctx, s.database, h.notify)
	if err != nil {
		return fmt.Errorf("DATABASE: %w", err)
	}
	defer func() { err = errors.Join(err, db.close()) }()
	a := &app{settings: s, log: log, store: db, hub: h, users: newUserLocks(), stopping: ctx.Done()}
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
	background.Go(func() { a.deleter.run(ctx) })
	background.Go(func() { a.pruneLoop(ctx) })
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

// connect creates the client for RC, the handler of its webhook, and the deleter, which uses both.
func (a *app) connect() (err error) {
	a.authenticate = bearer(a.apiToken)
	if a.fake != nil {
		a.authenticate = allowAll
	}
	a.rc.Logger = a.log
	if a.client, err = rcuser.NewClient(a.rc); err != nil {
		return err
	}
	a.ops, err = webhook.NewOperations(a.client, webhook.OperationsOptions{Store: a.store, Poll: pollInterval})
	if err != nil {
		return err
	}
	a.deleter = newDeleter(a.store, a.ops, a.log)
	a.webhook, err = webhook.NewHandler(webhook.Config{
		Credentials:    webhook.StaticCredentials(rcuser.Credentials{AppKey: a.rc.AppKey, AppSecret: a.rc.AppSecret}),
		OnPresence:     a.onPresence,
		OnDeactivation: a.onDeactivation,
		Replays:        a.store,
		Logger:         a.log,
	})
	return err
}

// onPresence handles events in any order and more than once. An error of the database makes RC send the event again.
func (a *app) onPresence(ctx context.Context, e webhook.PresenceEvent) error {
	switch e.Status {
	case webhook.Online:
		return a.store.putPresence(ctx, e, true)
	case webhook.Offline, webhook.LoggedOut:
		return a.store.putPresence(ctx, e, false)
	}
	return nil // a status added to RC after this program was written
}

// onDeactivation also handles events about accounts that something else has closed or opened again, such as RC's console:
// RC has voided the tokens of the one, and gives the other tokens again.
func (a *app) onDeactivation(ctx context.Context, e webhook.DeactivationEvent) error {
	err := a.ops.Handle(ctx, e)
	switch {
	case err != nil || !e.Done():
		return err
	case e.Type == webhook.Deactivation:
		return a.store.clearToken(ctx, e.UserID)
	case e.Type == webhook.Reactivation:
		return a.store.forgetClosed(ctx, e.UserID)
	}
	return nil
}

// server returns a server that limits the size and the duration of requests.
func (a *app) server() *http.Server {
	handler := http.NewCrossOriginProtection().Handler(a.routes())
	if a.fake != nil {
		handler = requireLoopbackHost(handler)
	}
	return &http.Server{
		Handler:        a.withLogging(handler),
		ReadTimeout:    readTimeout,
		WriteTimeout:   20 * time.Second,
		IdleTimeout:    time.Minute,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
}

func (a *app) pruneLoop(ctx context.Context) {
	ticker := time.NewTicker(pruneInterval)
	defer ticker.Stop()
	for {
		if err := a.store.prune(ctx, time.Now()); err != nil && ctx.Err() == nil {
			a.log.Error("pruning the database failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// shutdown waits for requests, webhook events and background work that have begun, and interrupts those that take longer
// than [shutdownTimeout].
func (a *app) shutdown(server *http.Server, background *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		background.Wait()
		close(done)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	requests, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err := server.Shutdown(requests)
	if err != nil {
		err = errors.Join(fmt.Errorf("requests were interrupted: %w", err), server.Close())
	}
	err = errors.Join(err, a.webhook.Shutdown(ctx))
	select {
	case <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case <-done: // select picks at random if both channels are ready
		return err
	default:
		return errors.Join(err, errors.New("deletions didn't stop in time"))
	}
}
